"""Which files are source code, in which language, and what do comments, strings and keywords look like there?

Not here: the engine's own tokenizer (`indexer.text`), which knows no languages.
"""

from __future__ import annotations

import re

_EXTENSIONS = {
    "Assembly": "asm s",
    "C": "c h",
    "C#": "cs",
    "C++": "cc cpp cxx hh hpp hxx inl",
    "CMake": "cmake",
    "Cython": "pxd pyx",
    "Fortran": "f f90",
    "Go": "go",
    "Java": "java",
    "JavaScript": "cjs js jsx mjs",
    "Kotlin": "kt",
    "Lisp": "el",
    "Lua": "lua",
    "Objective-C": "m",
    "PHP": "php",
    "Perl": "pl pm",
    "Protobuf": "proto",
    "Python": "py pyi",
    "R": "r",
    "Ruby": "rb",
    "Rust": "rs",
    "SQL": "sql",
    "Scala": "scala",
    "Shell": "sh",
    "Swift": "swift",
    "Tcl": "tcl",
    "TypeScript": "ts tsx",
    "Vim": "vim",
}
LANGUAGE_OF = {extension: language for language, extensions in _EXTENSIONS.items() for extension in extensions.split()}

# Words that renaming leaves alone: the keywords and everyday type names of all these languages together.
_KEYWORD_LINES = """
Err False None Object Ok Option Result Self Some String True abstract and append array as assert async auto await begin bool
boolean break byte case cdef chan char class const continue cpdef crate def default defer define del delete do double dyn
echo elif else elsif end endif enum error except export extends extern f32 f64 false final finally float fn for foreach
friend from func function global go goto i16 i32 i64 i8 if ifdef ifndef impl implements import in include inline instanceof int int16_t
int32_t int64_t int8_t interface is isize lambda len let local long loop make map match mod module move mut my namespace new nil
nonlocal not null nullptr object of operator or override package pass pragma print printf private protected pub public puts raise
range ref register require return select self short signed sizeof size_t static str string struct sub super switch synchronized
template then this throw throws trait true try type typedef typename typeof u16 u32 u64 u8 uint16_t uint32_t uint64_t uint8_t
undef undefined union unless unsafe unsigned until use using usize var vec virtual void volatile where while with yield
"""
KEYWORDS = frozenset(_KEYWORD_LINES.split())

_HASH_COMMENTS = frozenset(["CMake", "Cython", "Perl", "Python", "R", "Ruby", "Shell", "Tcl"])
_COMMENT = {
    **dict.fromkeys(_HASH_COMMENTS, r"#[^\n]*"),
    **dict.fromkeys(("Lua", "SQL"), r"--[^\n]*|/\*.*?\*/"),
    "Fortran": r"![^\n]*",
    "Lisp": r";[^\n]*",
    "Vim": r'^\s*"[^\n]*',
}
_C_COMMENT = r"//[^\n]*|/\*.*?\*/"
_STRING = r'"(?:\\.|[^"\\\n])*"' + "|" + r"'(?:\\.|[^'\\\n])*'"
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def lexemes(language: str) -> re.Pattern[str]:
    """A pattern whose groups `string`, `comment` and `name` find what their name says, in this language."""
    comment = _COMMENT.get(language, _C_COMMENT)
    return re.compile(f"(?P<string>{_STRING})|(?P<comment>{comment})|(?P<name>{IDENTIFIER.pattern})", re.DOTALL | re.MULTILINE)
