"""What file servers print, in one log that has an end."""

import os
from pathlib import Path

import pytest

from penstock.execute.serving import server_output
from penstock.execute.serving.server_output import ServerOutput


@pytest.fixture
def log(tmp_path):
    return tmp_path / "servers.log"


@pytest.fixture
def output(log):
    with log.open("a+b") as file:
        yield ServerOutput(file.fileno())


def printed(output, name, *texts):
    """A server that prints all of this and ends."""
    writing = output.listen(name)
    (pipe,) = output.pipes
    for text in texts:
        os.write(writing, text.encode())
        output.take(pipe)
    os.close(writing)
    while output.pipes:
        output.take(pipe)


@pytest.mark.parametrize("size", [0, 1, server_output.MOST_AT_ONCE])
def test_what_is_not_much_is_there_as_it_was(output, log, size):
    printed(output, "a.py", "x" * size)
    assert log.read_text() == "x" * size


def test_of_what_is_much_the_beginning_and_the_end_are_there_with_a_word_between(output, log, monkeypatch):
    monkeypatch.setattr(server_output, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(server_output, "MOST_LAST", 3)
    printed(output, "a.py", "abc", "defg", "hijklm")
    text = log.read_text()
    assert text.startswith("abcd\n[penstock: a.py prints more than 4 bytes at its import.")
    assert text.endswith("\n[penstock: a.py has printed 13 bytes, of which 6 are left out here.]\nklm")


def test_what_is_cut_nowhere_leaves_nothing_out(output, log, monkeypatch):
    monkeypatch.setattr(server_output, "MOST_AT_ONCE", 4)
    printed(output, "a.py", "abcdefg")
    assert log.read_text().startswith("abcd\n[penstock: ")
    assert log.read_text().endswith("]\nefg")
    assert "left out" not in log.read_text()


def test_the_log_has_an_end_and_keeps_what_is_new(output, log, monkeypatch):
    monkeypatch.setattr(server_output, "MOST_OF_ALL", 1000)
    for number in range(100):
        printed(output, "a.py", f"{number} {'x' * 90}\n")
        assert log.stat().st_size <= 1100
    lines = log.read_text().splitlines()
    assert lines[0] == "[penstock: what was older is left out; this log keeps at most 1,000 bytes.]"
    numbers = [int(line.split()[0]) for line in lines[1:]]
    assert numbers == [*range(numbers[0], 100)]
    assert len(numbers) >= 5


def test_where_the_log_is_no_file_or_takes_nothing_the_servers_go_on():
    with Path(os.devnull).open("a+b") as nothing, Path("/dev/full").open("ab") as full:
        for file in (nothing, full):
            printed(ServerOutput(file.fileno()), "a.py", "x" * 60_000)
