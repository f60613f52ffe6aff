"""Which project and owner does a package's metadata name?

Not here: its licence (`curation.package_licences`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.message import Message
from typing import Any
from urllib.parse import quote

from curation.licence_texts import LegalTexts
from curation.origin import Origin
from curation.package_licences import npm_licence, python_licence

_GITHUB = re.compile(r"(?:^|[/@.])github\.com[/:]([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]+)")
_NO_OWNERS = frozenset({"sponsors", "orgs", "apps", "features", "marketplace", "topics", "users", "settings"})
_BEST_LABELS = ("source", "sourcecode", "repository", "code", "github", "homepage", "home")


def python_origin(metadata: Message, texts: LegalTexts, source: str) -> Origin:
    """The origin of a Python distribution from its core metadata (PKG-INFO, METADATA)."""
    name, version = canonical_name(str(metadata.get("Name"))), str(metadata.get("Version"))
    urls = _python_urls(metadata)
    return Origin(
        repository=f"pypi/{name}",
        source=source,
        licence=python_licence(metadata.get("License-Expression"), metadata.get_all("Classifier") or [], metadata.get("License"), texts),
        owner=github_owner(urls) or "pypi",
        commit=version,
        purl=f"pkg:pypi/{name}@{quote(version, safe='')}",
        project_url=urls[0] if urls else None,
        texts=texts,
    )


def npm_origin(package: Mapping[str, Any], texts: LegalTexts, source: str) -> Origin:
    """The origin of an npm package from its package.json."""
    name, version = str(package["name"]), str(package["version"])
    urls = [url for url in (_npm_url(package.get("repository")), _npm_url(package.get("homepage"))) if url]
    return Origin(
        repository=f"npm/{name}",
        source=source,
        licence=npm_licence(package, texts),
        owner=github_owner(urls) or "npm",
        commit=version,
        purl=f"pkg:npm/{quote(name)}@{quote(version, safe='')}",
        project_url=urls[0] if urls else None,
        texts=texts,
    )


def canonical_name(name: str) -> str:
    """A Python package's name as registries compare it (PEP 503). "Foo.Bar_baz" -> "foo-bar-baz" """
    return re.sub(r"[-_.]+", "-", name).lower()


def github_repository(url: str) -> tuple[str, str] | None:
    """Owner and name of a GitHub URL. "git@github.com:psf/requests.git" -> ("psf", "requests")"""
    found = _GITHUB.search(url)
    if found is None or found[1].lower() in _NO_OWNERS:
        return None
    return found[1], found[2].removesuffix(".git")


def github_owner(urls: Iterable[str]) -> str | None:
    """The GitHub account of the first URL that leads to one."""
    return next((found[0] for url in urls if (found := github_repository(url))), None)


def _python_urls(metadata: Message) -> list[str]:
    """Project URLs, the repository's first."""
    labelled = []
    for entry in metadata.get_all("Project-URL") or []:
        label, comma, url = str(entry).partition(",")
        if comma:
            labelled.append((re.sub(r"[^a-z]", "", label.lower()), url.strip()))
    if home := metadata.get("Home-page"):
        labelled.append(("homepage", str(home).strip()))
    usable = [(label, url) for label, url in labelled if url.startswith(("https://", "http://")) and label in _BEST_LABELS]
    return [url for _, url in sorted(usable, key=lambda entry: _BEST_LABELS.index(entry[0]))]


def _npm_url(value: Any) -> str | None:
    """ "git+https://github.com/o/n.git" -> "https://github.com/o/n", "o/n" -> the same; None where it is no web address."""
    text = value.get("url") if isinstance(value, dict) else value
    if not isinstance(text, str):
        return None
    if re.fullmatch(r"(github:)?[\w-]+/[\w.-]+", text):
        return "https://github.com/" + text.removeprefix("github:")
    if found := github_repository(text):
        return "https://github.com/" + "/".join(found)
    text = text.removeprefix("git+")
    return text if text.startswith(("https://", "http://")) else None
