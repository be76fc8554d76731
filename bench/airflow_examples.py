"""Airflow's own example DAGs under Penstock: ``nox -s airflow_examples``.

The files come from Airflow's wheels when this is run, and are never kept. Their imports are rewritten by the table of
docs/how-to/come-from-airflow.md alone; nothing else of them is changed. They are loaded and run by a real `penstock up`,
and the states of all tasks are compared with those that Airflow 3.3.2 gave, which stand in airflow_states.json. Where a
file rolls dice or asks for the time of day, the states are compared without the names of the tasks.
"""

import argparse
import fnmatch
import json
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from penstock.app import compose
from penstock.model.run import TaskInstance
from penstock.service.dags import dag_problems, list_dags, trigger
from penstock.service.installation import Installation
from penstock.service.tasks import list_tasks
from penstock.settings import load_settings

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "how-to" / "come-from-airflow.md"
WHEELS = ("apache-airflow-core==3.3.2", "apache-airflow-providers-standard==1.21.0")
DATE = datetime(2026, 1, 1, tzinfo=UTC)
PORT = 18099
CONF = {
    "example_params_ui_tutorial": {"required_field": "ten letters"},
    "example_dag_decorator": {"url": f"http://127.0.0.1:{PORT}/get"},  # in place of a site of the internet
}
"""What runs of a DAG are given, here as in Airflow: one with required params has no run without."""
_IMPORT = re.compile(r"^(\s*from )(airflow[\w.]*)( import )", re.MULTILINE)
_CHANCE = re.compile(r"\brandom\b|use_task_logical_date|BranchDateTime|BranchDayOfWeek")


def modules(page: str) -> dict[str, str]:
    """Read the table of modules from the page: patterns of Airflow's modules, and where their names are here."""
    table = page.partition("| Airflow's module | here |")[2].partition("\n\n")[0]
    rows = (re.findall(r"`([^`]+)`", row) for row in table.splitlines())
    return {pattern: row[-1] for row in rows if len(row) > 1 for pattern in row[:-1]}


def rewritten(text: str, table: dict[str, str]) -> str:
    """Rewrite the imports of a DAG file by the table."""

    def replaced(found: re.Match[str]) -> str:
        home = next((here for pattern, here in table.items() if fnmatch.fnmatchcase(found[2], pattern)), found[2])
        return found[1] + home + found[3]

    return _IMPORT.sub(replaced, text)


def examples(wheels: Path) -> Iterator[tuple[str, str]]:
    """Find the example files in the wheels, as paths below their folder and texts, data files among them."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                below = name.partition("example_dags/")[2]
                if below and not below.endswith("/") and "__init__" not in below:
                    yield below, packed.read(name).decode()


def loaded(installation: Installation, files: set[str], deadline: float) -> tuple[dict[str, str], dict[str, str]]:
    """Wait until every file was imported; returns the DAGs with their files, and the first problem of each other file."""
    while True:
        dags = {dag.dag_id: dag.file for dag in list_dags(installation, limit=10_000).items}
        found = dag_problems(installation, limit=10_000).items
        faults = {each.file: each.problems[0] for each in found if each.problems}
        missing = files - set(dags.values()) - set(faults)
        if not missing or time.monotonic() > deadline:
            return dags, faults | dict.fromkeys(missing, "it defines no DAG")
        time.sleep(1)


def states(installation: Installation, dag_ids: list[str], seconds: float) -> dict[str, dict[str, Any]]:
    """Run the DAGs once each, and tell the states of runs and tasks."""
    for dag_id in dag_ids:
        trigger(installation, dag_id, run_id="example", conf=CONF.get(dag_id), logical_date=DATE)
    found: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(dag_ids) and time.monotonic() < deadline:
        for dag_id in set(dag_ids) - set(found):
            page = list_tasks(installation, dag_id, "example")
            if page.run.state.finished:
                found[dag_id] = {
                    "run": page.run.state.value,
                    "tasks": {_key(task): task.state.value for task in page.items},
                }
        time.sleep(1)
    return found


class _Site(BaseHTTPRequestHandler):
    """Answers as the site does that `example_dag_decorator` asks."""

    def do_GET(self) -> None:
        """Say who asks."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"origin": "127.0.0.1"}).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base's
        """Say nothing."""


@contextmanager
def site() -> Iterator[None]:
    """Serve that site."""
    with ThreadingHTTPServer(("127.0.0.1", PORT), _Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _key(task: TaskInstance) -> str:
    return task.task_id + (f"[{task.map_index}]" if task.map_index >= 0 else "")


def equal(here: dict[str, Any] | None, there: dict[str, Any], *, by_name: bool) -> bool:
    """Compare what became of a run here and in Airflow."""
    if here is None or here["run"] != there["run"]:
        return False
    if by_name:
        return bool(here["tasks"] == there["tasks"])
    return sorted(here["tasks"].values()) == sorted(there["tasks"].values())


def main() -> int:
    """Take the examples, load and run them, and print what became of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=int, default=58, help="files that must load and end as in Airflow")
    parser.add_argument("--seconds", type=float, default=420, help="time for all runs")
    options = parser.parse_args()
    expected = json.loads((HERE / "airflow_states.json").read_text())
    table = modules(PAGE.read_text())
    with tempfile.TemporaryDirectory(prefix="penstock-examples-") as folder:
        project = Path(folder)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--dest",
                str(project / "wheels"),
                *WHEELS,
            ],
            check=True,
        )
        subprocess.run([sys.executable, "-m", "penstock", "init"], cwd=project, check=True, stdout=subprocess.DEVNULL)
        with (project / "penstock.toml").open("a") as file:  # one of them asks pandas for the holidays of each day
            file.write("\n[loader]\ntimeout_s = 180\n")
        texts = dict(examples(project / "wheels"))
        _write(project / "dags", texts, table)
        files = {name for name in texts if name.endswith(".py") and "/" not in name}
        up = subprocess.Popen(
            [sys.executable, "-m", "penstock", "up"], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with site(), compose.installation(load_settings({}, project)) as installation:
                return _judged(installation, files, texts, expected, options)
        finally:
            up.terminate()
            up.wait(60)


def _write(folder: Path, texts: dict[str, str], table: dict[str, str]) -> None:
    """Write the examples, and those that others import as plugins also where they import them from."""
    for name, text in texts.items():
        written = rewritten(text, table) if name.endswith(".py") else text
        for below in ("", "airflow/example_dags") if name.startswith("plugins/") else ("",):
            path = folder / below / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written)


def _judged(
    installation: Installation,
    files: set[str],
    texts: dict[str, str],
    expected: dict[str, Any],
    options: argparse.Namespace,
) -> int:
    dags, faults = loaded(installation, files, time.monotonic() + options.seconds)
    runnable = [dag_id for dag_id, file in sorted(dags.items()) if dag_id in expected and file in files]
    found = states(installation, runnable, options.seconds)
    good, differing = [], {}
    for file in sorted(set(dags.values()) & files):
        own = [dag_id for dag_id, each in dags.items() if each == file]
        by_name = not _CHANCE.search(texts[file])
        wrong = [
            dag_id
            for dag_id in own
            if dag_id not in expected or not equal(found.get(dag_id), expected[dag_id], by_name=by_name)
        ]
        if wrong:
            differing[file] = {dag_id: (found.get(dag_id), expected.get(dag_id)) for dag_id in wrong}
        else:
            good.append(file)
    print(f"{len(good)} of {len(files)} files load and end as in Airflow: {', '.join(good)}\n")
    for file, pairs in differing.items():
        for dag_id, (here, there) in pairs.items():
            print(f"{file}: {dag_id} differs\n  here    {here}\n  Airflow {there}")
    for file, fault in sorted(faults.items()):
        if file in files:
            print(f"{file}: {fault}")
    return 0 if len(good) >= options.least else 1


if __name__ == "__main__":
    raise SystemExit(main())
