"""Logs that nobody meant to be read reach a browser as JSON that it can read, line by line."""

import pytest
from msgspec.structs import replace

from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.tries.paths import log_path
from penstock_testkit.logs.odd_logs import LONG_LINE, ODD_LOGS

LOG = "/api/v1/dags/sales/runs/one/tasks/extract/log"


@pytest.fixture
def log(installation, now):
    """The log's file of a task that has ended."""
    store = installation.store
    [run] = store.apply(Changes(new_runs=[NewRun("sales", "one", RunKind.MANUAL, None, None, None)]), now)
    store.apply(
        Changes(
            runs=[replace(run, version=store.dags.state("sales").version, state=RunState.SUCCESS, ended_at=now)],
            tasks=[TaskInstance(run.run, "extract", -1, TaskState.SUCCESS, 1, 1)],
            tries=[Try(run.run, "extract", -1, 1, 1, "local", now, outcome=Outcome.SUCCESS)],
        ),
        now,
    )
    path = log_path(installation.settings.logs_folder, "sales", "one", TaskKey(run.run, "extract"), 1)
    path.parent.mkdir(parents=True)
    return path


def test_odd_logs_are_pages_of_their_lines(call, log):
    for odd in ODD_LOGS:
        log.write_bytes(odd.data)
        answer = call("GET", f"{LOG}?backward=true")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), odd.name
        texts = [each["text"] for each in answer.json["lines"]]
        assert len(texts) == len(odd.lines), odd.name
        assert all(map(str.startswith, texts, odd.lines)), odd.name


def test_a_line_of_ten_megabytes_is_answered_in_pages(call, log):
    log.write_bytes(LONG_LINE)
    offset = 0
    while offset < len(LONG_LINE):
        answer = call("GET", f"{LOG}?offset={offset}")
        assert (answer.status, len(answer.body) < 1 << 22) == (200, True)
        assert answer.json["end"] > offset
        offset = answer.json["end"]
