"""The log of a try is read while it is written by a server that has the database and the log store, and none of the logs' files."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from base64 import b64decode
from contextlib import ExitStack, contextmanager

import pytest

from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands import fork_server
from penstock_testkit.gcs import Gcs, GoogleTokens
from penstock_testkit.nightly import nightly_but

DAG = """
import time
from pathlib import Path
from penstock import DAG, task

with DAG("waits"):

    @task
    def wait():
        print("has begun", flush=True)
        while not Path("gate").exists():
            time.sleep(0.05)
        print("goes on", flush=True)

    wait()
"""
PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def on_s3(s3, monkeypatch):
    monkeypatch.setenv(
        "PENSTOCK_CONN_AWS_DEFAULT", f"aws://testing:testing@?endpoint_url={s3.endpoint_url}&addressing_style=path"
    )
    return f"s3://{s3.create_bucket()}/logs"


@pytest.fixture
def on_cloud_storage(saas, tmp_path, monkeypatch):
    issuers = GoogleTokens()
    key = tmp_path / "key.json"
    key.write_text(json.dumps(issuers.account("robot@a-project.iam.gserviceaccount.com")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    monkeypatch.setenv("PENSTOCK_CONN_GCP_DEFAULT", "gcp://?max_attempts=4")
    saas.serve(Gcs(saas.serve(issuers))).create_bucket("clicks")
    return "gs://clicks/logs"


@contextmanager
def running(folder, *words, **environ):
    """A command of Penstock that goes on; gives a function that waits until it has printed something."""
    out = folder / f"{words[0]}.out"
    command = [sys.executable, "-m", "penstock", *words]
    with (
        out.open("wb") as file,
        subprocess.Popen(command, cwd=folder, env=os.environ | environ, stdout=file, stderr=file) as process,
    ):

        def printed(pattern):
            end = time.monotonic() + PATIENCE_S
            while not (found := re.search(pattern, out.read_text())):
                assert process.poll() is None, out.read_text()
                assert time.monotonic() < end, f"{pattern}: {out.read_text()}"
                time.sleep(0.05)  # a real process is waited for, from outside
            return found

        try:
            yield printed
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.mark.parametrize("place", nightly_but(["on_s3"], ["on_s3", "on_cloud_storage"]))
def test_a_log_is_read_on_another_machine_while_its_task_runs(request, tmp_path, place):
    store = request.getfixturevalue(place)
    penstock = fork_server.penstock()
    assert penstock.run(("init", "--no-example"), tmp_path, dict(os.environ), seconds=PATIENCE_S).code == 0
    with (tmp_path / "penstock.toml").open("a") as settings:
        settings.write(f'\n[logs]\nstore = "{store}"\nchunk_s = 0.2\n')
    (tmp_path / "dags" / "waits.py").write_text(DAG)
    with ExitStack() as stack:
        up = stack.enter_context(running(tmp_path, "up", **WITHOUT_SERVER))
        elsewhere = {"PENSTOCK_CORE__LOGS_FOLDER": str(tmp_path / "of-another-machine")}
        server = stack.enter_context(running(tmp_path, "server", "start", "--port", "0", **elsewhere))
        up("waits.py: 1 DAG")
        url = server(r"listening on (http://[^ ;]+)[;.] ")[1]
        triggered = ("dags", "trigger", "waits", "--run-id", "one")
        assert penstock.run(triggered, tmp_path, dict(os.environ), seconds=PATIENCE_S).code == 0
        token = (tmp_path / ".penstock" / "server.token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/x-ndjson"}
        asked = urllib.request.Request(f"{url}/api/v1/dags/waits/runs/one/tasks/wait/log/stream", headers=headers)
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            written = (b64decode(chunk[1]) for line in answer if (chunk := json.loads(line)))
            assert any(b"has begun" in data for data in written)
            (tmp_path / "gate").touch()
            assert any(b"goes on" in data for data in written)
        assert not (tmp_path / "of-another-machine").exists()
