// What happens on a click or a key? Choosing a span, copying the notice, Ctrl+Enter. All state is in attributes: a new answer resets it.
(() => {
  if (window.wherefrom) return;
  window.wherefrom = true;

  const has = (element, span) => element.dataset.spans.split(" ").includes(span);

  const choose = (answer, span) => {
    const all = span === null;
    let first = null;
    for (const link of answer.querySelectorAll("a.wf-span")) link.setAttribute("aria-pressed", String(link.dataset.span === span));
    for (const about of answer.querySelectorAll(".wf-about")) about.hidden = about.dataset.span !== span;
    for (const source of answer.querySelectorAll(".wf-source")) {
      source.hidden = !all && !has(source, span);
      source.open = !source.hidden && first === null;
      if (source.open) first = source;
    }
    for (const line of answer.querySelectorAll(".wf-line")) line.classList.toggle("wf-chosen", !all && has(line, span));
    const none = answer.querySelector("[data-wf-none]");
    if (none) none.hidden = first !== null;
    const panel = answer.querySelector("#wf-sources");
    if (panel && !all && panel.getBoundingClientRect().top > window.innerHeight * 0.8) panel.scrollIntoView({ block: "start" });
  };

  const copy = async (button) => {
    const text = document.getElementById(button.dataset.wfCopy);
    let done = true;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {  // no leave, or not a secure address: the older way
      getSelection().selectAllChildren(text);
      done = document.execCommand("copy");
    }
    const label = button.textContent;
    button.textContent = done ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => { button.textContent = label; }, 2000);
  };

  document.addEventListener("click", (event) => {
    const span = event.target.closest("a.wf-span");
    if (span) {
      event.preventDefault();
      choose(span.closest(".wf-answer"), span.getAttribute("aria-pressed") === "true" ? null : span.dataset.span);
    }
    const all = event.target.closest("[data-wf-all]");
    if (all) choose(all.closest(".wf-answer"), null);
    const button = event.target.closest("[data-wf-copy]");
    if (button) copy(button);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches?.("a.wf-span")) {
      event.preventDefault();
      event.target.click();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest?.("#wf-code")) {
      event.preventDefault();
      document.getElementById("wf-trace").click();
    }
  });
})();
