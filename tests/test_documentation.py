"""Is every command, option, setting, route and Python name documented, and is what the documents say true?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import wherefrom
from tests.reference_docs import TARGET, command_options, openapi, reference

ROOT = Path(__file__).parents[1]
PROSE = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "deploy/RUNBOOK.md")


@pytest.fixture(scope="module")
def prose() -> dict[str, str]:
    """The documents written by hand."""
    return {name: (ROOT / name).read_text("utf-8") for name in PROSE}


def test_reference_is_what_the_program_says_of_itself() -> None:
    assert TARGET.read_text("utf-8") == reference(), "REFERENCE.md is out of date; run: make reference"


def test_reference_holds_every_command_option_route_and_name() -> None:
    text = reference()
    options = [typed for name in wherefrom.COMMANDS for typed, _ in command_options(name)]
    routes = [f"`{method.upper()} {path}`" for path, methods in openapi()["paths"].items() for method in methods]
    names = [f"| `{name}` |" for name in wherefrom.NAMES]
    wanted = [*(f"`wherefrom {name}`" for name in wherefrom.COMMANDS), *(f"`{typed}`" for typed in options), *routes, *names]
    assert [item for item in wanted if item.replace("|", "\\|") not in text and item not in text] == []


def test_settings_of_curation_are_documented_as_a_file_that_can_be_used() -> None:
    from curation.settings import Settings, settings_of

    file = reference().partition("## Settings of curation")[2].partition("```toml\n")[2].partition("```")[0]
    assert settings_of(tomllib.loads(file)) == Settings()


@pytest.mark.parametrize("name", wherefrom.COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    assert [typed for typed, what in command_options(name) if not what] == []


@pytest.mark.parametrize("name", wherefrom.COMMANDS)
def test_every_command_has_an_example(name: str) -> None:
    section = reference().partition(f"### `wherefrom {name}`")[2].partition("###")[0]
    assert f"Example: wherefrom {name}" in section


def test_documents_name_no_command_that_is_not_there(prose: dict[str, str]) -> None:
    wrong = [
        f"{document}: wherefrom {word}"
        for document, text in prose.items()
        for word in re.findall(r"(?:`|^|\$ |\| )wherefrom ([a-z][a-z-]+)", text, re.MULTILINE)
        if word not in wherefrom.COMMANDS
    ]
    assert wrong == []


def test_documents_name_no_make_target_that_is_not_there(prose: dict[str, str]) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {(document, target) for document, text in prose.items() for target in re.findall(r"`make ([a-z0-9-]+)", text)}
    assert {item for item in named if item[1] not in targets} == set()


def test_links_between_documents_lead_somewhere(prose: dict[str, str]) -> None:
    wrong = [
        f"{document}: {target}"
        for document, text in prose.items()
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text)
        if not ((ROOT / document).parent / target).exists()
    ]
    assert wrong == []
