"""An audit as SPDX 2.3 JSON: the project, its files with findings, a snippet a finding, a package a source.

Byte ranges are 1-based and inclusive, as this version has them.
"""

from __future__ import annotations

import datetime
import io
from typing import Any

from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.file import File
from spdx_tools.spdx.model.package import ExternalPackageRef, ExternalPackageRefCategory, Package
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.snippet import Snippet
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Component, Finding
from search_api.audit.reports import about
from search_api.audit.reports.elements import HOME, PROJECT, document_name, files, listed, name_of, parsed, remark
from search_api.audit.scan import Scanned

_DOCUMENT, _PROJECT = "SPDXRef-DOCUMENT", "SPDXRef-Project"


def render(outcome: Outcome) -> str:
    """The document. It is not validated here: that takes longer than the audit; a test does it."""
    out = io.StringIO()
    write_document_to_stream(document(outcome), out, validate=False)
    return out.getvalue() + "\n"


def document(outcome: Outcome) -> Document:
    """The document's model."""
    audit = outcome.audit
    info = CreationInfo(
        "SPDX-2.3",
        _DOCUMENT,
        "Wherefrom audit",
        f"{HOME}/spdx/{document_name(audit)}",
        [Actor(ActorType.TOOL, audit.tool.replace(" ", "-"))],
        datetime.datetime.fromisoformat(audit.created).replace(tzinfo=None),
        document_comment="\n".join(about.lines(audit)),
    )
    relationships = [Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _PROJECT)]
    spdx_files, snippets = [], []
    for path, scanned, findings in files(outcome):
        file = _file(path, scanned, findings)
        spdx_files.append(file)
        relationships.append(Relationship(_DOCUMENT, RelationshipType.DESCRIBES, file.spdx_id))
        for finding in findings:
            if finding.scope == "span":
                snippets.append(_snippet(finding, file.spdx_id))
                relationships.append(_copy(snippets[-1].spdx_id, finding))
            else:
                relationships.append(_copy(file.spdx_id, finding))
    packages = [_project(audit), *(_package(component) for component in audit.components)]
    return Document(info, packages=packages, files=spdx_files, snippets=snippets, relationships=relationships)


def _project(audit: Audit) -> Package:
    expression = _expression(audit.project_license)
    return Package(
        _PROJECT, PROJECT, SpdxNoAssertion(), files_analyzed=False, license_declared=expression, license_concluded=SpdxNoAssertion()
    )


def _package(component: Component) -> Package:
    refs = [ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", component.purl)] if component.purl else []
    return Package(
        _package_id(component.id),
        component.repository,
        SpdxNoAssertion(),
        version=component.commit,
        files_analyzed=False,
        license_concluded=SpdxNoAssertion(),
        license_declared=_expression(component.license_expression),
        license_comment=f"stated: {component.license_expression or 'nothing'}",
        external_references=refs,
    )


def _file(path: str, scanned: Scanned, findings: list[Finding]) -> File:
    whole = next((finding for finding in findings if finding.scope != "span"), None)
    return File(
        f"./{path}",
        f"SPDXRef-File-{name_of(path)}",
        [Checksum(ChecksumAlgorithm.SHA1, scanned.sha1)],
        license_concluded=_expression(whole.license_expression) if whole else SpdxNoAssertion(),
        comment=remark(whole) if whole else None,
    )


def _snippet(finding: Finding, file_id: str) -> Snippet:
    return Snippet(
        f"SPDXRef-Snippet-{finding.id}",
        file_id,
        (finding.start_byte + 1, finding.end_byte),
        (finding.start_line, finding.end_line),
        license_concluded=_expression(finding.license_expression),
        copyright_text=SpdxNoAssertion(),
        comment=remark(finding),
    )


def _copy(element: str, finding: Finding) -> Relationship:
    return Relationship(element, RelationshipType.COPY_OF, _package_id(finding.component), remark(finding))


def _package_id(component: str) -> str:
    return f"SPDXRef-Source-{name_of(component)}"


def _expression(expression: str | None) -> Any:
    known = listed(expression)
    return parsed(known) if known else SpdxNoAssertion()
