"""Which language is a file written in, by its name or its first line? Names are Linguist's.

    "src/app.tsx" -> "TSX"      "Makefile" -> "Makefile"      "run" with "#!/usr/bin/env python3" -> "Python"

A table of extensions cannot tell C from Objective-C headers or Perl from Prolog; such extensions get their most frequent
language. A real detector, which reads the content, comes with the full pipeline.

Not here: generated, vendored and test files (`curation.path_rules`).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_EXTENSIONS = {
    "ActionScript": "as",
    "Ada": "ada adb ads",
    "Assembly": "asm s nasm",
    "Astro": "astro",
    "AutoHotkey": "ahk",
    "Awk": "awk",
    "Batchfile": "bat cmd",
    "BibTeX": "bib",
    "Bicep": "bicep",
    "C": "c h idc",
    "C#": "cs csx",
    "C++": "cc cpp cxx c++ hh hpp hxx h++ inl ipp tcc",
    "CMake": "cmake",
    "COBOL": "cob cbl cobol",
    "CSS": "css",
    "CSV": "csv",
    "Clojure": "clj cljs cljc edn",
    "CoffeeScript": "coffee litcoffee",
    "Common Lisp": "lisp lsp cl asd",
    "Crystal": "cr",
    "Cuda": "cu cuh",
    "Cython": "pyx pxd pxi",
    "D": "d di",
    "Dart": "dart",
    "Dhall": "dhall",
    "Diff": "diff patch",
    "Dockerfile": "dockerfile",
    "Eiffel": "e",
    "Elixir": "ex exs",
    "Elm": "elm",
    "Emacs Lisp": "el",
    "Erlang": "erl hrl",
    "F#": "fs fsi fsx",
    "Fennel": "fnl",
    "Fortran": "f for f77",
    "Fortran Free Form": "f90 f95 f03 f08",
    "GDScript": "gd",
    "GLSL": "glsl vert frag geom comp",
    "Gettext Catalog": "po pot",
    "Gherkin": "feature",
    "Gleam": "gleam",
    "Go": "go",
    "GraphQL": "graphql gql",
    "Groovy": "groovy gradle gvy",
    "HCL": "hcl tf tfvars",
    "HLSL": "hlsl fx",
    "HTML": "html htm xhtml",
    "Handlebars": "hbs handlebars",
    "Haskell": "hs",
    "Haxe": "hx",
    "INI": "ini cfg prefs",
    "Idris": "idr",
    "Java Properties": "properties",
    "JSON": "json webmanifest geojson topojson jsonl ndjson",
    "JSON with Comments": "jsonc code-workspace",
    "Java": "java",
    "JavaScript": "js mjs cjs jsx es6",
    "Jinja": "jinja j2 jinja2",
    "Julia": "jl",
    "Jupyter Notebook": "ipynb",
    "Kotlin": "kt kts",
    "LLVM": "ll",
    "Less": "less",
    "Lua": "lua",
    "M4": "m4",
    "MATLAB": "matlab",
    "MLIR": "mlir",
    "Makefile": "mk mak make",
    "Markdown": "md markdown mdown",
    "Mermaid": "mmd mermaid",
    "Meson": "meson",
    "Metal": "metal",
    "Nim": "nim nims nimble",
    "Nix": "nix",
    "OCaml": "ml mli mll mly",
    "Objective-C": "m",
    "Objective-C++": "mm",
    "OpenCL": "opencl",
    "Org": "org",
    "PHP": "php php3 php4 php5 phtml",
    "PLSQL": "pls plsql pks pkb",
    "Pascal": "pas pp dpr",
    "Perl": "pl pm t perl",
    "PowerShell": "ps1 psm1 psd1",
    "Prisma": "prisma",
    "Prolog": "pro prolog",
    "Protocol Buffer": "proto",
    "Pug": "pug jade",
    "PureScript": "purs",
    "Python": "py pyi pyw wsgi",
    "R": "r rmd",
    "Racket": "rkt",
    "Raku": "raku rakumod p6",
    "ReScript": "res resi",
    "Reason": "re rei",
    "Ruby": "rb rake gemspec ru erb",
    "Rust": "rs",
    "SCSS": "scss",
    "SQL": "sql",
    "SVG": "svg",
    "Sass": "sass",
    "Scala": "scala sc sbt",
    "Scheme": "scm ss sld",
    "Shell": "sh bash zsh ksh bats",
    "Smalltalk": "st",
    "Smarty": "tpl",
    "Solidity": "sol",
    "Standard ML": "sml sig fun",
    "Starlark": "bzl star bazel",
    "Stylus": "styl",
    "Svelte": "svelte",
    "Swift": "swift",
    "SystemVerilog": "sv svh",
    "TOML": "toml",
    "TSV": "tsv",
    "TSX": "tsx",
    "Tcl": "tcl tk",
    "TeX": "tex sty cls ltx",
    "Text": "txt",
    "Thrift": "thrift",
    "TypeScript": "ts mts cts",
    "Typst": "typ",
    "VBScript": "vbs",
    "VHDL": "vhd vhdl",
    "Vala": "vala vapi",
    "Verilog": "v vh",
    "Vim Script": "vim",
    "Visual Basic .NET": "vb",
    "Vue": "vue",
    "WebAssembly": "wat wast",
    "WebGPU Shading Language": "wgsl",
    "XML": "xml xsd xsl xslt wsdl xaml csproj vcxproj",
    "YAML": "yml yaml",
    "Zig": "zig",
    "fish": "fish",
    "Hy": "hy",
    "reStructuredText": "rst rest",
}
_BY_EXTENSION = {extension: language for language, extensions in _EXTENSIONS.items() for extension in extensions.split()}

_BY_NAME = {
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
    "dockerfile": "Dockerfile",
    "containerfile": "Dockerfile",
    "cmakelists.txt": "CMake",
    "rakefile": "Ruby",
    "gemfile": "Ruby",
    "podfile": "Ruby",
    "vagrantfile": "Ruby",
    "jenkinsfile": "Groovy",
    "build": "Starlark",
    "workspace": "Starlark",
    "sconstruct": "Python",
    "sconscript": "Python",
    "meson.build": "Meson",
    "meson_options.txt": "Meson",
    "requirements.txt": "Pip Requirements",
    "go.mod": "Go Module",
    "go.sum": "Go Checksums",
    "cargo.lock": "TOML",
    "poetry.lock": "TOML",
    "pipfile": "TOML",
    "pipfile.lock": "JSON",
    "configure.ac": "M4Sugar",
    "configure": "Shell",
    ".bashrc": "Shell",
    ".profile": "Shell",
    ".gitignore": "Ignore List",
    ".dockerignore": "Ignore List",
    ".gitattributes": "Git Attributes",
    ".editorconfig": "EditorConfig",
    ".eslintrc": "JSON with Comments",
    ".babelrc": "JSON with Comments",
    "tsconfig.json": "JSON with Comments",
}

_BY_INTERPRETER = {
    "python": "Python",
    "pypy": "Python",
    "sh": "Shell",
    "bash": "Shell",
    "zsh": "Shell",
    "ksh": "Shell",
    "dash": "Shell",
    "fish": "fish",
    "perl": "Perl",
    "ruby": "Ruby",
    "node": "JavaScript",
    "nodejs": "JavaScript",
    "deno": "TypeScript",
    "bun": "TypeScript",
    "php": "PHP",
    "lua": "Lua",
    "luajit": "Lua",
    "tclsh": "Tcl",
    "wish": "Tcl",
    "awk": "Awk",
    "gawk": "Awk",
    "rscript": "R",
    "julia": "Julia",
    "groovy": "Groovy",
    "make": "Makefile",
    "escript": "Erlang",
    "elixir": "Elixir",
    "runhaskell": "Haskell",
    "pwsh": "PowerShell",
    "guile": "Scheme",
    "racket": "Racket",
    "ocaml": "OCaml",
    "scala": "Scala",
}

_BINARY_KINDS = """
a avi bin bmp br bz2 ckpt class dat db dll dylib egg eot exe flac gif gz h5 heic icns ico jar jpeg jpg lib mat mo mov mp3 mp4 mpg
msi npy npz o obj ogg onnx otf parquet pb pdb pdf pickle pkl png psd pt pth pyc pyd pyo rar safetensors so sqlite swf tar tgz tif
tiff ttf wasm wav webm webp whl woff woff2 xls xlsx xz zip zst 7z
"""
_BINARY = frozenset(_BINARY_KINDS.split())
_VERSIONED_LIBRARY = re.compile(r"\.so(\.\d+)+$")
_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:\S*/)?([A-Za-z]+)")


def language_of(path: str, text: str) -> str | None:
    """Linguist's name of the language by file name, extension, then `#!` line; None where none of them tells."""
    name = PurePosixPath(path).name.lower()
    if language := _BY_NAME.get(name) or _BY_EXTENSION.get(_extension(name)):
        return language
    shebang = _SHEBANG.match(text[:200])
    return _BY_INTERPRETER.get(shebang[1].lower()) if shebang else None


def is_binary_name(path: str) -> bool:
    """Whether a file of this name is never text: libraries, images, archives, weights. A saving, not the test: see `decode`."""
    name = PurePosixPath(path).name.lower()
    return _extension(name) in _BINARY or _VERSIONED_LIBRARY.search(name) is not None


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return extension if dot and stem else ""
