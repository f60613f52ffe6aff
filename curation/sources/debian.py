"""Which files does a Debian source package hold?

    debian:hello, debian:hello=2.10-3     downloaded with the machine's own apt, from the sources that it is set up for
    debian:pool/hello_2.10-3.dsc          one that lies here, its archives beside it

What the .dsc lists is held to its SHA-256. Archives are read and never extracted, no program of a package runs: upstream's files at the
root, a component's in its folder, the packaging in debian/. Patches are files there and are not applied. Licences come file by file
from a machine-readable debian/copyright, else from licence files.

Not here: what debian/copyright says (`curation.sources.debian_copyright`), reading archives safely (`curation.sources.archive`).
"""

from __future__ import annotations

import email
import gzip
import os
import re
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from urllib.parse import quote

from curation.licence_texts import is_legal_name, legal_texts
from curation.metadata import github_owner
from curation.origin import MAX_FILE_BYTES, CloneLimits, Origin, Reading, Source, SourceFile
from curation.package_licences import files_licence
from curation.release_folder import sha256
from curation.sources.archive import members, reason_to_skip
from curation.sources.debian_copyright import Copyright, machine_readable
from indexer.errors import BackendUnavailable, InputError, TimedOut

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9][A-Za-z0-9.+~:-]*)?")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_-]*")
_ARCHIVE = re.compile(r"\.orig(?:-([A-Za-z0-9-]+))?\.tar\.\w+$|\.(debian)\.tar\.\w+$|\.tar\.\w+$")
_PRINTED_URI = re.compile(r"^'[^']*' \S+ (\d+) ", re.MULTILINE)
_NO_SOURCES = "deb-src"  # in apt's words, whatever comes before and after
_COPYRIGHT = "debian/copyright"


class PackageTooLarge(InputError):
    """The archives of a package are larger than the limit."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One archive, the folder that its files go to ("" for the root), and whether debian/ in it counts."""

    archive: Path
    folder: str
    has_packaging: bool


@dataclass(frozen=True, slots=True)
class _Survey:
    """What is known of the package, what its debian/copyright says, and the folder at the top of each archive."""

    origin: Origin
    copyright: Copyright | None
    tops: dict[Path, str]


def debian(location: str) -> Source:
    """The source for one source package. Raises InputError for what is neither a package's name nor a .dsc that is there."""
    if location.endswith(".dsc"):
        if not Path(location).is_file():
            raise InputError(f"debian:{location}: no such file")
    elif not _PACKAGE.fullmatch(location):
        raise InputError(f"debian:{location}: no name of a package; wanted NAME, NAME=VERSION or a .dsc file")

    def files(reading: Reading) -> Iterator[SourceFile]:
        if location.endswith(".dsc"):
            yield from _package_files(Path(location), reading)
            return
        if reason := reading.removals.reason(f"deb/{location.partition('=')[0]}", None, None):
            return reading.skip(reason)
        with _downloaded(location, reading) as dsc:
            if dsc:
                yield from _package_files(dsc, reading)

    return files


@contextmanager
def _downloaded(package: str, reading: Reading) -> Iterator[Path | None]:
    """The .dsc of a package in a folder of its own; None, and counted, where it is too large or too slow."""
    with tempfile.TemporaryDirectory(prefix="wherefrom-debian-") as name:
        folder = Path(name)
        try:
            _download(package, folder, reading.clone)
        except PackageTooLarge as error:
            reading.bad(error, "package_too_large")
        except TimedOut as error:
            reading.bad(error, "download_timed_out")
        else:
            yield next(iter(sorted(folder.glob("*.dsc"))), None)
            return
        yield None


def _download(package: str, folder: Path, limits: CloneLimits) -> None:
    printed = _apt_get(package, folder, limits, "--print-uris")
    n_bytes = sum(map(int, _PRINTED_URI.findall(printed)))
    if n_bytes > limits.n_bytes:
        raise PackageTooLarge(
            f"debian:{package}: {n_bytes / 1e6:,.0f} MB, the limit is {limits.n_bytes / 1e6:,.0f}; raise it with --clone-mb"
        )
    _apt_get(package, folder, limits, "--download-only")


def _apt_get(package: str, folder: Path, limits: CloneLimits, option: str) -> str:
    """What `apt-get source` prints. It checks what it downloads against the signed index of its sources."""
    command = ["apt-get", "-qq", "source", option, "--", package]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - the one word that comes from outside is a package's name, and stands after --
            command, cwd=folder, env=environment, capture_output=True, timeout=limits.seconds, check=False
        )
    except FileNotFoundError:
        raise InputError(
            f"debian:{package}: apt-get is not installed; use a Debian or Ubuntu machine, or name a .dsc file that was fetched elsewhere"
        ) from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"debian:{package}: not downloaded after {limits.seconds:.0f} s; raise the limit with --clone-seconds") from None
    if done.returncode:
        raise _explained(package, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "replace")


def _explained(package: str, said: str) -> Exception:
    lines = [line.removeprefix("E: ").strip() for line in said.splitlines() if line.startswith("E: ")]
    words = lines[0] if lines else "no reason given"
    if _NO_SOURCES in words:
        return InputError(
            f"debian:{package}: this machine's apt has no source packages; write deb-src beside deb in /etc/apt/sources.list.d"
            " (Types: deb deb-src), then: apt-get update. Or name a .dsc file"
        )
    if "Unable to find a source package" in words or "Can not find version" in words:
        return InputError(
            f"debian:{package}: apt knows no such source package ({words}); see: apt-cache showsrc {package.partition('=')[0]}"
        )
    return BackendUnavailable(f"debian:{package}: apt-get source failed ({words}); run apt-get update, or try again later")


def _package_files(dsc: Path, reading: Reading) -> Iterator[SourceFile]:
    about = _description(dsc)
    parts = _parts(dsc, about)
    survey = _survey(dsc, about, parts)
    taken: set[str] = set()
    for part in parts:
        for member in members(part.archive, reading):
            path = _placed(part, survey.tops[part.archive], member.path)
            if path.startswith("debian/") and not part.has_packaging:
                reading.skip("replaced_by_packaging")
            elif reason := reason_to_skip(member, path in taken):
                reading.skip(reason)
            else:
                taken.add(path)
                under = survey.copyright.of(path) if survey.copyright else None
                yield SourceFile(survey.origin, path, member.read(), licence=under)


def _description(dsc: Path) -> Message:
    """The fields of a .dsc, signed or not. The signature is apt's to check, and says nothing of a file that lies here."""
    try:
        text = dsc.read_bytes()[:MAX_FILE_BYTES].decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"{dsc}: cannot be read ({error.strerror}); make it readable") from error
    if text.startswith("-----BEGIN PGP SIGNED MESSAGE-----"):
        text = text.partition("\n\n")[2].partition("-----BEGIN PGP SIGNATURE-----")[0]
    about = email.message_from_string(text)
    if not (about.get("Source") and about.get("Version") and about.get("Checksums-Sha256")):
        raise InputError(f"{dsc}: names no Source, Version and Checksums-Sha256; is this the .dsc of a source package?")
    return about


def _parts(dsc: Path, about: Message) -> list[_Part]:
    """The archives of a package, checked, the packaging last."""
    names = []
    for line in str(about["Checksums-Sha256"]).split("\n"):
        digest, _, name = [*line.split(), "", "", ""][:3]
        if name.endswith(".diff.gz") or _ARCHIVE.search(name):
            _check(dsc, name, digest)
            names.append(name)
    has_packaging = any(name.endswith(".diff.gz") or ".debian.tar." in name for name in names)
    found = []
    for name in sorted(names, key=lambda name: (".debian.tar." in name, name)):
        if kind := _ARCHIVE.search(name):
            is_packaging = kind[2] is not None
            found.append(_Part(dsc.with_name(name), "debian" if is_packaging else kind[1] or "", is_packaging or not has_packaging))
    return found


def _check(dsc: Path, name: str, digest: str) -> None:
    if not _FILE_NAME.fullmatch(name):
        raise InputError(f"{dsc}: lists a file {name!r}, which is no plain name; get it from a source you trust")
    path = dsc.with_name(name)
    if not path.is_file():
        raise InputError(f"{path}: missing, but listed in {dsc.name}; fetch it too, or use: apt-get source --download-only")
    if (found := sha256(path)) != digest:
        raise InputError(f"{path}: SHA-256 {found[:12]}..., {dsc.name} says {digest[:12]}...; fetch it again")


def _survey(dsc: Path, about: Message, parts: list[_Part]) -> _Survey:
    """Reads everything that will be used, which checks it."""
    tops: dict[Path, str] = {}
    legal: list[tuple[str, bytes]] = []
    for part in parts:
        seen: set[str] = set()
        kept: list[tuple[str, bytes]] = []
        for member in members(part.archive, Reading()):
            if len(seen) < 2:
                seen.add(member.path.partition("/")[0] if "/" in member.path else "")
            if reason_to_skip(member, False) is None:
                content = member.read()
                if is_legal_name(member.path) and member.path.count("/") <= 2:
                    kept.append((member.path, content))
        tops[part.archive] = f"{min(seen)}/" if len(seen) == 1 and "" not in seen else ""
        legal += [(_placed(part, tops[part.archive], path), content) for path, content in kept]
    texts = legal_texts((path, content) for path, content in legal if "/" not in path or path == _COPYRIGHT)
    stated = dict(texts.licences).get(_COPYRIGHT) or _copyright_in_diff(dsc, about)
    found = machine_readable(stated) if stated else None
    upstream = replace(texts, licences=tuple(each for each in texts.licences if each[0] != _COPYRIGHT))
    under = (found.whole if found else None) or files_licence(upstream if upstream.licences else texts)
    return _Survey(_origin(about, replace(Origin("", "debian", under), texts=texts)), found, tops)


def _origin(about: Message, known: Origin) -> Origin:
    name, version, home = str(about["Source"]), str(about["Version"]), str(about.get("Homepage", "")).strip()
    is_web = home.startswith(("https://", "http://"))
    return replace(
        known,
        repository=f"deb/{name}",
        owner=(github_owner([home]) if is_web else None) or "debian",
        commit=version,
        purl=f"pkg:deb/debian/{name}@{quote(version, safe='~')}?arch=source",
        project_url=home if is_web else None,
    )


def _copyright_in_diff(dsc: Path, about: Message) -> str | None:
    """debian/copyright of a package of format 1.0, whose packaging is one diff; the rest of the diff is not taken."""
    names = (line.split()[-1] for line in str(about["Checksums-Sha256"]).split("\n") if line.strip())
    name = next((name for name in names if name.endswith(".diff.gz")), None)
    if name is None:
        return None
    try:
        with gzip.open(dsc.with_name(name)) as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{dsc.with_name(name)}: damaged ({error}); fetch it again") from error
    added = re.search(rf"^\+\+\+ [^/\n]+/{_COPYRIGHT}\b.*\n@@ -0,0 .*\n((?:\+.*\n)+)", text, re.MULTILINE)
    return re.sub(r"(?m)^\+", "", added[1]) if added else None


def _placed(part: _Part, top: str, path: str) -> str:
    """Where a member stands in the source tree. ("hello-2.10/src/x.c" of the upstream archive) -> "src/x.c" """
    inner = path.removeprefix(top)
    return f"{part.folder}/{inner}" if part.folder else inner
