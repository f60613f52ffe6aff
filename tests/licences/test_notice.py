from dataclasses import replace

from indexer.answers import Source
from indexer.licences.notice import notice

SOURCE = Source(
    document_id="0" * 24,
    repository="pypi/attrs",
    owner="pypi",
    path="attr/_make.py",
    commit="25.4.0",
    start_line=120,
    end_line=131,
    language="Python",
    licenses=("MIT",),
    license_expression="MIT",
    license_type="permissive",
    url="/documents/000#L120-L131",
    project_url="https://www.attrs.org/",
    swhid=None,
    purl="pkg:pypi/attrs@25.4.0",
    kind="exact",
    similarity=1.0,
    score=10.0,
    matches=(),
)


def test_a_notice_names_component_version_licence_lines_and_links() -> None:
    assert notice([SOURCE]) == (
        "This software contains or is derived from the following third-party code.\n"
        "\n"
        "pypi/attrs 25.4.0\n"
        "  Licence: MIT\n"
        "  Project: https://www.attrs.org/\n"
        "  Package: pkg:pypi/attrs@25.4.0\n"
        "  Files:\n"
        "    attr/_make.py, lines 120-131\n"
        "      /documents/000#L120-L131\n"
    )


def test_sources_of_one_repository_share_a_paragraph() -> None:
    other_lines = replace(SOURCE, start_line=7, end_line=7, url="/documents/000#L7")
    other_repository = replace(
        SOURCE, repository="pypi/six", commit=None, license_expression=None, licenses=(), project_url=None, purl=None
    )
    text = notice([SOURCE, other_lines, SOURCE, other_repository])
    assert text.count("pypi/attrs 25.4.0") == 1
    assert text.count("attr/_make.py, lines 120-131") == 2  # once each in attrs and six
    assert "attr/_make.py, line 7\n" in text
    assert "pypi/six\n  Licence: none stated\n  Files:" in text
    assert text.index("pypi/attrs") < text.index("pypi/six")


def test_differing_licences_of_one_repository_are_all_named() -> None:
    assert "Licence: MIT; Apache-2.0\n" in notice([SOURCE, replace(SOURCE, license_expression="Apache-2.0", path="b.py")])


def test_a_path_cannot_forge_a_line() -> None:
    assert "\n  Licence: CC0-1.0" not in notice([replace(SOURCE, path="a\n  Licence: CC0-1.0")])


def test_no_sources_no_notice() -> None:
    assert notice([]) == ""
