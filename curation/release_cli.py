"""The commands about a finished release: release card, diff, push, status, withdraw.

Not here: making one (`wherefrom curate`), what a card says (`curation.cards`), how a release is handed on (`curation.distribution`).
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curation.shared_cli import Json, print_json, shown_progress, today

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
commands = typer.Typer(no_args_is_help=True)
app.add_typer(commands, name="release")

Folder = Annotated[Path, typer.Argument(metavar="RELEASE", help="A folder that `wherefrom curate` made, or a copy of one.")]


@commands.callback()
def about() -> None:
    """Describe and compare releases, hand them on, tell those who hold one about newer ones, withdraw one.

    Example: wherefrom release push release-1 /srv/datasets --accept-terms
    """


@commands.command("card", epilog="Example: wherefrom release card release-1 --opt-out 'https://example.org/opt-out'")
def card(
    release: Folder,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write; by default into the release.")
    ] = None,
    opt_out: Annotated[str | None, typer.Option(metavar="TEXT", help="Whom people ask to be left out: a name, an address, a URL.")] = None,
    place: Annotated[str | None, typer.Option(metavar="FOLDER|URL", help="Where releases are pushed to, for the card to name.")] = None,
    as_json: Json = False,
) -> None:
    """Write the dataset card (README.md), its plots, and a preview to page through (preview/index.html)."""
    from curation.cards import CardSettings, write_card
    from indexer.corpus import Release

    said = {name: value for name, value in (("opt_out", opt_out), ("place", place)) if value}
    target = output or release
    names = write_card(Release.open(release), target, CardSettings(**said))
    if as_json:
        return print_json({"location": str(target), "files": names})
    print(f"{target}: {names[0]} and {len(names) - 1} files more; open {target / 'preview' / 'index.html'} in a browser")


@commands.command("diff", epilog="Example: wherefrom release diff release-1.0 release-1.1 --changes changes.jsonl")
def diff(
    before: Folder,
    after: Annotated[Path, typer.Argument(metavar="RELEASE", help="The release to compare it with.")],
    *,
    changes: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every change here, one JSON object a line.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what differs between two releases: files, licences, languages, counts."""
    from contextlib import ExitStack

    from curation.release_diff import Change, as_line, release_diff, told
    from indexer.corpus import Release
    from indexer.disk import disk_errors

    with ExitStack() as stack:
        lines = None
        if changes:
            stack.enter_context(disk_errors(changes))
            lines = stack.enter_context(open(changes, "w", encoding="utf-8"))

        def write(change: Change) -> None:
            if lines:
                lines.write(as_line(change) + "\n")

        found = release_diff(Release.open(before), Release.open(after), write)
    if as_json:
        return print_json(asdict(found))
    print(told(found))


@commands.command("push", epilog="Example: wherefrom release push release-1 /srv/datasets --accept-terms")
def push(
    release: Folder,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="The folder of all releases; this one goes to TARGET/NAME/VERSION. Or git+URL: a git repository with Git LFS, such as a"
            " dataset of the Hugging Face hub, whose newest version it becomes; git's own credentials are used.",
        ),
    ],
    *,
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="You have read TERMS.md and accept it.")] = False,
    as_json: Json = False,
) -> None:
    """Copy a release to where others get it: whole, with its bytes compared, its terms of use in it, and listed in releases.json.

    What was cut off goes on when the same command is run again; nothing is to be seen there before all has arrived. To a hub:
    wherefrom release push release-1 git+https://HOST/datasets/OWNER/NAME --accept-terms
    """
    from curation.distribution import push as run
    from indexer.corpus import Release

    with shown_progress() as (progress, _):
        pushed = run(Release.open(release), target, accept_terms=accept_terms, progress=progress)
    if as_json:
        return print_json({"location": pushed})
    print(f"{pushed}: pushed; its holders learn of newer versions with: wherefrom release status FOLDER --against {target}")


@commands.command("status", epilog="Example: wherefrom release status ~/datasets/demo --against https://example.org/datasets")
def status(
    release: Folder,
    *,
    against: Annotated[
        str, typer.Option(metavar="FOLDER|URL", help="Where releases are pushed to: a folder, its URL on the web, or git+URL.")
    ],
    as_json: Json = False,
) -> int:
    """Tell whether a release that you hold is the newest, outdated or withdrawn. Exit code 0 for the newest, else 1."""
    from curation.distribution import status as run
    from indexer.corpus import Release

    found = run(Release.open(release), against)
    if as_json:
        print_json({"location": str(release), **asdict(found)})
    else:
        line = f"{release}: {found.name} {found.version} is {'the newest usable version' if found.state == 'current' else found.state}"
        if found.withdrawn:
            line += f" since {found.withdrawn['date']}: {found.withdrawn['reason']}"
        if found.newest:
            line += f"; use {found.newest.version} of {found.newest.date}"
        print(line)
    return 0 if found.state == "current" else 1


@commands.command("withdraw", epilog="Example: wherefrom release withdraw /srv/datasets/demo/1.0 --reason 'holds opted-out files'")
def withdraw(
    release: Folder,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who hold a copy.")],
    place: Annotated[str | None, typer.Option(metavar="git+URL", help="The git repository that it was pushed to, to say so there.")] = None,
    as_json: Json = False,
) -> None:
    """Mark a release as withdrawn, also in the list of the place that it was pushed to; it is then no longer read."""
    from curation.distribution import withdraw as run
    from indexer.corpus import Release

    is_listed = run(Release.open(release), reason, today(os.environ), place)
    if as_json:
        return print_json({"location": str(release), "listed": is_listed})
    print(f"{release}: withdrawn")
    if not is_listed:
        print(
            f"wherefrom: {release}: stands in no list; withdraw TARGET/NAME/VERSION too, or with --place git+URL, where it was pushed to",
            file=sys.stderr,
        )
