"""Running suites in an environment, each in a process of its own that is ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from penstock_manifest.format import plain

from penstock_plugin_manager.catalog.verdicts import SuiteRun
from penstock_plugin_manager.conformance.subject import Subject

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")
_NO_TESTS = 5
"""Exit code of pytest where it finds no test."""
_MOST_PROBLEMS = 50
_HIDDEN = ("PENSTOCK_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
"""Variables of this process that would change what a suite sees."""


class Place(NamedTuple):
    """Where suites run.

    Attributes:
        python: The environment's interpreter.
        folder: A folder for what they write.
        seconds: How long each may take.
    """

    python: str
    folder: Path
    seconds: float


def provider_suite(provider_id: str, place: Place) -> SuiteRun:
    """Run the suite that the core has for every provider."""
    words = ["-P", "-m", "penstock.testing.provider_suite", provider_id]
    found = _run("provider suite", words, place.folder, place)
    return found or SuiteRun("provider suite", problems=("it found no test",))


def own_tests(subject: Subject, place: Place) -> SuiteRun | None:
    """Run a provider's own tests on the installed wheel, in a copy of its folder without the source; None if there are none."""
    if subject.tests is None or subject.source is None:
        return None
    away = place.folder / "own-tests"
    packages = {name for each in subject.wheel.providers if each.manifest for name in each.manifest.imports}
    leave = shutil.ignore_patterns("src", *packages, "__pycache__", ".*")
    shutil.copytree(subject.source, away, ignore=leave)
    words = ["-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", subject.tests.name]
    return _run("own tests", words, away, place)


def has_suite(place: Place) -> bool:
    """Tell whether the core in an environment has the suite at all."""
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('penstock.testing.provider_suite') is None)"
    done = subprocess.run([place.python, "-I", "-c", code], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode == 0


def _run(name: str, words: Sequence[str], folder: Path, place: Place) -> SuiteRun | None:
    variables = {key: text for key, text in os.environ.items() if not key.startswith(_HIDDEN)}
    output = place.folder / "output.txt"
    # A file and no pipe: what a test leaves running would keep a pipe open.
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [place.python, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            env={**variables, "NO_COLOR": "1"}, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(place.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    if code == _NO_TESTS:
        return None
    return _summary(name, code, output.read_text(encoding="utf-8", errors="replace"), place.seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # nothing of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _summary(name: str, code: int | None, text: str, seconds: float) -> SuiteRun:
    lines = [line for line in text.splitlines() if line.strip()]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for number, word in _COUNT.findall(lines[-1] if lines else ""):
        counts["failed" if word.startswith("error") else word] += int(number)
    problems = [line for line in lines if line.startswith(("FAILED ", "ERROR "))][:_MOST_PROBLEMS]
    if code is None:
        problems.append(f"it took more than {seconds:g} s and was ended")
    elif code and not problems:
        problems = [f"it ended with {code}", *lines[-5:]]
    return SuiteRun(name, **counts, problems=tuple(plain(each, 300) for each in problems))
