"""How do coding agents ask? Tools of the Model Context Protocol over an index or a running server.

Each tool gives the same answer as the route of that name, as structured content with a schema. Text that an agent sends is written
to no log, and neither is an error's message, which may quote it.

Not here: the command (`search_api.tools_cli`), what the answers mean (`search_api.schemas`), how files are audited
(`search_api.mcp_audit`).
"""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import anyio.to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field, RootModel

from indexer.answers import SpanKind, Use, to_json
from indexer.errors import WherefromError
from search_api.audit.model import Audit
from search_api.corpus_schemas import Document, SearchPage
from search_api.mcp_audit import FileContent, audit_contents, audit_paths
from search_api.schemas import Attribution, Membership
from search_api.served import newest
from wherefrom import __version__

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")
TIMEOUT_MS = 30_000
_log = logging.getLogger("wherefrom.mcp")
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_INSTRUCTIONS = (
    "Wherefrom says where code comes from. After writing or pasting a substantial piece of code, call trace_code with it: each span it "
    "reports was compared with the stored source. A significant span with few files is a copy that needs its licence's attribution; "
    "`notice` is the text to keep. Only status `none` means that nothing was found; `partial` and `too_short` do not."
)
Code = Annotated[str, Field(description="The code asked about, as it is.")]


def make_server(index: StoredIndex | Client, *, is_local: bool = False) -> MCPServer[Any]:
    """The server over an open index, which stays the caller's; `is_local` for a client on this machine, whose paths may be read."""
    server: MCPServer[Any] = MCPServer("wherefrom", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING")
    answer = _Answering(index)
    for tool in (_check_membership(answer), _trace_code(answer), _search_code(answer), _get_document(answer)):
        server.add_tool(tool, annotations=_READS)
    server.add_tool(_audit_files_here(answer) if is_local else _audit_files(answer), name="audit_files", annotations=_READS)
    return server


class _Answering:
    """Asks the index; whatever goes wrong becomes a sentence for the agent."""

    def __init__(self, index: StoredIndex | Client) -> None:
        self._newest = newest(index)

    def __call__(self, model: type[Model], question: Callable[[StoredIndex | Client], Any]) -> Model:
        """The answer as a model."""
        return model.model_validate(to_json(self.plain(question)))

    def plain(self, question: Callable[[StoredIndex | Client], Value]) -> Value:
        """The answer as it is."""
        try:
            return question(self._newest())
        except WherefromError as error:
            raise ToolError(str(error)) from None
        except Exception as error:  # its message may quote the text, and the SDK would hand it on
            frames = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__))
            _log.error("fault in a tool: %s%s", type(error).__name__, frames)
            raise ToolError(f"the server failed ({type(error).__name__}); its log has the place") from None


def _check_membership(answer: _Answering) -> Callable[..., Membership]:
    def check_membership(
        text: Code,
        min_tokens: Annotated[int | None, Field(ge=1, description="How many tokens in a row make a member.")] = None,
    ) -> Membership:
        """Is this code in the corpus? Answered in milliseconds by a filter; says where in the text, not where it comes from."""
        return answer(Membership, lambda index: index.membership(text, min_tokens=min_tokens))

    return check_membership


def _trace_code(answer: _Answering) -> Callable[..., Attribution]:
    def trace_code(
        text: Code,
        limit: Annotated[int, Field(ge=1, le=100, description="Largest number of sources.")] = 5,
        kinds: Annotated[list[SpanKind] | None, Field(min_length=1, description="`exact`, `renamed` or both.")] = None,
        use: Annotated[Use | None, Field(description="How the project is used; `obligations` says what is asked for then.")] = None,
        project_license: Annotated[str | None, Field(description="The project's licence, SPDX; `obligations` names conflicts.")] = None,
    ) -> Attribution:
        """Where does this code come from? Verified spans, ranked sources with pinned links and licences, and a notice to keep."""
        options: dict[str, Any] = {"limit": limit, "kinds": kinds, "use": use, "project_license": project_license}
        return answer(Attribution, lambda index: index.attribute(text, timeout_ms=TIMEOUT_MS, **options))

    return trace_code


def _search_code(answer: _Answering) -> Callable[..., SearchPage]:
    def search_code(
        query: Annotated[str, Field(description='Words, "literal text", prefix*, -exclusion; language: license: repository: owner: path:')],
        limit: Annotated[int, Field(ge=1, le=100, description="Hits to give.")] = 10,
        cursor: Annotated[str | None, Field(description="`cursor` of the page before.")] = None,
    ) -> SearchPage:
        """Full-text search over the corpus: files with the lines that match."""
        return answer(SearchPage, lambda index: index.search(query, limit=limit, cursor=cursor))

    return search_code


def _get_document(answer: _Answering) -> Callable[..., Document]:
    def get_document(document_id: Annotated[str, Field(description="Id of a document, as the other tools give it.")]) -> Document:
        """One file of the corpus, with its provenance and licence."""
        return answer(Document, lambda index: index.document(document_id))

    return get_document


class Audited(RootModel[Audit]):
    """An audit, with the fields of its JSON report."""


_USE = Annotated[Use | None, Field(description="How the project is used; what the licences ask for depends on it.")]
_OWN = Annotated[str | None, Field(description="The project's own licence, SPDX.")]
_FILES = Annotated[list[FileContent], Field(description="Files to audit, as contents.")]


def _audit_files(answer: _Answering) -> Callable[..., Audited]:
    def audit_files(files: _FILES, use: _USE = None, project_license: _OWN = None) -> Audited:
        """Which of these files come from elsewhere? Findings by component, with licences, obligations and conflicts."""
        return Audited(answer.plain(lambda index: audit_contents(index, files, use or "distributed", project_license)))

    return audit_files


def _audit_files_here(answer: _Answering) -> Callable[..., Any]:
    async def audit_files(
        ctx: Context,
        paths: Annotated[list[str] | None, Field(min_length=1, description="Files and folders inside the client's roots.")] = None,
        files: Annotated[list[FileContent] | None, Field(description="Or files as contents.")] = None,
        use: _USE = None,
        project_license: _OWN = None,
    ) -> Audited:
        """Which of these files come from elsewhere? Findings by component, with licences, obligations and conflicts."""
        if (paths is None) == (files is None):
            raise ToolError("give paths or files, one of them")
        roots = await _roots(ctx) if paths is not None else []

        def ask(index: StoredIndex | Client) -> Audit:
            if paths is not None:
                return audit_paths(index, paths, roots, use, project_license)
            return audit_contents(index, files or [], use or "distributed", project_license)

        return Audited(await anyio.to_thread.run_sync(lambda: answer.plain(ask)))

    return audit_files


async def _roots(ctx: Context) -> list[str]:
    """The folders that the client says the server may look into; none where it does not say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)  # newer protocols have none; clients of today do
        asked = ctx.session.list_roots()
    try:
        return [str(root.uri) for root in (await asked).roots]
    except MCPError:
        return []
