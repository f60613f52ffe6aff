"""Where is an index? Telling folder, cluster and server apart, and the default location of this user.

Not here: opening (`wherefrom.open`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from indexer.errors import IndexNotFound, InputError

Kind = Literal["folder", "elasticsearch", "server"]


def kind_of(location: str) -> Kind:
    """`es+https://...` is a cluster, `http(s)://...` a running server, anything else a folder.

    Raises InputError for a cluster's with credentials in it: locations are printed, logged and remembered.
    """
    if location.startswith(("es+http://", "es+https://")):
        refuse_credentials(location)
        return "elasticsearch"
    if location.startswith(("http://", "https://")):
        return "server"
    return "folder"


def refuse_credentials(location: str) -> None:
    """Raises InputError for a cluster's location that holds some, without showing it: a password may hold any sign."""
    if "@" in location:
        names = "WHEREFROM_ELASTICSEARCH_USER and WHEREFROM_ELASTICSEARCH_PASSWORD"
        raise InputError(f"credentials in a location of a cluster; set {names} instead")


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
