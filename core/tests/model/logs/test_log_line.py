"""Lines of logs are taken apart as they were written."""

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.logs.log_line import (
    LONGEST_LINE,
    LineContext,
    LogLine,
    error_at,
    gravity,
    log_line,
    may_have_errors,
    split_lines,
)
from penstock.processes.log_lines import line_formatter

AT = datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=UTC)


@given(
    st.sampled_from(["INFO", "ERROR", "MINE"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=50),
)
def test_a_line_that_was_logged_is_taken_apart_into_what_was_logged(level, text):
    record = logging.makeLogRecord(
        {"name": "a.b", "levelname": level, "msg": text, "created": AT.timestamp(), "msecs": 123.0}
    )
    data = f"{line_formatter(logging).format(record)}\n".encode()
    assert log_line(7, data) == LogLine(7, len(data), text, AT, level.lower(), "a.b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "printed",
        "2026-03-01T12:30:15.123Z",
        "2026-13-01T12:30:15.123Z INFO a: b",
        "2026-03-01 12:30:15,123 INFO a: b",
    ],
)
def test_a_line_that_was_printed_says_itself_alone(text):
    assert log_line(0, f"{text}\r\n".encode()) == LogLine(0, len(text) + 2, text)


@given(st.lists(st.binary(max_size=9).map(lambda each: each.replace(b"x", b"\n"))), st.integers(0, 5))
def test_lines_are_the_whole_log_wherever_its_pieces_are_cut(pieces, offset):
    found = list(split_lines(pieces, offset))
    assert b"".join(data for _, data in found) == b"".join(pieces)
    assert (
        [data for _, data in found] == b"".join(pieces).splitlines(keepends=True) or b"\r" in b"".join(pieces) or found
    )
    assert all(data.count(b"\n") == 1 and data.endswith(b"\n") for _, data in found[:-1])
    assert [at for at, _ in found] == [offset + sum(len(data) for _, data in found[:n]) for n in range(len(found))]


def test_a_line_without_end_is_taken_as_several():
    found = list(split_lines([b"a" * LONGEST_LINE, b"a" * 5, b"\nb\n"]))
    assert [(at, len(data)) for at, data in found] == [(0, LONGEST_LINE), (LONGEST_LINE, 6), (LONGEST_LINE + 6, 2)]


def test_a_printed_line_is_as_grave_as_what_was_logged_before_it():
    context = LineContext().after(LogLine(0, 1, "no", AT, "error")).after(LogLine(1, 1, "Traceback"))
    assert (context.level, context.time, context.reaches("warning"), context.reaches("critical")) == (
        "error",
        AT,
        True,
        False,
    )
    assert [gravity(each) for each in ("", "debug", "mine", "info", "critical")] == [0, 1, 2, 2, 5]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("all is well\n2026-03-01T12:30:15.123Z ERROR a: b\n", 12),
        ("x\nTraceback (most recent call last):\n", 2),
        ("ValueError: no\n", 0),
        ("pkg.own.SomeException: no\n", 0),
        ("it says ValueError: no\n2026-03-01T12:30:15.123Z INFO a: ERROR b\n", -1),
    ],
)
def test_an_error_is_found_where_its_line_begins(text, at):
    assert error_at(text.encode(), 0) == at
    assert may_have_errors(text.encode()) or at < 0
