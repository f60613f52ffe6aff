"""Do the tools that read the files of deploy/ take them? What needs Go, kubectl or Docker; `make deploy-checks` runs it after the tests.

Each line of the output says what was checked, or what is missing for it. The exit code is 1 where something is wrong.

Not here: the checks that need Python packages alone (`tests/deploy`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
GO_FOLDER = Path(__file__).parents[1] / ".venv" / "go"
OPERATOR = "github.com/elastic/cloud-on-k8s/v3@v3.5.0"
COMPOSE = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"  # what `docker compose config` is made of
_GO_ENVIRONMENT = {"GOPATH": str(GO_FOLDER), "GOFLAGS": "-modcacherw"}


def elasticsearch_resource() -> str:
    """The manifest of the cluster against the schema that its operator installs, unknown fields refused."""
    told = json.loads(_run("go", "mod", "download", "-json", OPERATOR))
    schema = _schema(Path(told["Dir"]) / "config" / "crds" / "v1" / "resources" / "elasticsearch.k8s.elastic.co_elasticsearches.yaml")
    validator = jsonschema_rs.validator_for(_closed(schema))
    manifest = next(yaml.safe_load_all((DEPLOY / "kubernetes" / "elasticsearch.yaml").read_text("utf-8")))
    if found := [f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}" for error in validator.iter_errors(manifest)]:
        raise SystemExit("\n".join(found))
    assert list(validator.iter_errors(manifest | {"spec": manifest["spec"] | {"nodeset": []}})), "the schema refuses nothing"
    return f"elasticsearch.yaml is as {OPERATOR} takes it"


def _schema(path: Path) -> dict[str, Any]:
    versions = yaml.safe_load(path.read_text("utf-8"))["spec"]["versions"]
    schema: dict[str, Any] = next(each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == "v1")
    return schema | {"$schema": "http://json-schema.org/draft-04/schema#"}


def _closed(schema: Any) -> Any:
    """The same schema, with objects that have the named properties and no others; metadata is Kubernetes' own."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def compose_file() -> str:
    """The compose file by the library of `docker compose`, variables, merges and references resolved."""
    model = yaml.safe_load(_run("go", "run", COMPOSE, str(DEPLOY / "compose.yaml")))
    return f"compose.yaml is as {COMPOSE} takes it: {', '.join(model['services'])}"


def docker_compose() -> str:
    """The same by Docker's own plugin."""
    _run("docker", "compose", "--file", str(DEPLOY / "compose.yaml"), "config", "--quiet")
    return "compose.yaml is as docker compose takes it"


def kustomization() -> str:
    """The manifests put together by kubectl."""
    kinds = re.findall(r"^kind: (\w+)", _run("kubectl", "kustomize", str(DEPLOY / "kubernetes")), re.MULTILINE)
    return f"kubectl kustomize: {', '.join(kinds)}"


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | _GO_ENVIRONMENT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _has_compose() -> bool:
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    )


def main() -> int:
    """Runs every check whose tool is here."""
    checks: dict[Callable[[], str], tuple[str, bool]] = {
        elasticsearch_resource: ("Go", shutil.which("go") is not None),
        compose_file: ("Go", shutil.which("go") is not None),
        kustomization: ("kubectl", shutil.which("kubectl") is not None),
        docker_compose: ("Docker's compose plugin", _has_compose()),
    }
    failed = False
    for check, (tool, is_here) in checks.items():
        try:
            print(check() if is_here else f"not checked, {tool} is missing: {check.__doc__}")
        except SystemExit as error:
            print(f"WRONG: {check.__doc__}\n{error}")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
