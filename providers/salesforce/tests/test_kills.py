"""A process is killed before each of its effects, in an extraction and in a load: no row is lost, and none is there twice.

An effect is a request, a file that takes its name, a file that is deleted. What a process does between two of them is gone with it,
so there is no other point at which a kill could leave something else.
"""

import csv
import json
import os
import signal
import sys
import warnings
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from msgspec.structs import replace

from penstock.author.runtime import current
from penstock.testing.fake_runtime import FakeRuntime
from penstock_salesforce.operators import SalesforceBulkIngestOperator, SalesforceCommitWatermarkOperator
from penstock_salesforce.transfers import SalesforceToObjectStoreOperator

pytestmark = pytest.mark.timeout(900)  # dozens of processes, on a machine that may be slow
EFFECTS = ("os.rename", "os.remove")


@pytest.fixture
def work(connection, tmp_path):
    """A function that does the work in processes, the first of which is killed at each of its effects in turn."""
    # A query that takes too long is not asked again: between two attempts are seconds, in which nothing changes.
    connection = replace(connection, extra={**connection.extra, "max_attempts": 1})

    def each_kill(prepare, do, check):
        for number in count(1):
            folder = tmp_path / str(number)
            folder.mkdir()
            prepare(folder)

            def once(folder=folder):
                runtime = KeptRuntime(connection, folder / "kept.json", {"since": "2026-11-01T00:00:00Z"})
                token = current.set(runtime)
                try:
                    return do(runtime, folder)
                finally:
                    current.reset(token)

            died = dies_at(number, once)
            check(once(), folder, f"killed before effect {number}")
            if not died:
                break
        return number - 1

    return each_kill


def test_each_row_is_extracted_once_wherever_a_process_is_killed(salesforce, fill, work):
    # All of it is too much for a query and for a job; of its two halves one is read by a job, the other over REST.
    salesforce.organisation.in_time, salesforce.page_rows = 5, 3
    salesforce.jobs.looks = 0  # between two looks at a job are seconds, in which nothing changes
    salesforce.organisation.moment = "2026-11-02T00:00:00.000+0000"
    fill(5)
    salesforce.organisation.moment = "2026-11-20T00:00:00.000+0000"
    fill(4)

    def prepare(folder):
        (folder / "out").mkdir()
        (folder / "out" / "part-00007.csv").write_text("left by a larger extraction")

    def do(runtime, folder):
        where = {"destination": f"file://{folder}/out/", "watermark": "since"}
        how = {"bulk_above": 4, "page_rows": 3}
        extract = SalesforceToObjectStoreOperator(task_id="extract", sobject="Account", **where, **how)
        told = runtime.checkpoint("left")  # as a task of a run, which is not run again once it has succeeded
        if told is None:
            told = extract.execute(runtime.context)
            runtime.set_checkpoint("left", told)
        SalesforceCommitWatermarkOperator(task_id="commit", extracted=told).execute(runtime.context)
        return told, runtime.variable("since")

    def check(found, folder, what):
        told, since = found
        files = sorted(each.name for each in (folder / "out").glob("[!.]*"))
        assert files == [*(f"part-{each:05d}.csv" for each in range(4)), "schema.json"], what
        texts = [(folder / "out" / each).read_text().splitlines() for each in files[:4]]
        names = [row["Name"] for each in texts for row in csv.DictReader(each)]
        assert names == [f"name {each}" for each in (*range(5), *range(4))], what
        assert (told["files"], told["rows"]) == (4, 9), what
        assert since == told["until"], what

    assert work(prepare, do, check) > 25


def test_each_row_is_inserted_once_wherever_a_process_is_killed(salesforce, work):
    salesforce.jobs.looks = 2
    salesforce.jobs.rejects["bad"] = "REQUIRED_FIELD_MISSING:Required fields are missing:--"

    def prepare(folder):
        (folder / "rows.csv").write_text("Key__c,Name\nk1,one\nk2,two\nk3,bad\n")
        salesforce.organisation.records["Account"].clear()

    def do(runtime, folder):
        load = SalesforceBulkIngestOperator(
            task_id="load",
            source=f"file://{folder}/rows.csv",
            sobject="Account",
            operation="insert",
            max_failed_rows=1,
            failed_rows=f"file://{folder}/failed.csv",
        )
        return next(found for found in (load.poke(runtime.context) for _ in range(9)) if found).value

    def check(told, folder, what):
        names = [each["Name"] for each in salesforce.organisation.records["Account"]]
        assert names == ["one", "two"], what
        assert (told["processed"], told["failed"]) == (3, 1), what
        assert (folder / "failed.csv").read_text().count("REQUIRED_FIELD_MISSING") == 1, what

    assert work(prepare, do, check) >= 10


class KeptRuntime(FakeRuntime):
    """A runtime whose checkpoints and Variables outlive a killed process, as those of the database do.

    Args:
        connection: The only one.
        file: Where they are.
        variables: Those of the begin.
    """

    def __init__(self, connection, file, variables=None):
        super().__init__({connection.conn_id: connection})
        self.file = file
        if not file.exists():
            self._write({"checkpoints": {}, "variables": variables or {}})

    @property
    def context(self):
        """What a task is given, as far as the tasks of this provider ask for it."""
        facts = SimpleNamespace(try_number=1, max_tries=1)
        return _Context(
            checkpoints=SimpleNamespace(get=self.checkpoint, set=self.set_checkpoint), runtime=self, facts=facts
        )

    def checkpoint(self, key):
        return self._read()["checkpoints"].get(key)

    def set_checkpoint(self, key, value):
        kept = self._read()
        kept["checkpoints"][key] = value
        self._write(kept)

    def variable(self, key):
        return self._read()["variables"].get(key)

    def set_variable(self, key, value):
        kept = self._read()
        kept["variables"][key] = value
        self._write(kept)

    def _read(self):
        return json.loads(self.file.read_text())

    def _write(self, kept):
        beside = self.file.with_suffix(".new")
        beside.write_text(json.dumps(kept))
        beside.replace(self.file)


class _Context(dict):
    __getattr__ = dict.__getitem__


def dies_at(number, work):
    """Do the work in a process that is killed before its n-th effect; whether it came so far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork beside the server's threads
        child = os.fork()
    if child == 0:
        try:
            _count(number)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _count(left):
    def step():
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def see(event, arguments):
        if event in EFFECTS and Path(arguments[0]).exists():
            step()

    sys.addaudithook(see)
    send = requests.Session.send

    def counted(*args, **kwargs):
        step()
        return send(*args, **kwargs)

    requests.Session.send = counted
