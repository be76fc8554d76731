import os
import subprocess
import sys

MODULES = """
import sys, pytest

@pytest.mark.parametrize("number", [1, 2])
def test_ours(number, tmp_path, monkeypatch):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "part.py").write_text(f"NUMBER = {number}")
    (tmp_path / "alone.py").write_text(f"NUMBER = {number}")
    monkeypatch.syspath_prepend(tmp_path)
    import alone, ours.part
    assert (ours.part.NUMBER, alone.NUMBER) == (number, number)
"""
OPEN = """
import socket, pytest

class Holder:
    def __init__(self):
        self.me, self.socket = self, socket.socket()  # a cycle

def test_one_before_leaves_another():
    Holder()

@pytest.mark.usefixtures("nothing_left_open")
def test_it_leaves_one():
    Holder()

def test_it_is_another():
    pass
"""


def run(tmp_path, text):
    (tmp_path / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", os.devnull]
    found = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "test_it.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    return found.stdout


def test_a_module_of_a_tests_folder_is_the_next_tests_own(tmp_path):
    assert "2 passed" in run(tmp_path, MODULES)


def test_a_socket_that_the_collector_has_to_close_fails_the_test_that_left_it(tmp_path):
    found = run(tmp_path, OPEN)

    assert "3 passed, 1 error" in found
    assert "ERROR test_it.py::test_it_leaves_one" in found
    told = [line for line in found.splitlines() if "Failed: left to the garbage collector: unclosed <socket" in line]
    assert told
    assert all(line.count("unclosed <socket") == 1 for line in told)  # that of the one before is not its own
