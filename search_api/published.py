"""Which JSON Schemas does a server publish? One for each question and answer, complete in itself, draft 2020-12.

Not here: what the fields mean (`search_api.schemas`, `search_api.corpus_schemas`, `search_api.questions`).
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from search_api import corpus_schemas, questions, schemas

_MODELS: tuple[type[BaseModel], ...] = (
    schemas.IndexInfo, schemas.Membership, schemas.Attribution, schemas.ProblemDocument, schemas.MembershipAnswerLine,
    schemas.AttributionAnswerLine, schemas.ProblemLine, schemas.BatchEnd, corpus_schemas.Document, corpus_schemas.SearchPage,
    corpus_schemas.RepositoryPage, corpus_schemas.FilePage, corpus_schemas.Legal, corpus_schemas.Candidates, questions.MembershipQuestion,
    questions.AttributionQuestion, questions.MembershipLine, questions.AttributionLine, questions.FingerprintsQuestion,
    questions.SearchQuestion,
)  # fmt: skip
PUBLISHED: dict[str, type[BaseModel]] = {model.__name__: model for model in _MODELS}
BESIDE_ROUTES = (  # what OpenAPI names without FastAPI knowing: problems, and the lines of batches
    schemas.ProblemDocument, schemas.MembershipAnswerLine, schemas.AttributionAnswerLine, schemas.ProblemLine, schemas.BatchEnd,
    questions.MembershipLine, questions.AttributionLine,
)  # fmt: skip


def json_schema(name: str) -> dict[str, Any]:
    """The schema of this name."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"/v1/schemas/{name}"}
    return head | PUBLISHED[name].model_json_schema()
