r"""Runs the pages of the documentation: what a reader would type is typed, and what would be seen is compared.

A page is a script. A fenced block whose first line is ```` ```python title="dags/a.py" ```` is written to that file. In a
``console`` block, each line that begins with ``$`` is run by bash in the page's folder, and the lines below it are what
it prints: ``...`` in a line stands for any text, a line of ``...`` for any lines, and the number of blanks is free.
``. FILE`` and ``export NAME=VALUE`` hold for all commands that follow; ``penstock up`` goes on until the end of the page.
A program that is given as a function is called with its words where a line is nothing but that: no shell and no interpreter
is started for it.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 30.0
LONGEST_S = 90.0
SERVER = "penstock up"
Program = Callable[[Sequence[str], Path, Mapping[str, str]], tuple[int, str]]
"""Runs a program with words in a folder and an environment; gives its exit code and what it printed."""

PLAIN = re.compile(r"""[\w-]+(?: +(?:[\w./:=,@+%-]|'[^']*'|"[^"$`\\!]*")+)*""")
"""A line in which a shell would find words and nothing else."""


class Block(NamedTuple):
    """A fenced block: its language, the file that it is, and its text."""

    language: str
    title: str
    text: str


class Command(NamedTuple):
    """A line that is typed, and what it prints; None if the page does not show it."""

    line: str
    output: str | None


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    pattern = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    return [Block(found[1], found[2] or "", found[3]) for found in pattern.finditer(page)]


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        while line.endswith("\\"):
            more, _, output = output.partition("\n")
            line = line[:-1] + more.strip()
        yield Command(line.strip(), output.strip() or None)


def matches(expected: str, found: str) -> bool:
    """True if an output is what a page shows."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else ".*".join(map(_words, line.split("..."))) + r"\n"
        for line in expected.splitlines()
    )
    lines = [" ".join(line.split()) for line in found.strip().splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _words(text: str) -> str:
    escaped = r" ".join(re.escape(word) for word in text.split())
    return (" " if text[:1] == " " and escaped else "") + escaped + (" " if text[-1:] == " " and escaped else "")


class Reader:
    """Someone who types what a page says.

    Args:
        folder: Where the reader works; the environment file lies beside it.
        variables: The environment.
        programs: What is run without a shell, by the name that is typed.
    """

    def __init__(
        self, folder: Path, variables: Mapping[str, str], programs: Mapping[str, Program] | None = None
    ) -> None:
        self.folder, self._programs = folder, programs or {}
        self._profile = folder.parent / f"{folder.name}.profile"
        self._profile.touch()
        self._variables = {**variables, "BASH_ENV": str(self._profile)}
        self._exported = dict(variables)
        self._server: subprocess.Popen[bytes] | None = None

    def follow(self, page: str, meanwhile: Callable[[], None] | None = None) -> list[str]:
        """Do all that a page says; what did not go as it says is returned, the first alone.

        Args:
            page: Its Markdown.
            meanwhile: What else the reader does once everything is started.
        """
        try:
            for block in blocks_of(page):
                if block.title:
                    path = self.folder / block.title
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.text)
                for command in commands_of(block) if block.language == "console" else ():
                    problem = self.type(command)
                    if problem:
                        return [problem]
                    if command.line == SERVER and meanwhile:
                        meanwhile()
        finally:
            stopped = self._stop_server()
        return [] if stopped == 0 else [f"`{SERVER}` ended with exit code {stopped}"]

    def type(self, command: Command) -> str:
        """Run one command; empty if it went as the page says."""
        if command.line == SERVER:
            self._start_server()
            return ""
        if re.match(r"(\. |source |export )", command.line):
            with self._profile.open("a") as profile:
                profile.write(command.line + "\n")
            self._exported = self._read_profile()
            return ""
        began = time.monotonic()
        while True:
            code, found = self._run(command.line)
            if code == 0 and (command.output is None or matches(command.output, found)):
                return ""
            # Beside a running scheduler, what a page shows comes true in a moment.
            waited = time.monotonic() - began
            if self._server is None or waited > PATIENCE_S:
                return f"$ {command.line}\nexit code {code}; expected:\n{command.output}\nfound:\n{found}\n{self.server_log()}"
            time.sleep(0.3 + waited / 4)  # a command costs more than what it waits for

    def _read_profile(self) -> dict[str, str]:
        told = subprocess.run(
            ["bash", "-c", "env -0"], cwd=self.folder, env=self._variables, capture_output=True, text=True, check=True
        ).stdout
        variables = dict(each.split("=", 1) for each in told.split("\0") if each)
        return {name: text for name, text in variables.items() if name != "BASH_ENV"}

    def _run(self, line: str) -> tuple[int, str]:
        program = self._programs.get(line.partition(" ")[0])
        if program and PLAIN.fullmatch(line):
            return program(shlex.split(line)[1:], self.folder, self._exported)
        process = subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            found, _ = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            found, _ = process.communicate()
            return -1, f"{found}\n(killed after {LONGEST_S:g} s)"
        return process.returncode, found

    def _start_server(self) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", f"exec {SERVER}"],
                cwd=self.folder,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _stop_server(self) -> int:
        if self._server is None:
            return 0
        self._server.send_signal(signal.SIGINT)
        try:
            return self._server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            return self._server.wait()

    def server_log(self) -> str:
        """What the server has printed so far."""
        log = self.folder.parent / f"{self.folder.name}.log"
        return log.read_text() if log.exists() else ""
