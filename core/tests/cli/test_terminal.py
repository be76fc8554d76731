import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from penstock.cli import terminal
from penstock.cli.terminal import duration, print_table
from penstock.model.state import TaskState

AT = datetime(2026, 1, 31, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("task", None, ""),
        ("task", "a\x1b[2J", "a\\x1b[2J"),
        ("task", "a\nb", "a b"),
        ("reason", "  it \n failed\x07 ", "it failed\\x07"),
        ("reason", "x" * 250, "x" * 197 + "..."),
        ("started", AT, "2026-01-31 06:00:00Z"),
        ("started", AT.astimezone(timezone(timedelta(hours=2))), "2026-01-31 06:00:00Z"),
        ("started", datetime(7, 1, 1, tzinfo=UTC), "0007-01-01 00:00:00Z"),
        ("paused", True, "yes"),
        ("try", 1, "1"),
        ("state", TaskState.RUNNING, "running"),
    ],
)
def test_a_cell_is_one_line_that_steers_no_terminal(capsys, column, value, shown):
    print_table([column, "last"], [(value, "|"), ("", "|")], empty="nothing")
    title, first, second = capsys.readouterr().out.splitlines()
    width = max(len(column), len(shown)) + 2
    assert [title, first, second] == [column.ljust(width) + "last", shown.ljust(width) + "|", " " * width + "|"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (59.7, "1 min 0 s"),
        (245, "4 min 5 s"),
        (3725, "1 h 2 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_how_long_something_took_has_one_form(seconds, shown):
    assert duration(AT, AT + timedelta(seconds=seconds)) == shown


def test_columns_stand_below_each_other_whatever_their_letters_take(capsys):
    print_table(["task", "n"], [("日本", 1), ("e\u0301", 2), ("plain", 3)], empty="nothing")
    assert capsys.readouterr().out.splitlines() == ["task   n", "日本   1", "e\u0301      2", "plain  3"]


def test_a_state_has_its_colour_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(["state", "n"], [(TaskState.FAILED, 1), ("new", 2)], empty="nothing")
    _, failed, new = capsys.readouterr().out.splitlines()
    assert (failed, new) == ("\x1b[31mfailed\x1b[0m  1", "new     2")


def test_a_table_without_rows_is_its_sentence(capsys):
    print_table(["task"], iter([]), empty="there are none.")
    assert capsys.readouterr().out == "there are none.\n"


def _calls(count):
    """How many functions of the terminal's own module a table of so many rows calls."""
    seen = 0

    def note(frame, event, _argument):
        nonlocal seen
        seen += event == "call" and frame.f_code.co_filename == terminal.__file__

    rows = [(f"t{number}", TaskState.SUCCESS, "1", "", "it went well") for number in range(count)]
    sys.setprofile(note)
    try:
        print_table(["task", "state", "try", "started", "reason"], rows, empty="nothing")
    finally:
        sys.setprofile(None)
    return seen


def test_a_row_costs_no_more_calls_than_its_cells_that_are_no_text(capsys):
    assert _calls(1000) - _calls(100) <= 900
    capsys.readouterr()
