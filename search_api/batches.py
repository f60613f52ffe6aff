"""How are many texts answered in one request? A body of lines, read whole, then answered in order while the answers travel.

    {"id": "a.py", "text": "..."}        {"id": "a.py", "status": "found", ...}
    {"id": "b.py", "text": 5}       ->   {"id": "b.py", "line": 2, "problem": {...}}
                                         {"end": true, "received": 2, "answered": 1}

One bad line answers with its own problem and the rest go on. The last line comes only when every line has been answered, so a cut-off
never looks clean. The body is read before the answer begins: a response that reads its request while it is sent comes out empty.

Not here: the routes (`search_api.routes.batches`), the client's side (`search_api.exchange`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from indexer.answers import to_json
from indexer.errors import WherefromError
from search_api.bodies import parse_json
from search_api.problems import TIMED_OUT, TOO_LARGE, Problem, document_of, of_engine_error, of_model
from search_api.questions import AttributionLine, MembershipLine
from search_api.sending import encoded

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

MEDIA_TYPE = "application/x-ndjson"
BODY_TYPES = (MEDIA_TYPE, "application/jsonl", "application/ndjson")
Line = TypeVar("Line", MembershipLine, AttributionLine)
Numbered = tuple[int, bytes]  # which line of the body, from 1, and the line


def lines_of(body: bytes, most: int) -> list[Numbered]:
    """The lines that are not empty. Raises Problem 413."""
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    if len(lines) > most:
        raise Problem(TOO_LARGE, f"{len(lines)} lines; a batch takes {most} at most, ask in several requests")
    return lines


@dataclass(frozen=True, slots=True)
class Answering(Generic[Line]):
    """How lines become answers. `fault` is told of what nobody foresaw, and gives the problem that the line is answered with."""

    kind: type[Line]
    ask: Callable[[StoredIndex, Line], Any]
    fault: Callable[[Exception], Problem]

    def answer(self, index: StoredIndex, lines: Sequence[Numbered]) -> list[tuple[bytes, bool]]:
        """For each line its answer in JSON, and whether it is one and not a problem."""
        return [self._answer(index, number, line) for number, line in lines]

    def _answer(self, index: StoredIndex, number: int, line: bytes) -> tuple[bytes, bool]:
        said = None
        try:
            said = parse_json(line)
            question = self.kind.model_validate(said)
            return encoded({"id": question.id, **to_json(self.ask(index, question))}), True
        except Problem as problem:
            return _refused(problem, number, said), False
        except ValidationError as error:
            return _refused(of_model(error, "line"), number, said), False
        except WherefromError as error:
            return _refused(of_engine_error(error), number, said), False
        except Exception as error:  # one bad line must not end the others
            return _refused(self.fault(error), number, said), False


def _refused(problem: Problem, number: int, said: Any) -> bytes:
    """The line that says so; its id is given back where one can be read."""
    name = said.get("id") if isinstance(said, dict) else None
    known = isinstance(name, (str, int)) and not isinstance(name, bool)
    return encoded({"id": name if known else None, "line": number, "problem": document_of(problem)})


@dataclass(frozen=True, slots=True)
class Batch:
    """The lines of one request and who answers them: `submit` takes some lines to a thread, `at_once` such parts are under way."""

    lines: list[Numbered]
    lines_a_part: int
    at_once: int
    timeout_ms: int
    submit: Callable[[Sequence[Numbered]], Future[list[tuple[bytes, bool]]]]

    async def answers(self) -> AsyncIterator[bytes]:
        """The lines of the answer, in order."""
        deadline = time.monotonic() + self.timeout_ms / 1000
        parts, under_way, answered = self._parts(), deque[tuple[list[Numbered], Future[list[tuple[bytes, bool]]]]](), 0
        try:
            while True:
                while len(under_way) < self.at_once and (part := next(parts, None)):
                    under_way.append((part, self.submit(part)))
                if not under_way:
                    break
                part, future = under_way.popleft()
                done = await self._result(part, future, deadline)
                answered += sum(is_answer for _, is_answer in done)
                yield b"".join(line + b"\n" for line, _ in done)
        finally:
            for _, future in under_way:
                future.cancel()
        yield encoded({"end": True, "received": len(self.lines), "answered": answered}) + b"\n"

    def _parts(self) -> Iterator[list[Numbered]]:
        for begin in range(0, len(self.lines), self.lines_a_part):
            yield self.lines[begin : begin + self.lines_a_part]

    async def _result(self, part: list[Numbered], future: Future[list[tuple[bytes, bool]]], deadline: float) -> list[tuple[bytes, bool]]:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            late = Problem(TIMED_OUT, f"the batch took longer than {self.timeout_ms} ms; ask for these lines again")
            return [(_refused(late, number, None), False) for number, _ in part]
        except WherefromError as error:  # the index cannot be opened
            return [(_refused(of_engine_error(error), number, None), False) for number, _ in part]


class BatchResponse(StreamingResponse):
    """The answers as they come; `release` is called when the response has ended, however it did."""

    def __init__(self, batch: Batch, release: Callable[[], None]) -> None:
        super().__init__(batch.answers(), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()
