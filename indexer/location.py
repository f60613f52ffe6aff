"""Where is an index? Telling folder, cluster and server apart, and the default location of this user.

Not here: opening (`wherefrom.open`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from indexer.errors import IndexNotFound

Kind = Literal["folder", "elasticsearch", "server"]


def kind_of(location: str) -> Kind:
    """`es+https://...` is a cluster, `http(s)://...` a running server, anything else a folder."""
    if location.startswith(("es+http://", "es+https://")):
        return "elasticsearch"
    if location.startswith(("http://", "https://")):
        return "server"
    return "folder"


def state_file(environment: Mapping[str, str]) -> Path:
    """The file that remembers which index this user made last."""
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else home / ".local" / "state") / "wherefrom" / "default-index"


def default_location(environment: Mapping[str, str]) -> str:
    """WHEREFROM_INDEX, else what `demo` or `index` made last for this user. Raises IndexNotFound when there is neither."""
    if location := environment.get("WHEREFROM_INDEX"):
        return location
    try:
        return state_file(environment).read_text("utf-8").strip()
    except FileNotFoundError:
        raise IndexNotFound(
            "no index is set: build one from the packages installed here with `wherefrom demo`, "
            "or name one with --index LOCATION or WHEREFROM_INDEX"
        ) from None


def remember_location(location: str, environment: Mapping[str, str]) -> None:
    """Makes `location` this user's default; a folder is stored as an absolute path."""
    file = state_file(environment)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(location if kind_of(location) != "folder" else str(Path(location).resolve()), "utf-8")
    part.replace(file)
