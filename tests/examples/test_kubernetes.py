"""The manifests: what every pod must have, and that kustomize makes one of them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from .support import EXAMPLES, check, program
from .test_docker import DOCKERFILE

FOLDER = EXAMPLES / "kubernetes"
DOCUMENTS: list[dict[str, Any]] = [
    document
    for file in ("web.yaml", "worker.yaml", "prune.yaml")
    for document in yaml.safe_load_all((FOLDER / file).read_text())
]


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    spec = document["spec"]
    template = spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec
    pod: dict[str, Any] = template["template"]["spec"]
    return pod


PODS = {
    each["metadata"]["name"]: pod_of(each)
    for each in DOCUMENTS
    if each["kind"] != "Service"
}
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}


@pytest.mark.parametrize("name", ["ycloud-web", "ycloud-worker", "ycloud-prune"])
def test_a_pod_can_do_little(name: str) -> None:
    pod, (container,) = PODS[name], PODS[name]["containers"]
    (user,) = re.findall(r"^USER (\d+)", DOCKERFILE, re.M)
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(user),
        "fsGroup": int(user),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    assert {each["name"] for each in pod["volumes"]} == set(mounts) == {"secrets", "tmp"}
    assert mounts["secrets"]["readOnly"] is True
    assert mounts["tmp"]["mountPath"] == "/tmp"
    environ = {each["name"]: each["value"] for each in container["env"]}
    assert environ["SECRETS"] == mounts["secrets"]["mountPath"]
    assert {"limits", "requests"} <= set(container["resources"])


def test_the_web_has_its_probes() -> None:
    web = CONTAINERS["ycloud-web"]
    assert web["readinessProbe"]["httpGet"] == {"path": "/ycloud/ready", "port": "http"}
    assert web["livenessProbe"]["httpGet"] == {"path": "/ycloud/health", "port": "http"}
    (port,) = web["ports"]
    assert f":{port['containerPort']}" in DOCKERFILE
    service = next(each for each in DOCUMENTS if each["kind"] == "Service")
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    deployment = next(
        each for each in DOCUMENTS if each["metadata"]["name"] == "ycloud-web"
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels


def test_the_worker_is_alive_while_its_file_is_fresh() -> None:
    worker = CONTAINERS["ycloud-worker"]
    (option,) = (each for each in worker["command"] if each.startswith("--heartbeat="))
    command = worker["livenessProbe"]["exec"]["command"][-1]
    assert f"find {option.partition('=')[2]} -mmin -1" in command
    assert "readinessProbe" not in worker


def test_grace_is_longer_than_what_it_is_for() -> None:
    worker, web = PODS["ycloud-worker"], PODS["ycloud-web"]
    environ = {each["name"]: each["value"] for each in CONTAINERS["ycloud-worker"]["env"]}
    drain = int(environ["FLASK_YCLOUD_DRAIN_SECONDS"])
    assert worker["terminationGracePeriodSeconds"] > drain
    (timeout,) = re.findall(r"--graceful-timeout=(\d+)", DOCKERFILE)
    _, pause = CONTAINERS["ycloud-web"]["lifecycle"]["preStop"]["exec"]["command"]
    assert web["terminationGracePeriodSeconds"] > int(timeout) + int(pause)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder, with the secrets that its page has made."""
    copied = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copied)
    page = (FOLDER / "README.rst").read_text()
    lines = re.findall(r"^    ((?:mkdir|printf) .*)$", page, re.M)
    assert len(lines) == 3
    check("sh", "-ec", "\n".join(lines), cwd=copied)
    return copied


def test_kustomize_joins_them(project: Path) -> None:
    built = check(program("kubectl"), "kustomize", str(project))
    documents = list(yaml.safe_load_all(built))
    kinds = sorted(each["kind"] for each in documents)
    assert kinds == ["Deployment", "Deployment", "Secret", "Service"]
    secret = next(each for each in documents if each["kind"] == "Secret")
    assert set(secret["data"]) == {"webhook_secret", "inbox_url"}
    for each in documents:
        if each["kind"] == "Deployment":
            pod = pod_of(each)
            (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "secrets")
            assert volume["secret"]["secretName"] == secret["metadata"]["name"]
            assert "registry.example.org/ycloud-receiver:1" in json.dumps(pod)


def test_kubeconform_takes_them(project: Path) -> None:
    files = [str(project / f"{name}.yaml") for name in ("web", "worker", "prune")]
    check(program("kubeconform"), "-strict", *files)
