"""The package's page tells what is there: its settings and commands are those of a project that runs."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import penstock_celery
from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.remote.remote_installation import RemoteInstallation

README = (Path(__file__).parents[1] / "README.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_celery.__file__).parent / "provider.toml").read_text())
SERVICE = "\n[services.server]\n"
DAG = """
from penstock import DAG, task

with DAG("far"):

    @task(queue="far")
    def count():
        return 1

    count()
"""

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("celery_readme")]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_settings_and_commands_run_a_task(tmp_path):
    (settings,), (start, look) = blocks("toml"), blocks("sh")
    with valkey() as broker:
        own = settings.partition(SERVICE)[0].replace("redis://127.0.0.1:6379/0", broker.url)
        with RemoteInstallation(
            tmp_path / "project", own.replace("http://127.0.0.1:8080", "{url}"), {"far.py": DAG}
        ) as made:
            made.up()
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            environ = {**os.environ, "PATH": path, "CELERY_BROKER_URL": broker.url, "TMPDIR": str(tmp_path)}
            script = start.replace("http://127.0.0.1:8080", made.url).replace("\npenstock", "\nexec penstock")
            worker = subprocess.Popen(["sh", "-ec", script], cwd=made.folder, env=environ)
            try:
                made.trigger("far", "one")
                assert made.ended("far", "one") == "success"
                [row] = json.loads(made.run("workers", "list", "--json"))
                assert (row["executor"], row["queues"], row["slots"]) == ("pool", ["far"], 4)
                found = subprocess.run(
                    ["sh", "-ec", look],
                    cwd=made.folder,
                    env=environ,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert f"penstock@{row['name']}: OK" in found.stdout, found.stderr
                made.run("workers", "drain", row["name"])
                assert worker.wait(30.0) == 0
            finally:
                if worker.poll() is None:
                    worker.send_signal(signal.SIGTERM)
                    worker.wait(30.0)


def test_it_names_every_option():
    (executor,) = MANIFEST["executors"]
    names = [executor["id"], *(each["name"] for each in executor["parameters"])]
    assert [name for name in names if f"`{name}`" not in README] == []
