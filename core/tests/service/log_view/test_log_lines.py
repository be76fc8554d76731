"""One log is read in parts: forward, backward, by level, and where something is in it."""

import os

import msgspec
import pytest

from penstock.errors import ConfigError, NotFoundError, RequestError
from penstock.logs import log_view
from penstock.model.changes import Changes
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.plugins.file_store import FileStore
from penstock.plugins.object_logs import ObjectLogs
from penstock.service import dags, logs
from penstock.service.log_view.log_lines import find_in_log, log_lines

T = "2026-03-01T12:30:15.123Z"
TEXT = f"begun\n{T} INFO a: one\nmore of it\n{T} ERROR b.c: two\nTraceback (most recent call last):\nValueError: x\n"


@pytest.fixture
def log(installation, store, now):
    """The log of a task that runs, of which a test writes the text."""
    run = dags.trigger(installation, "sales", run_id="one").run
    tried = Try(run.run, "extract", -1, 1, 1, "local", now)
    store.apply(
        Changes(runs=[msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)], tries=[tried]), now
    )
    store.apply(Changes(tasks=[TaskInstance(run.run, "extract", -1, TaskState.RUNNING, 1, 1)]), now)
    (found,) = logs.task_logs(installation, "sales", "extract")
    found.path.parent.mkdir(parents=True)

    def write(text, *, ended=False):
        found.path.write_text(text)
        if ended:
            store.apply(Changes(tries=[msgspec.structs.replace(tried, outcome=Outcome.FAILED)]), now)
        return found

    return write


@pytest.fixture
def lines(installation):
    """Offset and text of the lines of a page, and the page."""

    def read(**options):
        page = log_lines(installation, "sales", "extract", **options)
        return [line.text for line in page.lines], page

    return read


def test_pages_go_on_where_the_last_one_has_ended_and_wait_for_the_end_of_a_line(log, lines):
    log("one\ntwo\nthr")
    assert lines(limit=1)[0] == ["one"]
    texts, page = lines(offset=4)
    assert (texts, page.start, page.end, page.size, page.growing) == (["two"], 4, 8, 11, True)
    assert lines(offset=8)[0] == []
    log("one\ntwo\nthree", ended=True)
    texts, page = lines(offset=8)
    assert (texts, page.end, page.growing) == (["three"], 13, False)
    assert lines(offset=99)[1].lines == ()


def test_a_log_is_read_from_its_end(log, lines):
    log("one\ntwo\nthree\nfou")
    texts, page = lines(backward=True, limit=2)
    assert (texts, page.start, page.end) == (["two", "three"], 4, 14), "what has no end yet is read by who follows"
    texts, page = lines(backward=True, limit=2, offset=page.start)
    assert (texts, page.start) == (["one"], 0)


def test_a_page_of_a_level_has_what_was_printed_after_its_lines(log, lines):
    log(TEXT)
    graver = ["two", "Traceback (most recent call last):", "ValueError: x"]
    assert lines(level="error")[0] == graver
    assert lines(level="info")[0] == ["one", "more of it", *graver]
    assert lines(level="error", backward=True, limit=2)[0] == graver[1:]
    inside = TEXT.index("Traceback")
    assert lines(level="error", offset=inside)[0] == graver[1:], "what was logged before the page counts"
    (first, *_) = lines(level="error")[1].lines
    assert (first.level, first.source, first.time.isoformat()) == ("error", "b.c", "2026-03-01T12:30:15.123000+00:00")


def test_a_text_is_found_with_offset_and_number_and_the_search_goes_on(installation, log, monkeypatch):
    log("".join(f"line {n} Straße\n" if n % 3 else f"ORDER {n}\n" for n in range(10)))
    found = find_in_log(installation, "sales", "extract", text="order", limit=2)
    assert [(m.number, m.text) for m in found.matches] == [(1, "ORDER 0"), (4, "ORDER 3")]
    assert not found.whole
    more = find_in_log(installation, "sales", "extract", text="order", offset=found.offset, lines=found.lines)
    assert [(m.number, m.text) for m in more.matches] == [(7, "ORDER 6"), (10, "ORDER 9")]
    assert (more.whole, more.lines) == (True, 10)
    monkeypatch.setattr(log_view, "_BLOCK", 20)
    monkeypatch.setattr(log_view, "SEARCHED_BYTES", 40)
    texts, offset, before, whole = [], 0, 0, False
    while not whole:
        part = find_in_log(installation, "sales", "extract", text="straße", offset=offset, lines=before)
        texts += [(m.number, m.text) for m in part.matches]
        offset, before, whole = part.offset, part.lines, part.whole
    assert texts == [(n + 1, f"line {n} Straße") for n in range(10) if n % 3]


def test_errors_are_found_without_a_text(installation, log):
    log(TEXT)
    found = find_in_log(installation, "sales", "extract")
    assert [m.number for m in found.matches] == [4, 5, 6]
    assert TEXT[found.matches[0].offset :].startswith(f"{T} ERROR")


def test_a_long_line_is_shown_around_the_place(installation, log):
    log("x" * 3000 + "needle" + "y" * 3000 + "\n")
    (match,) = find_in_log(installation, "sales", "extract", text="NEEDLE").matches
    assert match.text.startswith("...xx")
    assert match.text.endswith("yy...")
    assert (len(match.text) < 2000, "needle" in match.text, match.offset) == (True, True, 0)


def test_a_log_in_the_log_store_is_read_alike(installation, log, lines, monkeypatch, tmp_path):
    found = log(TEXT, ended=True)
    found.path.unlink()
    kept = ObjectLogs((tmp_path / "kept").as_uri(), FileStore())
    for offset in range(0, len(TEXT), 10):
        kept.append("name", offset, TEXT.encode()[offset : offset + 10])
    kept.seal("name", len(TEXT))
    monkeypatch.setattr(logs, "log_name", lambda *_: "name")
    installation._settings = msgspec.structs.replace(
        installation.settings, logs=msgspec.structs.replace(installation.settings.logs, store="kept://here")
    )
    monkeypatch.setattr(type(installation.host), "log_store", lambda *_: kept)
    assert lines(backward=True, limit=1)[0] == ["ValueError: x"]
    assert lines(level="error")[0][0] == "two"
    assert [m.number for m in find_in_log(installation, "sales", "extract").matches] == [4, 5, 6]


def test_what_cannot_be_read_is_told_in_a_sentence(installation, log, lines):
    assert lines()[1].size == 0, "nothing was written yet"
    for options, told in [({"limit": 0}, "limit: 0 is out of range"), ({"offset": -1}, "offset: -1 is below 0")]:
        with pytest.raises(RequestError, match=told):
            lines(**options)
    with pytest.raises(RequestError, match="line by line"):
        find_in_log(installation, "sales", "extract", text="a\nb")
    with pytest.raises(NotFoundError, match="It has: 1"):
        lines(dispatch=3)
    log("").path.unlink()
    log_path = logs.task_logs(installation, "sales", "extract")[0].path
    log_path.mkdir()
    with pytest.raises(ConfigError, match="the log cannot be read: it is a link, a pipe or the like, and no file"):
        lines()


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_log_that_was_replaced_holds_up_nobody_and_leads_nowhere(installation, log, tmp_path, kind):
    path = log("").path
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "secret").write_text("hidden")
        path.symlink_to(tmp_path / "secret")
    for look in (
        lambda: log_lines(installation, "sales", "extract"),
        lambda: find_in_log(installation, "sales", "extract", text="hidden"),
        lambda: list(logs.log_content(installation, "sales", "extract", 1)),
        lambda: list(logs.follow_logs(installation, "sales", "extract")),
    ):
        with pytest.raises(ConfigError, match="the log cannot be read: it is a link, a pipe or the like"):
            look()
