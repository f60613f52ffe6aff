"""Are the files of deploy/ what the tools that read them take, and do they name commands, settings and metrics that exist?"""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import promql_parser
import pytest
import typer
import yaml
from starlette.testclient import TestClient

import wherefrom
from indexer.stores.elastic.settings import PREFIX, SETTINGS, place_of
from search_api.app import create_app
from search_api.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml")
KUBERNETES = "1.34"
VARIABLES = {f"WHEREFROM_{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}{name.upper()}" for name in SETTINGS}


def compose() -> dict[str, Any]:
    """compose.yaml with the defaults of its variables, anchors and merges resolved."""
    loaded: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text("utf-8")))
    return loaded


def objects() -> list[dict[str, Any]]:
    """Every object of the manifests."""
    return [each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text("utf-8"))]


def containers() -> Iterator[tuple[str, list[str], dict[str, str | None]]]:
    """Name, command line and environment of everything that runs Wherefrom; None where a value stands elsewhere."""
    for name, service in compose()["services"].items():
        if service["image"].startswith("wherefrom:"):
            secrets = {str(each["target"]).upper(): None for each in service["secrets"]}
            yield f"compose {name}", service["command"], service["environment"] | secrets
    config = next(each["data"] for each in objects() if each["kind"] == "ConfigMap")
    for each in objects():
        for container in each["spec"]["template"]["spec"]["containers"] if each["kind"] in ("Deployment", "Job") else ():
            given = {variable["name"]: variable.get("value") for variable in container["env"]}
            yield f"kubernetes {each['kind']}", container["args"], given | (config if "envFrom" in container else {})


def test_compose_file_is_one() -> None:
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose())).validate()


@pytest.mark.parametrize(("right", "wrong"), [("read_only", "readonly"), ("outside]", "outsid]"), ("_healthy", "_well")])
def test_the_check_of_compose_files_finds_what_is_wrong(right: str, wrong: str) -> None:
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text("utf-8")).replace(right, wrong)
    with pytest.raises(ValueError):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text))).validate()


@pytest.mark.parametrize(
    "manifest", [each for each in objects() if "k8s.elastic.co" not in each["apiVersion"]], ids=lambda each: each["kind"]
)
def test_manifests_are_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_the_check_of_manifests_finds_what_is_wrong() -> None:
    manifest = next(each for each in objects() if each["kind"] == "PodDisruptionBudget")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest | {"spec": {"minAvailabel": 1}}, KUBERNETES, strict=True)


def test_dockerfile_pleases_hadolint() -> None:
    found = subprocess.run([Path(sys.executable).with_name("hadolint"), DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_every_folder_that_the_wheel_needs_gets_into_the_image() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    kept = set(re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8"), re.MULTILINE))
    copied = {name for line in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    assert copied == kept
    wheel = re.search(r"only-include = \[(.+)\]", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert wheel and set(re.findall(r'"([^"]+)"', wheel[1])) <= copied


@pytest.mark.parametrize(("arguments", "environment"), [each[1:] for each in containers()], ids=[each[0] for each in containers()])
def test_commands_parse_and_variables_exist(arguments: list[str], environment: dict[str, str | None]) -> None:
    named = {name for name in environment if name.startswith("WHEREFROM_")}
    assert named <= VARIABLES
    assert f"{PREFIX}PASSWORD" in named and environment[f"{PREFIX}PASSWORD"] is None
    Settings(**{name.removeprefix("WHEREFROM_").lower(): value for name, value in environment.items() if value})  # type: ignore[arg-type]
    values = {name: value for name, value in environment.items() if value}
    location = values.get("WHEREFROM_INDEX") or arguments[arguments.index("-o") + 1]
    assert place_of(location, values).url.startswith("https://")
    assert _parsed(arguments)


def test_image_sets_variables_that_exist() -> None:
    named = set(re.findall(r"WHEREFROM_[A-Z_]+", (DEPLOY / "Dockerfile").read_text("utf-8")))
    assert named and named <= VARIABLES


def test_roles_are_the_same_in_both_deployments() -> None:
    secret = next(each for each in objects() if each["metadata"]["name"] == "wherefrom-roles")
    roles = yaml.safe_load((DEPLOY / "elasticsearch" / "roles.yml").read_text("utf-8"))
    assert yaml.safe_load(secret["stringData"]["roles.yml"]) == roles


def test_entrypoint_passes_secrets_and_compiles_before_it_serves(tmp_path: Path) -> None:
    (tmp_path / "wherefrom_elasticsearch_password").write_text("two words\n", "utf-8")
    _program(tmp_path / "wherefrom", 'echo "$WHEREFROM_ELASTICSEARCH_PASSWORD: $@" >> "$SECRETS/said"; [ "$1" != trace ]')
    _program(tmp_path / "python", "echo /code")
    _program(tmp_path / "rm", "exit 0")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SECRETS": str(tmp_path)}
    subprocess.run([DEPLOY / "entrypoint.sh", "serve", "--no-page"], env=environment, check=True, capture_output=True)
    said = [line.removeprefix("two words: ") for line in (tmp_path / "said").read_text("utf-8").splitlines()]
    assert [line.split()[0] for line in said] == ["index", "trace", "serve"]
    assert said[-1] == "serve --no-page"
    for line in said:
        assert _parsed(line.split())


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)


def _parsed(arguments: list[str]) -> dict[str, Any]:
    """The options of a command line of ours, as the command itself reads it."""
    group = typer.main.get_command(import_module(wherefrom.COMMANDS[arguments[0]][0]).app)
    command = group.commands[arguments[0]]  # type: ignore[attr-defined]
    found: dict[str, Any] = command.make_context(arguments[0], list(arguments[1:])).params
    return found


def test_passwords_are_made_once_and_differ(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    def made() -> dict[str, str]:
        subprocess.run([DEPLOY / "secrets.sh"], env={"PATH": "/usr/bin:/bin", "SECRETS": str(folder)}, check=True)
        return {path.name: path.read_text("utf-8") for path in folder.iterdir()}

    first = made()
    assert set(first) == {Path(secret["file"]).name for secret in compose()["secrets"].values()}
    assert len(set(first.values())) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", password) for password in first.values())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert made() == first


def test_a_relative_folder_for_passwords_is_refused(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "SECRETS": "secrets"}
    done = subprocess.run([DEPLOY / "secrets.sh"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "absolute" in done.stderr and list(tmp_path.iterdir()) == []


def test_the_runbooks_requests_show_no_password_to_other_processes(tmp_path: Path) -> None:
    """Its helper, and the change of a password, with a `docker` that keeps what it was told on its command line and by the pipe."""
    text = (DEPLOY / "RUNBOOK.md").read_text("utf-8")
    helper = re.search(r"^es\(\) \{\n.*?^\}", text, re.MULTILINE | re.DOTALL)
    change = re.search(r"^cd deploy/secrets .*?rm old$", text, re.MULTILINE | re.DOTALL)
    assert helper and change
    (tmp_path / "deploy" / "secrets").mkdir(parents=True)
    (tmp_path / "deploy" / "secrets.sh").symlink_to(DEPLOY / "secrets.sh")
    (tmp_path / "deploy" / "secrets" / "elastic_password").write_text("hush", "utf-8")
    _program(tmp_path / "docker", f'echo "$@" >> {tmp_path}/told; cat >> {tmp_path}/piped')
    script = f"{helper[0]}\nes PUT _snapshot/x '{{\"a\": 1}}'\nes GET _cluster/health\n{change[0]}\n"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, env=environment, check=True)
    put, get, post = (tmp_path / "told").read_text("utf-8").splitlines()
    assert put.endswith('-X PUT https://localhost:9200/_snapshot/x --data {"a": 1}') and get.endswith(
        "-X GET https://localhost:9200/_cluster/health"
    )
    assert post.endswith("-X POST https://localhost:9200/_security/user/elastic/_password")
    new = (tmp_path / "deploy" / "secrets" / "elastic_password").read_text("utf-8")
    assert not any(password in line for password in ("hush", new) for line in (put, get, post)) and len(new) == 32
    user = 'user = "elastic:hush"'
    assert (tmp_path / "piped").read_text("utf-8").splitlines() == [user] * 3 + [f'data = "{{\\"password\\": \\"{new}\\"}}"']
    assert not (tmp_path / "deploy" / "secrets" / "old").exists()


def alerts() -> list[dict[str, Any]]:
    """The rules of alerts.yaml."""
    groups = yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def metrics(small_index: Any) -> set[str]:
    """The names of all series that a real server exports once it was asked something."""
    with TestClient(create_app(small_index.location, Settings())) as http:
        http.post("/v1/membership", json={"text": "import os"})
        return set(re.findall(r"^(\w+)(?:\{| )", http.get("/metrics").text, re.MULTILINE))


def test_servers_know_every_node_of_the_cluster() -> None:
    services = compose()["services"]
    nodes = {name for name in services if re.fullmatch(r"es\d+", name)}
    for name in ("api", "page", "load"):
        given = services[name]["environment"]
        places = [
            given["WHEREFROM_INDEX"].removeprefix("es+https://").partition("/")[0],
            *given["WHEREFROM_ELASTICSEARCH_HOSTS"].split(","),
        ]
        assert {place.partition(":")[0] for place in places} == nodes and len(nodes) == 3


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_alarms_parse_and_name_metrics_that_the_server_has(rule: dict[str, Any], metrics: set[str]) -> None:
    assert {"alert", "expr", "labels", "annotations"} <= rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    promql_parser.parse(rule["expr"])
    named = set(re.findall(r"wherefrom_\w+", rule["expr"]))
    assert named <= metrics
    assert named or rule["expr"].startswith("up{")


def test_alarms_name_routes_of_the_server(small_index: Any) -> None:
    routes = {route for rule in alerts() for route in re.findall(r'route!?="([^"]+)"', rule["expr"])}
    assert routes and routes <= set(create_app(small_index.location, Settings()).openapi()["paths"])


def test_ingress_leads_to_routes_of_the_server(small_index: Any) -> None:
    ingress = next(each for each in objects() if each["kind"] == "Ingress")
    paths = [path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]]
    known = set(create_app(small_index.location, Settings()).openapi()["paths"])
    assert [path for path in paths if not any(route == path or route.startswith(f"{path}/") for route in known)] == []


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_runbook_says_what_each_alarm_means(rule: dict[str, Any]) -> None:
    assert f"`{rule['alert']}`" in (DEPLOY / "RUNBOOK.md").read_text("utf-8")
