"""Under which licence is the project itself? What its manifests say, else its licence file.

Not here: the licences of what was found in it (`search_api.audit.judge`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from curation.licence_texts import is_licence_name, legal_texts
from curation.package_licences import files_licence, npm_licence, python_licence
from indexer.licences.categories import normalize
from search_api.audit.own import manifest


def project_license(folders: Iterable[Path]) -> str | None:
    """The SPDX expression of the first folder that states a licence which is understood; None where none does."""
    for folder in folders:
        for expression in _stated(folder):
            if expression not in (None, "NONE", "NOASSERTION"):
                return expression
    return None


def _stated(folder: Path) -> Iterator[str | None]:
    texts = legal_texts((file.name, file.read_bytes()) for file in _files(folder))
    no_texts = legal_texts(())
    project = manifest(folder, "pyproject.toml").get("project", {})
    if isinstance(project, dict) and project:
        stated = project.get("license")
        expression = stated if isinstance(stated, str) else stated.get("text") if isinstance(stated, dict) else None
        classifiers = [name for name in project.get("classifiers", ()) if isinstance(name, str)]
        yield python_licence(None, classifiers, expression, no_texts).expression
    if package := manifest(folder, "package.json"):
        yield npm_licence(package, no_texts).expression
    crate = manifest(folder, "Cargo.toml").get("package", {})
    if isinstance(crate, dict) and isinstance(crate.get("license"), str):
        yield normalize(crate["license"])
    yield files_licence(texts).expression


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if is_licence_name(file.name) and file.is_file()] if folder.is_dir() else []
