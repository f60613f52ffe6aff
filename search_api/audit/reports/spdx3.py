"""An audit as SPDX 3.0.1 JSON-LD: the same elements as in SPDX 2.3, in the model of the later version.

Not here: SPDX 2.3 (`search_api.audit.reports.spdx2`).
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from spdx_python_model import v3_0_1 as spdx

from search_api.audit.audit import Outcome
from search_api.audit.model import Component, Finding
from search_api.audit.reports import about
from search_api.audit.reports.elements import HOME, PROJECT, document_name, files, listed, name_of, remark
from search_api.audit.scan import Scanned


def render(outcome: Outcome) -> str:
    """The document, its elements in the order of their ids."""
    data = spdx.JSONLDSerializer().serialize_data(_Graph(outcome).objects(), force_at_graph=True)
    data["@graph"] = sorted(data["@graph"], key=lambda element: element.get("spdxId") or element.get("@id"))
    return json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


class _Graph:
    """The elements of one document, each with an id derived from what it stands for."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._space = f"{HOME}/spdx3/{document_name(outcome.audit)}"
        self._elements: dict[str, Any] = {}
        self._creation = spdx.CreationInfo(_id="_:creation")
        self._creation.specVersion = "3.0.1"
        self._creation.created = datetime.datetime.fromisoformat(outcome.audit.created)
        agent = self._add(spdx.SoftwareAgent, "agent", name="Wherefrom")
        tool = self._add(spdx.Tool, "tool", name=outcome.audit.tool)
        self._creation.createdBy.append(agent)
        self._creation.createdUsing.append(tool)

    def objects(self) -> Any:
        """Everything, as the serializer takes it."""
        audit = self._outcome.audit
        project = self._add(spdx.software_Package, "project", name=PROJECT)
        self._licence(project, audit.project_license)
        sources = {component.id: self._source(component) for component in audit.components}
        contained = []
        for path, scanned, findings in files(self._outcome):
            file = self._file(path, scanned)
            contained.append(file)
            for finding in findings:
                part = self._snippet(finding, file) if finding.scope == "span" else file
                self._licence(part, finding.license_expression)
                self._relation(sources[finding.component], "copiedTo", [part], remark(finding))
        if contained:
            self._relation(project, "contains", contained)
        self._document(project)
        found = spdx.SHACLObjectSet([self._creation, *self._elements.values()])
        found.create_index()
        return found

    def _document(self, project: Any) -> None:
        held = list(self._elements.values())
        sbom = self._add(spdx.software_Sbom, "sbom", rootElement=[project], element=held)
        sbom.software_sbomType.append(spdx.software_SbomType.analyzed)
        profiles = [spdx.ProfileIdentifierType.core, spdx.ProfileIdentifierType.software, spdx.ProfileIdentifierType.simpleLicensing]
        said = "\n".join(about.lines(self._outcome.audit))
        self._add(
            spdx.SpdxDocument,
            "document",
            name="Wherefrom audit",
            comment=said,
            rootElement=[sbom],
            element=[*held, sbom],
            profileConformance=profiles,
        )

    def _source(self, component: Component) -> Any:
        package = self._add(spdx.software_Package, f"source-{name_of(component.id)}", name=component.repository)
        if component.commit:
            package.software_packageVersion = component.commit
        if component.purl:
            package.software_packageUrl = component.purl
        self._licence(package, component.license_expression, declared=True)
        return package

    def _file(self, path: str, scanned: Scanned) -> Any:
        file = self._add(spdx.software_File, f"file-{name_of(path)}", name=path)
        file.verifiedUsing.append(spdx.Hash(algorithm=spdx.HashAlgorithm.sha1, hashValue=scanned.sha1))
        return file

    def _snippet(self, finding: Finding, file: Any) -> Any:
        snippet = self._add(
            spdx.software_Snippet, f"snippet-{finding.id}", name=f"{finding.path}, lines {finding.start_line}-{finding.end_line}"
        )
        snippet.software_snippetFromFile = file
        snippet.software_byteRange = spdx.PositiveIntegerRange(beginIntegerRange=finding.start_byte + 1, endIntegerRange=finding.end_byte)
        snippet.software_lineRange = spdx.PositiveIntegerRange(beginIntegerRange=finding.start_line, endIntegerRange=finding.end_line)
        return snippet

    def _licence(self, element: Any, expression: str | None, *, declared: bool = False) -> None:
        """States a licence that SPDX lists; one that it does not stands in the remark."""
        if known := listed(expression):
            licence = self._add(
                spdx.simplelicensing_LicenseExpression, f"licence-{name_of(known)}", simplelicensing_licenseExpression=known
            )
            self._relation(element, "hasDeclaredLicense" if declared else "hasConcludedLicense", [licence])

    def _relation(self, one: Any, kind: str, others: list[Any], comment: str | None = None) -> None:
        key = f"relation-{name_of(one._id, kind, *(other._id for other in others))}"
        relation = self._add(spdx.Relationship, key, from_=one, to=others, relationshipType=getattr(spdx.RelationshipType, kind))
        if comment:
            relation.comment = comment

    def _add(self, kind: Any, key: str, /, **values: Any) -> Any:
        """One element; what has the same name is the same element."""
        if key not in self._elements:
            self._elements[key] = kind(_id=f"{self._space}/{key}", creationInfo=self._creation, **values)
        return self._elements[key]
