// Highlights #L10 or #L10-L20 and scrolls to it; a click with Shift on a second line number extends the range.
(function () {
  "use strict";
  function range() {
    var found = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
    if (!found) return null;
    var first = Number(found[1]), last = Number(found[2] || found[1]);
    return first <= last ? [first, last] : [last, first];
  }
  function show() {
    document.querySelectorAll(".hit").forEach(function (line) { line.classList.remove("hit"); });
    var lines = range();
    if (!lines) return;
    for (var number = lines[0]; number <= lines[1]; number++) {
      var line = document.getElementById("L" + number);
      if (!line) break;
      line.classList.add("hit");
    }
    var top = document.getElementById("L" + lines[0]);
    if (top) top.scrollIntoView();
  }
  document.addEventListener("click", function (event) {
    var lines = range(), clicked = event.target.dataset && event.target.dataset.line;
    if (!clicked || !event.shiftKey || !lines) return;
    event.preventDefault();
    var ends = [lines[0], Number(clicked)].sort(function (a, b) { return a - b; });
    location.hash = "L" + ends[0] + "-L" + ends[1];
  });
  window.addEventListener("hashchange", show);
  show();
})();
