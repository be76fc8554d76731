"""Google Cloud in a running installation: connections from Secret Manager, logs in a bucket, an upload that is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands import fork_server
from penstock_testkit.gcs import Gcs, GoogleTokens, SecretManager

SETTINGS = """
[logs]
store = "gs://clicks/logs"
chunk_s = 0.2

[secrets]
order = ["google"]

[secrets.google]
type = "gcp.secret_manager"
"""
DAG = """
import os
from pathlib import Path
from penstock import DAG
from penstock_gcp.transfers import LocalFilesystemToGCSOperator


class Upload(LocalFilesystemToGCSOperator):
    def execute(self, context):
        Path("{folder}/pid").write_text(str(os.getpid()))
        return super().execute(context)


with DAG("upload", schedule=None):
    Upload(task_id="upload", source="{folder}/large", destination="gs://clicks/large", retries=1, retry_delay=0)
"""
CHUNK = 8 << 20
PATIENCE_S = 120.0

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def key():
    """Tokens of Google, and the key file of a service account."""
    tokens = GoogleTokens()
    return tokens, tokens.account("robot@a-project.iam.gserviceaccount.com")


@pytest.fixture
def gcs(saas, key):
    """Cloud Storage with an empty bucket, and Secret Manager with a connection to it."""
    tokens = saas.serve(key[0])
    saas.serve(SecretManager(tokens)).put("penstock-connections-gcp_default", "gcp://?max_attempts=4")
    fake = saas.serve(Gcs(tokens))
    fake.create_bucket("clicks")
    return fake


@pytest.fixture
def folder(gcs, key, tmp_path, monkeypatch):
    """A project that has no connection of its own: the environment names a key, and Secret Manager all else."""
    (tmp_path / "key.json").write_text(json.dumps(key[1]))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    monkeypatch.setenv("PENSTOCK_EXECUTOR__PARALLELISM", "2")
    (tmp_path / "large").write_bytes(os.urandom(1 << 20) * 20)
    penstock(tmp_path, "init", "--no-example")
    with (tmp_path / "penstock.toml").open("a") as file:
        file.write(SETTINGS)
    (tmp_path / "dags" / "upload.py").write_text(DAG.format(folder=tmp_path))
    return tmp_path


@pytest.fixture
def up(folder):
    """A function that waits for something while `penstock up` runs, such as for what that prints."""
    log = folder / "up.log"
    command = [sys.executable, "-m", "penstock", "up"]
    with (
        log.open("wb") as file,
        subprocess.Popen(command, cwd=folder, env=os.environ | WITHOUT_SERVER, stdout=file, stderr=file) as process,
    ):

        def until(found, what):
            end = time.monotonic() + PATIENCE_S
            while not (value := found()):
                assert process.poll() is None, f"penstock up ended\n{log.read_text()}"
                assert time.monotonic() < end, f"{what}: not in {PATIENCE_S:g} s\n{log.read_text()}"
                time.sleep(0.1)  # real processes are waited for, from outside
            return value

        until.printed = lambda words: until(lambda: re.search(words, log.read_text()), words)
        yield until
        process.send_signal(signal.SIGINT)


def penstock(folder, *words, **environ):
    done = fork_server.penstock().run(words, folder, os.environ | environ, seconds=PATIENCE_S)
    assert done.code == 0, f"{words}: {done.code}\n{done.out}{done.err}"
    return done.out


@pytest.mark.nightly
def test_an_upload_whose_try_is_killed_goes_on_in_the_next_and_its_log_is_in_the_bucket(gcs, folder, up):
    held = gcs.faults.hold(when=lambda request: request.header("Content-Range").startswith(f"bytes {CHUNK}-"))
    up.printed(r"upload.py: 1 DAG")
    penstock(folder, "dags", "trigger", "upload", "--run-id", "one")
    held.reached()
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    held.release()

    assert up.printed(r"run one of DAG upload: (\w+)")[1] == "success"
    assert gcs.content("gs://clicks/large") == (folder / "large").read_bytes()
    assert len([each for each in gcs.asked("POST /upload/storage/v1/b/clicks/o") if each.query["name"] == "large"]) == 1
    up(lambda: sum(name.endswith(".end") for name in [*gcs.buckets["clicks"].objects]) == 2, "the logs of two tries")
    log = penstock(folder, "tasks", "logs", "upload", "upload", "-f", PENSTOCK_CORE__LOGS_FOLDER="nothing-here")
    assert re.search(rf"goes on at byte ({CHUNK}|{2 * CHUNK}) of {20 << 20}", log)
