"""The page that leads from SQLite on one machine to Celery workers is followed, block by block, with a past that must not be lost."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.postgres import postgres
from penstock_testkit.processes import free_port

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "scale-out-with-celery.md").read_text()
BLOCKS = re.findall(r'^```(python|toml|sh) title="([^"]+)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL)
URL = "postgresql://penstock:secret@localhost:5432/penstock"
BEFORE = """
penstock init --no-example
penstock connections set db 'odd://u:sesame@h/'
penstock up > up.log 2>&1 &
until penstock dags list | grep -q sales; do sleep 0.2; done
penstock dags trigger sales --run-id before --wait
penstock tasks logs sales load --run before > before.log
"""
AFTER = """
grep -q loaded before.log
penstock tasks logs sales load --run before | diff before.log -
penstock connections show db | grep odd
penstock schedulers list --json > schedulers.json
penstock export tries > tries.jsonl
penstock tasks logs sales load --run one | grep -q loaded
penstock doctor
"""
TEN_MINUTES_S = 600

# As with other pages beside whose commands `penstock up` runs; those of the README are run with each change.
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("celery_page"), pytest.mark.nightly]


def test_it_leads_to_two_schedulers_and_a_run_by_a_worker_and_loses_no_history(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    with postgres() as server, valkey() as broker:
        put = {URL: server.create_database(), "redis://localhost:6379/0": broker.url, "8080": str(free_port())}
        done, took_s = follow(folder, put)
    logs = "".join(f"\n== {each}\n{each.read_text()[-2000:]}" for each in folder.glob("*.log"))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{logs}"
    runs = done.stdout.rpartition("run one of sales is success")[2]
    assert re.search(r"sales +one +success.*\nsales +before +success", runs), runs
    assert (folder / "schedulers.json").read_text().count('"pid"') == 2
    tries = (folder / "tries.jsonl").read_text().splitlines()
    assert [re.search('"executor":"(.*?)"', each)[1] for each in tries] == ["local", "pool"]
    assert took_s < TEN_MINUTES_S / 4, "the rest is for what is typed and installed"


def follow(folder, put):
    """Type what the page says, but for what it installs, and how long that took."""
    script = ["trap 'for each in $(jobs -p | tac); do kill $each; wait $each; done' EXIT"]
    for language, title, shown in BLOCKS:
        text = shown
        for given, real in put.items():
            text = text.replace(given, real)
        if language == "python":
            (folder / title).parent.mkdir()
            (folder / title).write_text(text)
            script.append(BEFORE)
        else:
            script.append(f"cat >> {title} <<'END'\n\n{text}END" if language == "toml" else text)
    began = time.monotonic()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join([*script, AFTER])], cwd=folder, text=True, capture_output=True, timeout=200,
        env={**os.environ, "PATH": path, "TMPDIR": str(folder.parent)}, check=False,
    )  # fmt: skip
    return done, time.monotonic() - began
