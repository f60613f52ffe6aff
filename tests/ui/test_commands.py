"""Do `wherefrom serve` and `wherefrom demo` start, say where, refuse clearly, and end when told to?"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.limits import HANG_SECONDS

Start = Callable[..., "subprocess.Popen[str]"]
AddressOf = Callable[["subprocess.Popen[str]", Path], str]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_api_alone_is_served_until_a_signal(page_index: str, command: Start, address_of: AddressOf, tmp_path: Path, number: int) -> None:
    process = command("serve", "--index", page_index, "--port", "0", "--no-page", output=tmp_path / "out")
    url = address_of(process, tmp_path / "out")
    with httpx.Client(base_url=url, timeout=HANG_SECONDS) as http:
        assert http.get("/readyz").status_code == 200
        assert http.get("/").status_code == 404
    process.send_signal(number)
    assert process.wait(HANG_SECONDS) == 0
    assert (tmp_path / "out").read_text() == url + "\n"


def test_a_port_in_use_is_an_input_error(page_index: str, command: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = command("serve", "--index", page_index, "--port", str(port), output=tmp_path / "out")
        assert process.wait(HANG_SECONDS) == 2
    said = (tmp_path / "out.err").read_text()
    assert f"127.0.0.1:{port}: cannot listen there" in said
    assert "choose another --port" in said
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["serve", "--index", "nowhere.index", "--port", "0"], 3, "nowhere.index"),
        (["serve", "--index", "http://127.0.0.1:1"], 2, "a folder"),
        (["serve", "--port", "0"], 3, "wherefrom demo"),
        (["serve", "--port", "70000"], 2, "65535"),
    ],
)
def test_what_cannot_be_served_is_said(command: Start, tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    environment = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    process = command(*arguments, output=tmp_path / "out", environment=environment)
    assert process.wait(HANG_SECONDS) == code
    assert said in (tmp_path / "out.err").read_text()


def test_a_host_that_is_not_this_machine_is_an_input_error(page_index: str, command: Start, tmp_path: Path) -> None:
    process = command("serve", "--index", page_index, "--host", "192.0.2.1", output=tmp_path / "out")
    assert process.wait(HANG_SECONDS) == 2
    assert "192.0.2.1:8000: cannot listen there" in (tmp_path / "out.err").read_text()


def test_a_wrong_setting_is_named(command: Start, tmp_path: Path) -> None:
    process = command("demo", output=tmp_path / "out", environment={"WHEREFROM_PORT": "many", "HOME": str(tmp_path)})
    assert process.wait(HANG_SECONDS) == 2
    assert "WHEREFROM_PORT" in (tmp_path / "out.err").read_text()


def test_demo_leaves_a_folder_that_is_not_its_own(command: Start, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    process = command("demo", "--no-serve", "--index-folder", str(folder), output=tmp_path / "out")
    assert process.wait(HANG_SECONDS) == 2
    assert "--index-folder" in (tmp_path / "out.err").read_text()
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]
    assert not list(tmp_path.glob("*.json"))


def test_demo_indexes_what_is_installed_and_serves_that_index_the_second_time(
    command: Start, address_of: AddressOf, tmp_path: Path
) -> None:
    environment = {name: str(tmp_path) for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    folder = tmp_path / "wherefrom" / "demo.index"

    def served(name: str) -> None:
        process = command("demo", "--port", "0", output=tmp_path / name, environment=environment)
        with httpx.Client(base_url=address_of(process, tmp_path / name), timeout=HANG_SECONDS) as http:
            question = {"text": Path(httpx._urlparse.__file__).read_text("utf-8")[3000:5000]}
            answer = http.post("/v1/attribution", json=question).json()
            assert answer["status"] == "found"
            assert answer["sources"][0]["repository"] in ("pypi/httpx", "pypi/httpx2")
            assert answer["sources"][0]["license_type"] == "permissive"
            assert "<gradio-app" in http.get("/").text
        process.terminate()
        assert process.wait(HANG_SECONDS) == 0

    served("first")
    assert (tmp_path / "wherefrom" / "default-index").read_text() == str(folder)
    manifest = (folder / "manifest.json").read_bytes()
    served("second")
    assert "building" not in (tmp_path / "second.err").read_text()
    assert (folder / "manifest.json").read_bytes() == manifest


def test_another_version_of_a_package_makes_the_demo_index_outdated(page_index: str, tmp_path: Path) -> None:
    from ui.demo import _stamp, _stamp_file, is_current

    folder = tmp_path / "demo.index"
    folder.symlink_to(page_index)
    assert not is_current(folder)
    stamp = _stamp()
    _stamp_file(folder).write_text(json.dumps(stamp))
    assert is_current(folder)
    assert isinstance(stamp["packages"], dict)
    stamp["packages"]["httpx"] = "0.0.1"
    _stamp_file(folder).write_text(json.dumps(stamp))
    assert not is_current(folder)
