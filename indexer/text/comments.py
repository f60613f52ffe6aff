"""Which tokens of a document are comments? By the comment syntax of its language, when that is known.

Used only where a stored document has more than the text asked about: comments may be skipped there. Fingerprints do not depend on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.text import kernels
from indexer.text.tokens import Tokens

# On disk: the numbers are in doc.flags of a segment.
NONE, C_LIKE, HASH, PHP, DASHES, LUA, MARKUP, BLOCK_ONLY, EXCLAMATION, SEMICOLON, PERCENT = range(11)

_FAMILIES = {
    C_LIKE: "c c++ objective-c objective-c++ c# java javascript typescript tsx jsx go rust swift kotlin scala dart groovy cuda glsl hlsl"
    " verilog systemverilog protobuf protocol_buffer thrift solidity zig vala d scss less stylus json5 jsonc haxe processing opencl metal",
    HASH: "python cython ruby perl shell bash r cmake tcl yaml toml makefile dockerfile elixir julia nim powershell awk sed ini nix"
    " starlark gdscript crystal coffeescript raku jupyter_notebook meson",
    PHP: "php hack terraform hcl",
    DASHES: "sql plpgsql plsql haskell elm ada vhdl purescript applescript",
    LUA: "lua moonscript luau",
    MARKUP: "html xml svg vue svelte markdown xslt",
    BLOCK_ONLY: "css postcss",
    EXCLAMATION: "fortran",
    SEMICOLON: "lisp common_lisp emacs_lisp scheme racket clojure assembly newlisp",
    PERCENT: "tex latex erlang matlab prolog postscript",
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names.split()}


def family_of(language: str | None) -> int:
    """The comment syntax of a language by Linguist's name; NONE where it is not known."""
    return _FAMILY_OF.get((language or "").lower().replace(" ", "_"), NONE)


def comment_tokens(tokens: Tokens, family: int) -> NDArray[np.bool_]:
    """For each token of one document, or of a region of it, whether it stands in a comment. About 500 MB/s."""
    mask = np.zeros(len(tokens), np.bool_)
    if family != NONE:
        kernels.mark_comments(tokens.data, tokens.starts, tokens.ends, family, True, mask)
    return mask
