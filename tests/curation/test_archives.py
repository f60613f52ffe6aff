import bz2
import gzip
import io
import json
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.origin import Reading
from curation.sources.archive import DEFAULT_LIMITS, Limits, members
from indexer.corpus import content_id
from indexer.errors import InputError

Rows = list[dict[str, Any]]
PKG_INFO = b"Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0+local\nLicense-Expression: ISC\nHome-page: https://github.com/octo/demo\n"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"tar": bytes, "tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}
SDIST = {"demo-1.0/PKG-INFO": PKG_INFO, "demo-1.0/src/a.py": b"x = 1\n", "demo-1.0/demo.egg-info/SOURCES.txt": b"a", "demo-1.0/b.so": b"\0"}


def tar(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def zipped(files: dict[str, bytes], **attributes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = attributes.get("mode", 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def listed(archive: Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, bytes]:
    return {member.path: member.read() for member in members(archive, Reading(), limits)}


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "an.archive"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("kind", COMPRESS)
def test_an_sdist_of_any_compression_gives_its_source_files(
    kind: str, archive: Callable[[bytes], Path], read: Callable[..., Rows], mit_text: str
) -> None:
    reading = Reading()
    content = SDIST | {"demo-1.0/LICENSE": mit_text.encode(), "demo-1.0/sub/LICENSE": b"not ours"}
    rows = {row["path"]: row for row in read(f"sdist:{archive(COMPRESS[kind](tar(content)))}", reading)}
    assert list(rows) == ["src/a.py", "LICENSE", "sub/LICENSE"]
    row = rows["src/a.py"]
    assert (row["repository"], row["commit"], row["owner"]) == ("pypi/demo-pkg", "1.0+local", "octo")
    assert (row["purl"], row["project_url"]) == ("pkg:pypi/demo-pkg@1.0%2Blocal", "https://github.com/octo/demo")
    assert (row["license_expression"], row["content_id"]) == ("ISC", content_id(b"x = 1\n"))
    assert reading.skipped == {"binary": 1}


def test_an_sdist_may_be_a_zip(archive: Callable[[bytes], Path], read: Callable[..., Rows]) -> None:
    assert [row["path"] for row in read(f"sdist:{archive(zipped(SDIST))}")] == ["src/a.py"]


def test_a_wheel_takes_licence_texts_from_its_metadata(archive: Callable[[bytes], Path], read: Callable[..., Rows], mit_text: str) -> None:
    files = {
        "demo/__init__.py": b"x = 1\n",
        "demo-1.0.dist-info/METADATA": b"Name: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/licenses/LICENSE": mit_text.encode(),
    }
    rows = read(f"wheel:{archive(zipped(files))}")
    assert [(row["path"], row["license_expression"], row["license_evidence"]) for row in rows] == [
        ("demo/__init__.py", "MIT", "license_file")
    ]


def test_an_npm_package_gives_its_files_below_its_folder(archive: Callable[[bytes], Path], read: Callable[..., Rows]) -> None:
    package = {"name": "@scope/pad", "version": "1.3.0", "license": "WTFPL", "repository": {"url": "git+https://github.com/octo/pad.git"}}
    files = {"package/package.json": json.dumps(package).encode(), "package/index.js": b"module.exports = 1\n"}
    rows = {row["path"]: row for row in read(f"npm:{archive(gzip.compress(tar(files)))}")}
    assert set(rows) == {"package.json", "index.js"}
    row = rows["index.js"]
    assert (row["repository"], row["owner"], row["commit"]) == ("npm/@scope/pad", "octo", "1.3.0")
    assert (row["purl"], row["project_url"]) == ("pkg:npm/%40scope/pad@1.3.0", "https://github.com/octo/pad")
    assert row["license_expression"] == "WTFPL"


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("sdist", tar({"demo-1.0/a.py": b"x"}), "no PKG-INFO"),
        ("wheel", zipped({"demo/a.py": b"x"}), "no METADATA"),
        ("npm", tar({"package/package.json": b"{"}), "not JSON"),
        ("npm", tar({"package/package.json": b"[1]"}), "no name and version"),
        ("sdist", tar({"demo-1.0/PKG-INFO": b"Name: x\n"}), "no Name and Version"),
        ("sdist", b"neither zip nor tar", "damaged, truncated or no archive"),
        ("sdist", b"", "damaged, truncated or no archive"),
    ],
)
def test_what_is_no_such_package_is_named(
    kind: str, content: bytes, message: str, archive: Callable[[bytes], Path], read: Callable[..., Rows]
) -> None:
    with pytest.raises(InputError, match=rf"an\.archive: .*{message}"):
        read(f"{kind}:{archive(content)}")


EVIL_NAMES = ["../evil.py", "a/../../evil.py", "/etc/evil.py", "C:/evil.py", "C:evil.py", "..\\evil.py", "a/..", "\\\\host\\evil.py"]


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_paths_that_lead_out_are_refused(name: str, pack: Callable[[dict[str, bytes]], bytes], archive: Callable[[bytes], Path]) -> None:
    with pytest.raises(InputError, match=r"an\.archive: member .*evil.*outside|an\.archive: member 'a/\.\.' .*outside"):
        listed(archive(pack({name: b"x = 1\n"})))


@pytest.mark.parametrize(
    "evil",
    [
        link("a/link.py", "/etc/passwd"),
        link("a/link.py", "../../etc/passwd"),
        link("link.py", ".."),
        link("link.py", "../secret", tarfile.LNKTYPE),
    ],
)
def test_links_that_lead_out_are_refused(evil: tarfile.TarInfo, archive: Callable[[bytes], Path]) -> None:
    with pytest.raises(InputError, match="is a link out of the archive"):
        listed(archive(tar({}, evil)))


def test_a_zip_s_link_out_is_refused(archive: Callable[[bytes], Path]) -> None:
    with pytest.raises(InputError, match=r"'a/link.py' is a link out of the archive, to '\.\./\.\./x'"):
        listed(archive(zipped({"a/link.py": b"../../x"}, mode=stat.S_IFLNK | 0o777)))


def test_links_inside_and_devices_are_counted_and_not_followed(archive: Callable[[bytes], Path]) -> None:
    device = tarfile.TarInfo("dev")
    device.type = tarfile.CHRTYPE
    reading = Reading()
    path = archive(tar({"a.py": b"x"}, link("sub/b.py", "../a.py"), link("c.py", "a.py", tarfile.LNKTYPE), device))
    assert [member.path for member in members(path, reading)] == ["a.py"]
    assert reading.skipped == {"link": 2, "special_file": 1}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_bomb_is_refused_before_it_is_unpacked(compress: Callable[[bytes], bytes], archive: Callable[[bytes], Path]) -> None:
    path = archive(compress(tar({"bomb.dat": bytes(60_000_000), "after.py": b"x"})))
    with pytest.raises(InputError, match=r"member 'bomb.dat' is beyond the limit of \d+ unpacked bytes"):
        [member.path for member in members(path, Reading())]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(archive: Callable[[bytes], Path]) -> None:
    path = archive(zipped({"bomb.py": b" " * 4_900_000}))
    with pytest.raises(InputError, match=r"member 'bomb.py' unpacks \d+ bytes to 4900000"):
        listed(path)


@pytest.mark.parametrize("pack", [tar, zipped])
def test_limits_on_members_and_sizes_hold(pack: Callable[[dict[str, bytes]], bytes], archive: Callable[[bytes], Path]) -> None:
    path = archive(pack({"a.py": b"1234", "b.py": b"5678"}))
    for limits, message in [
        (replace(DEFAULT_LIMITS, members=1), r"member 'b.py' is beyond the limit of 1 members"),
        (replace(DEFAULT_LIMITS, member_bytes=3), r"member 'a.py' is larger than the limit of 3 bytes"),
        (replace(DEFAULT_LIMITS, total_bytes=7), r"is beyond the limit of 7 unpacked bytes"),
    ]:
        with pytest.raises(InputError, match=message):
            listed(path, limits)
    assert listed(path) == {"a.py": b"1234", "b.py": b"5678"}


def test_a_tar_header_that_claims_gigabytes_is_refused(archive: Callable[[bytes], Path]) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    with pytest.raises(InputError, match="followed by a header of"):
        listed(archive(header.tobuf(tarfile.GNU_FORMAT)))


def test_a_large_member_is_counted_and_the_others_are_used(archive: Callable[[bytes], Path], read: Callable[..., Rows]) -> None:
    reading = Reading()
    large = b"".join(b"%d\n" % number for number in range(1_000_000))
    assert len(large) > 5_000_000
    rows = read(f"sdist:{archive(gzip.compress(tar(SDIST | {'demo-1.0/data.csv': large})))}", reading)
    assert [row["path"] for row in rows] == ["src/a.py"]
    assert reading.skipped == {"binary": 1, "too_large": 1}


@pytest.mark.parametrize("kind", [*COMPRESS, "zip"])
def test_a_truncated_archive_gives_no_rows_at_all(kind: str, archive: Callable[[bytes], Path], read: Callable[..., Rows]) -> None:
    files = SDIST | {f"demo-1.0/m{i}.py": (f"x = {i}\n" * 500).encode() for i in range(40)}
    whole = zipped(files) if kind == "zip" else COMPRESS[kind](tar(files))
    got: list[object] = []
    reading = Reading(skip_bad=True, warn=got.append)
    assert read(f"sdist:{archive(whole[: len(whole) * 6 // 10])}", reading) == []
    assert reading.skipped["unreadable"] == 1
    assert "an.archive: damaged, truncated" in str(got[0])


def test_a_damaged_tar_header_is_not_taken_for_the_end(archive: Callable[[bytes], Path]) -> None:
    content = bytearray(tar({"a.py": b"x", "b.py": b"y"}))
    content[1024 + 3] ^= 0x55  # in the name of the second member
    with pytest.raises(InputError, match="a damaged header"):
        listed(archive(bytes(content)))


def test_a_zip_member_with_a_flipped_bit_is_refused(archive: Callable[[bytes], Path], read: Callable[..., Rows]) -> None:
    content = bytearray(zipped(SDIST | {"demo-1.0/z.py": bytes(range(32, 120)) * 20}))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as whole:
        offset = whole.getinfo("demo-1.0/z.py").header_offset
    content[offset + 60] ^= 0xFF
    with pytest.raises(InputError, match=r"an\.archive: damaged"):
        read(f"sdist:{archive(bytes(content))}")


def test_a_name_given_twice_is_taken_once(archive: Callable[[bytes], Path], read: Callable[..., Rows]) -> None:
    info = tarfile.TarInfo("demo-1.0/src/a.py")
    reading = Reading()
    assert [row["content"] for row in read(f"sdist:{archive(tar(SDIST, info))}", reading)] == ["x = 1\n"]
    assert reading.skipped["duplicate_path"] == 1


@pytest.mark.parametrize("root", ["demo-1.2/", ""])
def test_an_archive_that_is_no_package_is_read(root: str, tmp_path: Path, mit_text: str, read: Callable[..., Rows]) -> None:
    place = tmp_path / "demo-1.2.tar.gz"
    with tarfile.open(place, "w:gz") as archive:
        for name, content in (("LICENSE", mit_text.encode()), ("src/a.py", b"x = 1\n"), ("big.c", b"x" * 5_000_001), ("a.png", b"1")):
            info = tarfile.TarInfo(root + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    reading = Reading()
    rows = read(f"archive:{place}", reading)
    assert [(row["repository"], row["path"], row["license_expression"], row["source"]) for row in rows] == [
        ("demo-1.2", "LICENSE", "MIT", "archive"),
        ("demo-1.2", "src/a.py", "MIT", "archive"),
    ]
    assert reading.skipped == {"too_large": 1, "binary": 1}
    place.write_bytes(place.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged, truncated"):
        read(f"archive:{place}")
