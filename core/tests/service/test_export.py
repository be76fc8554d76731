"""What is stored of the past, as lines."""

import csv
import io
import json
import string
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.errors import NotFoundError, RequestError
from penstock.model.assets.event import NewAssetEvent
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.run import NewRun, RunKind, TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service.history.export import COLUMNS, ExportFormat, ExportKind, export_lines
from penstock.store.history.export import Export

PAGE = 2


@pytest.fixture
def paged(installation):
    """The installation, whose store is read two rows at a time."""
    object.__setattr__(installation.store, "export", Export(installation.store.database, PAGE))
    return installation


@pytest.fixture
def fill(store, now):
    """Stores a run with instances and two tries of each, and an event of each."""

    def fill(dag_id, run_id, indexes, *, at=now, **fields):
        [run] = store.apply(Changes(new_runs=[NewRun(dag_id, run_id, RunKind.MANUAL, now, now, now, **fields)]), at)
        rows = [TaskInstance(run.run, "extract", index, TaskState.FAILED, 2, 2, "no such file") for index in indexes]
        tries = [
            Try(run.run, "extract", index, epoch, epoch, "local", now, now, now, Outcome.FAILED, "it broke")
            for index in indexes
            for epoch in (1, 2)
        ]
        events = [
            NewAssetEvent("s3://lake", {"n": index}, None, dag_id, run_id, run.run, "extract") for index in indexes
        ]
        store.apply(
            Changes(runs=[replace(run, state=RunState.FAILED)], tasks=rows, tries=tries, asset_events=events), at
        )
        with store.transaction() as tx:
            tx.audit(AuditEntry(at, AuditAction.TRIGGER, dag_id, run_id, why="asked"))

    return fill


def rows(installation, kind, **options):
    """The lines of an export, read back."""
    text = b"".join(export_lines(installation, ExportKind(kind), **options)).decode()
    return [json.loads(line) for line in text.splitlines()]


KEYS = {
    "runs": ("run_id",),
    "tasks": ("run_id", "task_id", "map_index"),
    "tries": ("run_id", "task_id", "map_index", "epoch"),
    "audit": ("run_id", "action"),
    "asset-events": ("run_id", "extra"),
}


def keys(found, kind):
    return [tuple(str(row[name]) for name in KEYS[kind]) for row in found]


EVERYTHING = {
    "runs": [("a",), ("b",), ("c",)],
    "tasks": [(run, "extract", str(index)) for run in "abc" for index in range(3)],
    "tries": [(run, "extract", str(index), str(epoch)) for run in "abc" for index in range(3) for epoch in (1, 2)],
    "audit": [(run, "trigger") for run in "abc"],
    "asset-events": [(run, str({"n": index})) for run in "abc" for index in range(3)],
}


@pytest.mark.parametrize("kind", ExportKind)
def test_every_row_is_exported_once_in_order_with_all_its_columns(paged, fill, kind):
    for run_id in "abc":
        fill("sales", run_id, range(3))
    found = rows(paged, kind)
    assert keys(found, kind) == EVERYTHING[kind]
    assert {tuple(row) for row in found} == {COLUMNS[kind]}


@pytest.mark.parametrize("kind", ExportKind)
def test_no_more_than_a_page_is_read_ahead_of_what_is_asked_for(paged, fill, kind):
    for run_id in "abc":
        fill("sales", run_id, range(3))
    for piece in export_lines(paged, kind):
        assert piece.count(b"\n") <= PAGE


@pytest.mark.parametrize("kind", ExportKind)
def test_dags_and_instants_choose_what_is_exported(paged, fill, now, kind):
    for day, (dag_id, run_id) in enumerate([("sales", "a"), ("stock", "b"), ("sales", "c"), ("sales", "d")]):
        fill(dag_id, run_id, [-1], at=now + timedelta(days=day))
    chosen = {
        "acd": {"dag_ids": ["sales"]},
        "bacd": {"dag_ids": ["stock", "sales", "stock"]},
        "bc": {"since": now + timedelta(days=1), "until": now + timedelta(days=3)},
        "cd": {"dag_ids": ["sales"], "since": now + timedelta(hours=1)},
        "": {"since": now + timedelta(days=9)},
    }
    for runs, options in chosen.items():
        found = dict.fromkeys(row["run_id"] for row in rows(paged, kind, **options))
        assert "".join(found) == runs


def test_nothing_stored_is_no_line_and_of_csv_the_names(installation):
    assert rows(installation, "runs") == []
    assert b"".join(export_lines(installation, ExportKind.AUDIT, form=ExportFormat.CSV)) == (
        b"number,at,action,dag_id,run_id,subject,person,why,source,before,after\r\n"
    )


@pytest.mark.parametrize("kind", ExportKind)
def test_csv_has_the_same_cells_with_json_for_what_is_no_plain_value(paged, fill, kind):
    fill("sales", "a", range(3), conf={"x": [1, None]})
    text = b"".join(export_lines(paged, kind, form=ExportFormat.CSV)).decode()
    plain = [
        {
            name: ""
            if value is None
            else json.dumps(value, separators=(",", ":"))
            if isinstance(value, dict | list)
            else str(value)
            for name, value in row.items()
        }
        for row in rows(paged, kind)
    ]
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == plain


def test_secrets_are_hidden_in_what_people_and_tasks_have_said(installation, store, fill, now):
    store.config.put_connection(Connection("db", "odd", password="hunter22"), now)
    store.config.put_variable("api_token", "t0psecret", now)
    fill("sales", "hunter22", [0], conf={"text": ["so hunter22!"], "password": "of-nobody", "plain": 1})
    run = store.runs.find("sales", "hunter22")
    store.apply(
        Changes(
            runs=[replace(run, reason="because of t0psecret")],
            tries=[Try(run.run, "extract", 0, 1, 1, "local", now, now, now, Outcome.FAILED, "hunter22 is wrong")],
            tasks=[TaskInstance(run.run, "extract", 0, TaskState.FAILED, map_key="of hunter22")],
        ),
        now,
    )
    [row] = rows(installation, "runs")
    assert row["conf"] == {"text": ["so ***!"], "password": "***", "plain": 1}
    assert (row["reason"], row["run_id"]) == ("because of ***", "hunter22"), "a name is never changed"
    assert rows(installation, "tries")[0]["error"] == "*** is wrong"
    assert rows(installation, "tasks")[0]["map_key"] == "of ***"


def test_what_cannot_be_exported_is_refused_with_a_sentence(installation, now):
    with pytest.raises(NotFoundError, match="no DAG is named 'nope'"):
        rows(installation, "runs", dag_ids=["nope"])
    with pytest.raises(RequestError, match="no instant is at or after"):
        rows(installation, "runs", since=now, until=now)
    assert rows(installation, "audit", dag_ids=["deleted"]) == [], "an entry outlives its DAG"


@given(st.lists(st.lists(st.sampled_from(string.ascii_letters + '",\r\n\x1b'), max_size=5).map("".join), max_size=5))
def test_any_text_is_one_line_of_json_and_one_record_of_csv(cells):
    from penstock.service.history.export import _written  # noqa: PLC0415 - the writing alone

    pages = [[{"reason": cell, "error": cell}] for cell in cells]
    lines = b"".join(_written(iter(pages), ("reason", "error"), (), ExportFormat.JSONL)).decode()
    assert [json.loads(line)["reason"] for line in lines.split("\n")[:-1]] == cells
    text = b"".join(_written(iter(pages), ("reason", "error"), (), ExportFormat.CSV)).decode()
    marked = [f"'{cell}" if cell[:1] in ("\r", "\n") and cell else cell for cell in cells]
    assert [row["error"] for row in csv.DictReader(io.StringIO(text, newline=""))] == marked


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"),
        ("\uff1d1", "'\uff1d1"), ("a=1", "a=1"), ("'=1", "'=1"), ("", ""), (-1, "-1"), (-0.5, "-0.5"), (["=1"], '["=1"]'),
    ],
)  # fmt: skip
def test_no_cell_of_csv_is_a_formula_and_numbers_stay_numbers(value, cell):
    from penstock.service.history.export import _written  # noqa: PLC0415 - the writing alone

    text = b"".join(_written(iter([[{"run": value}]]), ("run",), (), ExportFormat.CSV)).decode()
    assert [row["run"] for row in csv.DictReader(io.StringIO(text, newline=""))] == [cell]


def test_the_how_to_says_which_columns_there_are():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "export.md").read_text()
    for kind, columns in COLUMNS.items():
        assert f"| `{kind.value}` | {' '.join(f'`{name}`' for name in columns)} |" in page
