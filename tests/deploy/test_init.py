"""`penstock init --compose --helm`, out of wheels: its files are what their tools want, and its secrets let workers ask the server."""

import http.client
import json
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import wheels

from .test_compose import PARSE, resolved

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("wheels")]


@pytest.fixture(scope="module")
def project(workspace_wheels, tmp_path_factory):
    """A project that the command has made, and the command."""
    python = wheels.make_environment(tmp_path_factory.mktemp("init") / "env", workspace_wheels, "penstock-server")
    folder = tmp_path_factory.mktemp("init") / "Our project"
    penstock = [str(Path(python).parent / "penstock")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    subprocess.run(
        [*penstock, "init", str(folder), "--compose", "--helm"], env=kept, check=True, capture_output=True, timeout=60
    )
    return folder, penstock, kept


def test_compose_and_helm_read_what_was_written(project, tools, tmp_path):
    folder, _, _ = project
    (tmp_path / "compose.json").write_text(json.dumps(resolved((folder / "compose" / "compose.yaml").read_text())))
    tools.run(sys.executable, "-c", PARSE, tools.packages, tmp_path / "compose.json")
    content = resolved((folder / "compose" / "compose.yaml").read_text())
    assert all((folder / "compose" / each["file"]).is_file() for each in content["secrets"].values())
    words = [folder / "helm" / "penstock", "--values", folder / "helm" / "values.yaml"]
    tools.run(tools.helm, "lint", "--strict", *words)
    text = tools.run(tools.helm, "template", "penstock", *words)
    images = set(re.findall(r"image: (.*)", text))
    assert images == {"registry.example.com/our-project:1"}
    tools.run(tools.hadolint, folder / "helm" / "Containerfile", folder / "compose" / "Containerfile")
    assert all(each["kind"] for each in yaml.safe_load_all(text) if each)


@pytest.fixture
def served(project, tmp_path):
    """The server as the compose file starts it, over SQLite; its port."""
    folder, penstock, environ = project
    secrets = folder / "compose" / "secrets"
    text = (
        (folder / "compose" / "penstock.toml")
        .read_text()
        .replace("/run/secrets", str(secrets))
        .replace("port = 8443", "port = 0")
    )
    text = re.sub(r"\[executors.*", "", text, flags=re.DOTALL)  # their provider is another package
    (tmp_path / "penstock.toml").write_text(text)
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/penstock.db\n")
    environ = environ | {
        "PENSTOCK_CONFIG": str(tmp_path / "penstock.toml"),
        "PENSTOCK_DATABASE__URL_FILE": str(tmp_path / "url"),
        "PENSTOCK_SECRET_KEY_FILE": str(secrets / "secret_key"),
        "PENSTOCK_CORE__STATE_FOLDER": str(tmp_path / "state"),
    }
    [script] = resolved((folder / "compose" / "compose.yaml").read_text())["services"]["migrate"]["command"]
    script = script.replace("/run/secrets", f"'{secrets}'")
    path = os.pathsep.join([str(Path(penstock[0]).parent), environ["PATH"]])
    for _ in range(2):
        subprocess.run(
            ["sh", "-euc", script],
            env=environ | {"PATH": path},
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=60,
        )
    words = [*penstock, "server", "start"]
    with subprocess.Popen(
        words, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            next(line for line in process.stdout if "listening" in line)
            ports = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
            yield int(re.search(rf":(\d+) .*pid={process.pid},", ports)[1]), secrets
        finally:
            process.terminate()


def test_a_worker_asks_the_server_by_its_name_with_its_token_over_tls(served):
    port, secrets = served
    context = ssl.create_default_context(cafile=secrets / "tls_authority")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for token, status, only in (
        ((secrets / "worker_token").read_text(), 200, ["workers:run"]),
        ("penstock_wrong", 401, None),
    ):
        asked = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
        asked.request("GET", "/api/v1/me", headers={"Host": f"scheduler:{port}", "Authorization": f"Bearer {token}"})
        answer = asked.getresponse()
        assert (answer.status, json.load(answer).get("only")) == (status, only)
        asked.close()
