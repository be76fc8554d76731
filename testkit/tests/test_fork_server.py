"""A forked command is to its caller what one with an interpreter of its own is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock_testkit.commands.fork_server import ForkServer
from penstock_testkit.processes import wait_until

PROGRAM = """
import os, signal, sys

def main():
    what = sys.argv[1]
    if what == "tells":
        print(os.getcwd(), os.environ["GIVEN"], "PATH" in os.environ, sys.stdin.read(), sys.argv[2:])
    elif what == "returns":
        return 3
    elif what == "exits":
        sys.exit("a word at the end")
    elif what == "raises":
        raise ValueError("no box")
    elif what == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "waits":
        print("ready", flush=True)
        signal.pause()
    elif what == "imports":
        import penstock_testkit
        print(penstock_testkit.__file__)
    elif what == "mixes":
        for number, stream in enumerate([sys.stdout, sys.stderr, sys.stdout]):
            print(number, file=stream, flush=True)
"""
ENDS = {
    "tells": (0, "{folder} a word False some input ['x y', '']\n", ""),
    "returns": (3, "", ""),
    "exits": (1, "", "a word at the end\n"),
    "raises": (1, "", "ValueError: no box\n"),
    "dies": (-9, "", ""),
}


@pytest.fixture(scope="module")
def server():
    made = ForkServer("probe.main:main")
    yield made
    made.close()


@pytest.fixture
def probe(tmp_path):
    """A folder with the program; it is no installed one, so it is found by the command's own variables alone."""
    (tmp_path / "site" / "probe").mkdir(parents=True)
    (tmp_path / "site" / "probe" / "main.py").write_text(PROGRAM)
    (tmp_path / "site" / "probe" / "__main__.py").write_text("import sys, probe.main\nsys.exit(probe.main.main())\n")
    return tmp_path


@pytest.mark.parametrize("own", [{}, {"PYTHONHASHSEED": "1"}], ids=["forked", "an interpreter of its own"])
def test_words_folder_variables_input_output_code_and_death_are_its_own(server, probe, own):
    variables = {"PYTHONPATH": str(probe / "site"), "GIVEN": "a word", **own}
    for what, (code, out, error) in ENDS.items():
        ended = server.run([what, "x y", ""], probe, variables, given="some input", seconds=60)
        assert (ended.code, ended.out) == (code, out.format(folder=os.path.realpath(probe))), ended
        assert ended.err.endswith(error) if error else not ended.err, ended


def test_what_stands_in_for_a_module_that_the_server_has_imported_is_taken(server, probe):
    module = probe / "site" / "penstock_testkit.py"
    module.touch()
    ended = server.run(["imports"], probe, {"PYTHONPATH": str(module.parent)}, seconds=60)
    assert ended.out == f"{module}\n", ended


def test_a_command_that_goes_on_has_a_session_an_output_and_an_end_of_its_own(server, probe):
    variables = {"PYTHONPATH": str(probe / "site"), "GIVEN": "a word"}
    for words, end in ((["tells", "x"], 0), (["exits"], 1), (["dies"], -9), (["waits"], -15)):
        made = server.start(words, probe, variables)
        with made.stdout as stream:
            first = stream.readline()
            assert os.getsid(made.pid) == made.pid if words == ["waits"] else True
            made.terminate() if words == ["waits"] else None
            stream.read()
        wait_until(lambda made=made: made.poll() is not None, otherwise=lambda: "it does not end")
        assert (made.poll(), made.pid != os.getpid()) == (end, True), first
    with pytest.raises(ValueError, match="PYTHONHASHSEED"):
        server.start(["tells"], probe, {"PYTHONHASHSEED": "1"})


def test_a_command_that_goes_on_is_shown_with_its_words_and_variables_and_used_as_a_started_one(server, probe):
    variables = {"PYTHONPATH": str(probe / "site"), "GIVEN": "a word"}
    with (probe / "out").open("wb") as out:
        made = server.start(["waits"], probe, variables, output=out)
    read = lambda name: Path(f"/proc/{made.pid}/{name}").read_bytes().split(b"\0")  # noqa: E731 - short
    assert read("cmdline") == [sys.executable.encode(), b"-m", b"probe", b"waits", b""]
    assert b"GIVEN=a word" in read("environ")
    assert os.getpgid(made.pid) == made.pid
    with pytest.raises(subprocess.TimeoutExpired):
        made.wait(0.01)
    with pytest.raises(ValueError, match="a file"):
        made.stdout.read()
    wait_until(lambda: (probe / "out").read_bytes() == b"ready\n", otherwise=lambda: "nothing is written")
    made.kill()
    assert (made.wait(60), made.returncode) == (-9, -9)
    made.terminate()  # whose number may be another's by now


def test_commands_that_go_on_end_with_the_process_that_started_them(probe):
    made = ForkServer("probe.main:main")
    waits = made.start(["waits"], probe, {"PYTHONPATH": str(probe / "site")})
    with waits.stdout as stream:
        assert stream.readline() == b"ready\n"
        made.close()
        assert stream.read() == b""
    assert waits.poll() == -9


@pytest.mark.parametrize("own", [{}, {"PYTHONHASHSEED": "1"}], ids=["forked", "an interpreter of its own"])
def test_output_and_errors_can_be_read_as_a_terminal_shows_them(server, probe, own):
    variables = {"PYTHONPATH": str(probe / "site"), **own}
    ended = server.run(["mixes"], probe, variables, seconds=60, together=True)
    assert ended == (0, "0\n1\n2\n", "")
