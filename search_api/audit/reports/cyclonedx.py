"""An audit as CycloneDX 1.6: one component a source, with evidence of every place where its code stands.

An occurrence has one line, so the range stands in its additional context.
"""

from __future__ import annotations

import datetime
import uuid

from cyclonedx.model import ExternalReference, ExternalReferenceType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from search_api.audit import model
from search_api.audit.audit import Outcome
from search_api.audit.reports import about
from search_api.audit.reports.elements import PROJECT, document_name, listed, name_of, remark
from wherefrom import __version__


def render(outcome: Outcome) -> str:
    """The bill of materials."""
    audit = outcome.audit
    by_id = audit.by_id()
    tool = Component(name="wherefrom", version=__version__, type=ComponentType.APPLICATION, bom_ref="tool")
    project = Component(name=PROJECT, type=ComponentType.APPLICATION, bom_ref="project", licenses=_licences(audit.project_license))
    metadata = BomMetaData(
        timestamp=datetime.datetime.fromisoformat(audit.created),
        component=project,
        properties=[Property(name=f"wherefrom:audit:{number}", value=line) for number, line in enumerate(about.lines(audit), 1)],
    )
    metadata.tools.components.add(tool)
    sources = [_component(component, [by_id[id_] for id_ in component.findings]) for component in audit.components]
    bom = Bom(
        components=sources,
        metadata=metadata,
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, document_name(audit)),
    )
    bom.register_dependency(project, sources)
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(component: model.Component, findings: list[model.Finding]) -> Component:
    links = [ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(component.project_url))] if component.project_url else []
    return Component(
        name=component.repository,
        version=component.commit,
        type=ComponentType.LIBRARY,
        bom_ref=f"source-{name_of(component.id)}",
        purl=_purl(component.purl),
        licenses=_licences(component.license_expression),
        external_references=links,
        properties=[Property(name="wherefrom:license", value=component.license_expression or "NONE")],
        evidence=ComponentEvidence(occurrences=[each for finding in findings for each in _occurrences(finding)]),
    )


def _occurrences(finding: model.Finding) -> list[Occurrence]:
    paths = [cover.path for cover in finding.covers] or [finding.path]
    lines = f"lines {finding.start_line}-{finding.end_line}" if finding.scope == "span" else "the whole file"
    return [
        Occurrence(
            bom_ref=f"{finding.id}-{number}",
            location=path,
            line=finding.start_line if finding.scope == "span" else None,
            additional_context=f"{lines}; {remark(finding)}",
        )
        for number, path in enumerate(paths)
    ]


def _purl(text: str | None) -> PackageURL | None:
    try:
        return PackageURL.from_string(text) if text else None
    except ValueError:
        return None


def _licences(expression: str | None) -> list[LicenseExpression]:
    known = listed(expression)
    return [LicenseExpression(known)] if known else []
