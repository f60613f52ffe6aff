"""The Data Portraits routes: `/overlap`, `/q`, `/quip`, so that published clients work against this server unchanged.

Not here: the shapes of the answers (`search_api.compat`).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, ValidationError

from indexer.answers import Membership, to_json
from search_api import compat
from search_api.bodies import GuardedRoute, parse_json
from search_api.problems import TOO_LARGE, Problem, of_model
from search_api.questions import OverlapQuestion, PortraitQuestion, QuipQuestion, Text
from search_api.routes.engine import BODY_PROBLEMS, Engine
from search_api.sending import Answer
from search_api.workers import Workers

router = APIRouter(route_class=GuardedRoute, default_response_class=Answer, tags=["Data Portraits"])


class OverlapAnswer(BaseModel):
    """What the published editor plugin reads."""

    spans: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(
        description="Half-open, ascending, disjoint, in UTF-16 code units.", examples=[[[0, 120]]]
    )
    segments: list[str] = Field(description="The text of each span, white space collapsed.", examples=[["def main():"]])
    raw_segments: list[str] = Field(description="The text of each span as it was sent.", examples=[["def  main():"]])


class PortraitReport(BaseModel):
    """One document against the corpus, in windows of `width` characters."""

    idx: int = Field(description="Position of the document in the request.", examples=[0])
    doc: str = Field(description="The document as it was sent.", examples=["def main(): ..."])
    segments: None = Field(description="Always null.", examples=[None])
    is_member: list[bool] = Field(
        description="For each window, from each character on: it lies inside one run.", examples=[[True, True, False]]
    )
    chains: list[list[str]] = Field(description="The text of consecutive windows, longest chain first.", examples=[[["def main():"]]])
    chain_idxs: list[list[int]] = Field(description="Where they start, in code points.", examples=[[[0, 50]]])
    longest_chain: int = Field(description="Windows of the longest chain.", examples=[2])
    expected_longest: float = Field(description="Windows of a document that is there as a whole.", examples=[2.4])
    badness: float = Field(description="The one divided by the other.", examples=[0.83])
    width: int = Field(description="Characters of a window.", examples=[50])
    seq_id: Any = Field(None, description="Of /q: as it came.", examples=[1])
    quip_report: dict[str, Any] | None = Field(
        None,
        description="Of /quip: too_short, numerator, denominator, quip_25_beta.",
        examples=[{"too_short": False, "numerator": 2, "denominator": 3, "quip_25_beta": 0.67}],
    )
    quote_text: str | None = Field(None, description="Of /quip with format_quotes: runs in [brackets].", examples=["[def main():] ..."])


@router.post("/overlap", response_model=OverlapAnswer, responses=BODY_PROBLEMS)
async def overlap(question: OverlapQuestion, engine: Engine) -> Answer:
    """Which stretches of a document are in the corpus, for editors; short and empty documents have none."""
    membership = await engine.check(lambda index: index.membership(question.document, offset_unit="utf-16"), len(question.document))
    return Answer(to_json(compat.overlap(question.document, membership)))


@router.post("/q", response_model=PortraitReport, responses=BODY_PROBLEMS)
async def portrait(question: PortraitQuestion, engine: Engine) -> Answer:
    """One document against the corpus, window by window."""
    return await _portrait(question, engine)


@router.get("/q", response_model=PortraitReport, responses=BODY_PROBLEMS)
async def portrait_by_query(
    request: Request,
    engine: Engine,
    document: Annotated[Text | None, Query(description="The document; a JSON body as of POST works too.", examples=["import os"])] = None,
    seq_id: Annotated[str | None, Query(description="Given back as it came.", examples=["7"])] = None,
) -> Answer:
    """One document against the corpus, for clients that use GET."""
    if document is not None:
        return await _portrait(PortraitQuestion(document=document, seq_id=seq_id), engine)
    try:
        question = PortraitQuestion.model_validate(parse_json(await request.body() or b"{}"))
    except ValidationError as error:
        raise of_model(error, "body") from None
    return await _portrait(question, engine)


@router.post("/quip", response_model=list[PortraitReport], responses=BODY_PROBLEMS)
async def quip(question: QuipQuestion, engine: Engine) -> Answer:
    """How much of each document is quoted from the corpus."""
    memberships = await _memberships(question.documents, engine)
    reports = []
    for position, (text, membership) in enumerate(zip(question.documents, memberships, strict=True)):
        report = compat.report(position, text, membership)
        report["quip_report"] = compat.quip_report(report["is_member"])
        if question.format_quotes:
            report["quote_text"] = compat.quoted(text, membership)
        reports.append(report)
    return Answer(reports)


async def _portrait(question: PortraitQuestion, engine: Workers) -> Answer:
    (membership,) = await _memberships([question.document], engine)
    return Answer({**compat.report(0, question.document, membership), "seq_id": question.seq_id})


async def _memberships(documents: list[str], engine: Workers) -> list[Membership]:
    limit, characters = compat.MAX_REPORT_CHARACTERS, sum(map(len, documents))
    if characters > limit:
        raise Problem(TOO_LARGE, f"reports are for at most {limit} characters together; /overlap and /v1 take more")
    return await engine.check(lambda index: [index.membership(document, offset_unit="utf-32") for document in documents], characters)
