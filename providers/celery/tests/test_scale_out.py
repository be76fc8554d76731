"""The page that leads from one machine to Celery workers is followed, block by block."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.postgres import postgres
from penstock_testkit.remote.remote_installation import RemoteInstallation

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "scale-out-with-celery.md").read_text()
URL = "postgresql://penstock:secret@localhost:5432/penstock"
LISTENS = "until grep -q 'listening on' first.log; do sleep 0.2; done\n"
HAS_DAG = "until penstock dags list | grep -q sales; do sleep 0.2; done\n"
TWO = "until [ $(penstock schedulers list | grep -c 'penstock up') = 2 ]; do sleep 0.2; done\n"
ONE_WORKER = "until penstock workers list | grep -q far; do sleep 0.2; done\n"
ENDS = "until penstock runs show sales one | grep -qE '^state +success'; do sleep 0.2; done\n"

# As with other pages beside whose commands `penstock up` runs; those of the README are run with each change.
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("celery_page"), pytest.mark.nightly]


def blocks(language):
    return re.findall(rf"^```{language}.*?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_its_commands_end_with_a_run_of_two_schedulers_by_a_worker(tmp_path):
    (dag,), (settings,), (database, first, second, worker, look) = blocks("python"), blocks("toml"), blocks("sh")
    with (
        postgres() as server,
        valkey() as broker,
        RemoteInstallation(tmp_path / "project", "", {"sales.py": dag}) as made,
    ):
        put = {URL: server.create_database(), "redis://localhost:6379/0": broker.url, "8080": str(made.port)}

        def own(text):
            for given, real in put.items():
                text = text.replace(given, real)
            return text

        (made.folder / "penstock.toml").write_text("")
        made.run("db", "upgrade")
        steps = [
            database,
            f"cat > penstock.toml <<'END'\n{settings}END\n", first, LISTENS, HAS_DAG, second, TWO, worker,
            look.replace("penstock dags trigger", f"{TWO}{ONE_WORKER}penstock dags trigger"), ENDS,
        ]  # fmt: skip
        script = f"trap 'kill $(jobs -p); wait' EXIT\n{own(''.join(steps))}"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=made.folder, env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)}, text=True,
            capture_output=True, timeout=200, check=False,
        )  # fmt: skip
        logs = "".join(f"\n== {each}\n{each.read_text()[-2000:]}" for each in made.folder.glob("*.log"))
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{logs}"
        assert "sales" in done.stdout
