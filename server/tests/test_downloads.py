"""The log of a try is downloaded as the file that it is: whole, or the part that is asked for, and never in memory."""

import tracemalloc

import msgspec
import pytest

from penstock.model.changes import Changes
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, TaskState
from penstock.service import dags
from penstock.service.history.export import ExportFormat, ExportKind, export_lines
from penstock.service.logs import task_logs

ROUTE = "/api/v1/dags/health/runs/one/tasks/count/log/content?dispatch=1"
TEXT = b"first\nsecond\n\xff no text\n"
SIZE = len(TEXT)


@pytest.fixture
def log(installation, now):
    """The file of a try's log."""
    run = dags.trigger(installation, "health", run_id="one").run
    ended = Try(run.run, "count", -1, 1, 1, "local", now, outcome=Outcome.SUCCESS)
    installation.store.apply(
        Changes(tasks=[TaskInstance(run.run, "count", -1, TaskState.SUCCESS, 1, 1)], tries=[ended]), now
    )
    path = task_logs(installation, "health", "count")[0].path
    path.parent.mkdir(parents=True)
    path.write_bytes(TEXT)
    return path


def test_a_log_is_sent_as_a_file_with_its_name_and_size(call, log):
    answer = call("GET", ROUTE)
    assert (answer.status, answer.body) == (200, TEXT)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''health.one.count.1.log"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes"


RANGES = {
    "bytes=0-4": (206, TEXT[:5], f"bytes 0-4/{SIZE}"),
    "bytes=6-": (206, TEXT[6:], f"bytes 6-{SIZE - 1}/{SIZE}"),
    "bytes=-4": (206, TEXT[-4:], f"bytes {SIZE - 4}-{SIZE - 1}/{SIZE}"),
    "bytes=-999": (206, TEXT, f"bytes 0-{SIZE - 1}/{SIZE}"),
    "bytes=6-999": (206, TEXT[6:], f"bytes 6-{SIZE - 1}/{SIZE}"),
    "bytes=999-": (416, None, f"bytes */{SIZE}"),
    "bytes=-0": (416, None, f"bytes */{SIZE}"),
    "bytes=4-2": (200, TEXT, None),
    "bytes=0-1,3-4": (200, TEXT, None),
    "lines=0-1": (200, TEXT, None),
    "bytes=-": (200, TEXT, None),
    f"bytes={'9' * 99}-": (200, TEXT, None),
}


@pytest.mark.parametrize(("asked", "told"), RANGES.items(), ids=RANGES)
def test_a_part_is_sent_if_one_part_is_asked_for(call, log, asked, told):
    status, content, part = told
    answer = call("GET", ROUTE, range=asked)
    assert (answer.status, answer.headers.get("content-range")) == (status, part)
    if content is not None:
        assert (answer.body, answer.headers["content-length"]) == (content, str(len(content)))


def test_a_part_goes_on_only_with_what_is_the_same_still(call, log):
    tag = call("GET", ROUTE).headers["etag"]
    assert call("GET", ROUTE, range="bytes=6-", if_range=tag).status == 206
    log.write_bytes(TEXT + b"more\n")
    again = call("GET", ROUTE, range="bytes=6-", if_range=tag)
    assert (again.status, again.body) == (200, TEXT + b"more\n")


def test_who_asks_for_lines_is_told_at_the_end_what_went_wrong(call, log):
    answer = call("GET", ROUTE, accept="application/x-ndjson")
    pieces = [msgspec.json.decode(line, type=bytes) for line in answer.body.splitlines()]
    assert (answer.headers["content-type"], b"".join(pieces)) == ("application/x-ndjson", TEXT)


def test_a_log_that_is_not_there_is_a_problem_and_no_file(call, log):
    log.unlink()
    answer = call("GET", ROUTE)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "Nothing was written, or it was deleted" in answer.json["detail"]


def test_little_of_a_large_log_is_in_memory(call, log):
    with log.open("wb") as file:
        file.truncate(1 << 30)
    scope_sent, most = 0, 0
    application = call.application

    async def counted(scope, receive, send):
        async def count(message):
            nonlocal scope_sent, most
            scope_sent += len(message.get("body", b""))
            most = max(most, len(message.get("body", b"")))
            await send({**message, "body": b""} if "body" in message else message)

        await application(scope, receive, count)

    call.application = counted
    tracemalloc.start()
    try:
        answer = call("GET", ROUTE, range="bytes=1000000000-")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status, scope_sent) == (206, (1 << 30) - 1_000_000_000)
    assert most <= 1 << 16
    assert peak < 20 << 20


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_sent_as_the_file_that_the_command_writes(call, installation, log, form):
    answer = call("GET", f"/api/v1/export/runs?form={form}")
    assert answer.body == b"".join(export_lines(installation, ExportKind.RUNS, form=ExportFormat(form)))
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''runs.{form}"
    assert "content-length" not in answer.headers
    assert call("GET", "/api/v1/export/runs?dag_ids=nothing").status == 404
