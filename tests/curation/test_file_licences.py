import json
import pickle
from importlib.metadata import distribution
from typing import Any

import pyarrow as pa
import pytest

from curation.licence_report import LicenceReport
from curation.licences import POLICIES, LicenceMap, admits, licence_files, with_licences
from indexer.corpus import FILES_SCHEMA
from indexer.errors import InputError
from indexer.licences.categories import license_type

CODE = "int main(void) { return 0; }\n"


@pytest.fixture(scope="module")
def mit() -> str:
    return str(distribution("typer").read_text("licenses/LICENSE"))


@pytest.fixture(scope="module")
def bsd() -> str:
    return str(distribution("click").read_text("licenses/LICENSE.txt"))


def batch(files: dict[str, str], **row: Any) -> pa.RecordBatch:
    rows = [
        {"repository": "o/n", "commit": "c0", "path": path, "content": text, "content_id": f"{n:040x}", **row}
        for n, (path, text) in enumerate(files.items())
    ]
    return pa.RecordBatch.from_pylist(rows, schema=FILES_SCHEMA)


def licensed(files: dict[str, str], **row: Any) -> dict[str, tuple[str, str | None]]:
    rows = batch(files, **row)
    done = with_licences(rows, licence_files([rows])).to_pylist()
    return {each["path"]: (each["license_expression"], each["license_evidence"]) for each in done}


def test_the_nearest_licence_file_above_a_file_counts(mit: str, bsd: str) -> None:
    found = licensed({"LICENSE": mit, "a.c": CODE, "lib/zed/COPYING": bsd, "lib/zed/src/z.c": CODE, "lib/b.c": CODE, "lib/zedd/c.c": CODE})
    assert found["a.c"] == found["lib/b.c"] == found["lib/zedd/c.c"] == ("MIT", "license_file")
    assert found["lib/zed/src/z.c"] == ("BSD-3-Clause", "license_file")


def test_what_a_file_says_itself_counts_most(mit: str, bsd: str) -> None:
    header = "".join(f"// {line}\n" for line in bsd.splitlines())
    found = licensed({"LICENSE": mit, "t.c": "// SPDX-License-Identifier: ISC\n" + CODE, "h.c": header + CODE})
    assert (found["t.c"], found["h.c"]) == (("ISC", "tag"), ("BSD-3-Clause", "header"))
    assert found["LICENSE"] == ("MIT", "license_file")


def test_a_licence_file_below_the_root_counts_more_than_package_metadata_and_that_more_than_the_root(mit: str, bsd: str) -> None:
    found = licensed(
        {"LICENSE": mit, "a.c": CODE, "vendor/x/LICENSE": bsd, "vendor/x/x.c": CODE},
        license_expression="MIT OR ISC",
        license_evidence="package",
    )
    assert (found["a.c"], found["vendor/x/x.c"]) == (("MIT OR ISC", "package"), ("BSD-3-Clause", "license_file"))


def test_what_a_source_said_of_the_repository_counts_where_nothing_is_nearer(mit: str) -> None:
    stated = {"license_expression": "Apache-2.0", "license_evidence": "repository"}
    assert licensed({"a.c": CODE}, **stated)["a.c"] == ("Apache-2.0", "repository")
    assert licensed({"a.c": CODE, "LICENSE": mit}, **stated)["a.c"] == ("MIT", "license_file")
    assert licensed({"a.c": CODE})["a.c"] == ("NONE", None)


def test_what_nobody_understood_does_not_hide_what_somebody_did(mit: str) -> None:
    unclear = {"LICENSE": "all rights are mine", "a.c": CODE}
    assert licensed(unclear)["a.c"] == ("NOASSERTION", "license_file")
    assert licensed(unclear, license_expression="MIT", license_evidence="repository")["a.c"] == ("MIT", "repository")
    assert licensed({"LICENSE": mit, "a.c": CODE}, license_expression="NOASSERTION", license_evidence="package")["a.c"] == (
        "MIT",
        "license_file",
    )


def test_a_folder_s_package_metadata_says_which_licence_its_licence_files_mean(mit: str, bsd: str) -> None:
    both = {"LICENSE-MIT": mit, "LICENSE-BSD": bsd}
    assert licensed({**both, "a.rs": CODE})["a.rs"] == ("BSD-3-Clause AND MIT", "license_file")
    cargo = '[package]\nname = "x"\nlicense = "MIT OR BSD-3-Clause"\n'
    assert licensed({**both, "Cargo.toml": cargo, "a.rs": CODE})["a.rs"] == ("MIT OR BSD-3-Clause", "package")
    assert licensed({"LICENSE": bsd, "web/package.json": '{"license": "ISC"}', "web/a.js": CODE})["web/a.js"] == (
        "BSD-3-Clause",
        "license_file",
    )
    assert licensed({"package.json": '{"license": {"type": "ISC"}}', "a.js": CODE})["a.js"] == ("ISC", "package")
    for damaged in ("{", "[" * 100_000, '{"license": "SEE LICENSE IN x"}', '{"license": 7}', "[]"):
        assert licensed({"package.json": damaged, "a.js": CODE})["a.js"] == ("NONE", None)


def test_a_licence_that_is_not_understood_is_not_passed_over_for_one_farther_up(mit: str) -> None:
    japanese = "ソフトウェア使用許諾契約書\n本ソフトウェアの複製を禁止します。\n"
    files = {"LICENSE": mit, "fonts/LICENSE": japanese, "fonts/f.c": CODE}
    assert licensed(files)["fonts/f.c"] == ("NOASSERTION", "license_file")
    assert list(licence_files([batch(files)]).unrecognised()) == [("o/n", "fonts/LICENSE")]


def test_a_licence_file_of_something_else_says_nothing_of_its_folder(mit: str, bsd: str) -> None:
    files = {
        "LICENSE": mit,
        "img/icons.LICENSE": bsd,
        "img/a.js": CODE,
        "LICENSE-3rdparty.txt": bsd,
        "js/MIT-LICENSE.txt": mit,
        "js/b.js": CODE,
    }
    found = licensed(files)
    assert (found["img/a.js"], found["js/b.js"]) == (("MIT", "license_file"), ("MIT", "license_file"))


def test_reuse_s_folder_speaks_for_the_one_above_it(bsd: str) -> None:
    assert licensed({"LICENSES/BSD-3-Clause.txt": bsd, "src/a.c": CODE})["src/a.c"] == ("BSD-3-Clause", "license_file")


def test_versions_and_repositories_are_kept_apart(mit: str, bsd: str) -> None:
    old, new = batch({"LICENSE": mit, "a.c": CODE}, commit="1.0"), batch({"LICENSE": bsd, "a.c": CODE}, commit="2.0")
    other = batch({"a.c": CODE}, repository="o/m", commit=None)
    found = licence_files([old, new, other])
    assert with_licences(old, found)["license_expression"].to_pylist() == ["MIT", "MIT"]
    assert with_licences(new, found)["license_expression"].to_pylist() == ["BSD-3-Clause", "BSD-3-Clause"]
    assert with_licences(other, found)["license_expression"].to_pylist() == ["NONE"]


def test_the_batch_keeps_its_schema_and_other_columns_and_done_twice_is_done_once(mit: str) -> None:
    rows = batch({"LICENSE": mit, "a.c": CODE, "t.c": "// SPDX-License-Identifier: GPL-2.0-only\n"})
    found = licence_files([rows])
    done = with_licences(rows, found)
    assert done.schema == FILES_SCHEMA
    assert done.select(["path", "content", "content_id"]) == rows.select(["path", "content", "content_id"])
    assert done["license_type"].to_pylist() == ["permissive", "permissive", "copyleft"]
    assert done["licenses"].to_pylist() == [["MIT"], ["MIT"], ["GPL-2.0-only"]]
    assert with_licences(done, pickle.loads(pickle.dumps(found))) == done


def test_paths_out_of_the_ordinary_do_no_harm(mit: str) -> None:
    found = licensed({"LICENSE": mit, "/a.c": CODE, "x\n\x1b[2J/b.c": CODE, "": CODE, "//": CODE})
    assert set(found.values()) == {("MIT", "license_file")}
    assert LicenceMap({}).below_root("o/n", None, "a/b/c") is None


def test_the_report_tells_evidence_and_method_and_its_parts_add_up(mit: str, bsd: str) -> None:
    files = {"LICENSE": mit, "lib/LICENSE": "all rights are mine", "lib/x.c": CODE, "t.c": "// SPDX-License-Identifier: ISC\n"}
    rows = batch(files | {f"{n}.c": CODE for n in range(9)})
    found = licence_files([rows])
    whole, merged = LicenceReport(), LicenceReport()
    with_licences(rows, found, whole)
    for start in (8, 0, 4, 12):
        part = LicenceReport()
        with_licences(rows.slice(start, 4), found, part)
        merged.merge(pickle.loads(pickle.dumps(part)))
    document = whole.to_json()
    assert merged.to_json() == document
    assert document["licenses"] == {"MIT": 10, "NOASSERTION": 2, "ISC": 1}
    assert [(each["evidence"], each["method"], each["files"]) for each in document["evidence"]] == [
        ("license_file", "text", 10),
        ("license_file", "unrecognised", 2),
        ("tag", "tag", 1),
    ]
    assert document["evidence"][2]["samples"][0]["said_by"] == "t.c"
    assert "int main" not in json.dumps(document)


@pytest.mark.parametrize(
    ("expression", "admitted"),
    [
        ("MIT", {"permissive"}),
        ("MIT-0", {"permissive", "no-attribution-clause"}),
        ("CC0-1.0", {"permissive", "no-attribution-clause"}),
        ("MIT OR 0BSD", {"permissive", "no-attribution-clause"}),
        ("MIT AND 0BSD", {"permissive"}),
        ("BSL-1.0", {"permissive"}),  # asks for its notice in source, which is what a dataset passes on
        ("MPL-2.0", set()),
        ("GPL-3.0-only", set()),
        ("GPL-3.0-only OR Unlicense", {"permissive", "no-attribution-clause"}),
        ("GPL-3.0-only AND MIT", set()),
        ("LicenseRef-scancode-public-domain", {"permissive"}),  # not in choosealicense's table: unknown
        ("NOASSERTION", set()),
    ],
)
def test_policies_admit_by_category_and_by_condition(expression: str | None, admitted: set[str]) -> None:
    found = {policy for policy in POLICIES if admits(policy, expression, license_type(expression))}
    assert found == admitted | {"any"}


@pytest.mark.parametrize("expression", ["NONE", None])
@pytest.mark.parametrize("policy", POLICIES)
def test_files_without_a_licence_are_left_out_unless_asked_for(expression: str | None, policy: str) -> None:
    assert not admits(policy, expression, license_type(expression))
    assert admits(policy, expression, license_type(expression), unlicensed=True)


def test_a_policy_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="got 'free'; want one of any, permissive, no-attribution-clause"):
        admits("free", "MIT", "permissive")
