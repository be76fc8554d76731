"""Running suites in an environment, each in a process of its own that is ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from penstock_manifest.format import plain

from penstock_plugin_manager.catalog.verdicts import SuiteRun
from penstock_plugin_manager.conformance.subject import Subject

_NO_TESTS = 5
"""Exit code of pytest where it finds no test."""
_MOST_PROBLEMS = 50
_MOST_BYTES = 50_000_000
_TAIL_BYTES = 20_000
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
    output, report = place.folder / "output.txt", place.folder / "report.xml"
    report.unlink(missing_ok=True)
    options = f"--junitxml={shlex.quote(str(report))}"
    # A file and no pipe: what a test leaves running would keep a pipe open.
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [place.python, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            env={**variables, "NO_COLOR": "1", "PYTEST_ADDOPTS": options}, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(place.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    if code == _NO_TESTS:
        return None
    return _summary(name, code, report, output, place.seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # nothing of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _summary(name: str, code: int | None, report: Path, output: Path, seconds: float) -> SuiteRun:
    """Read pytest's report of a suite; what a suite prints is only told where it came to no end."""
    cases = _cases(report)
    problems: list[str] = []
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in cases or ():
        bad = next((each for each in case if each.tag in ("failure", "error")), None)
        skipped = any(each.tag == "skipped" for each in case)
        counts["failed" if bad is not None else "skipped" if skipped else "passed"] += 1
        if bad is not None:
            problems.append(f"{case.get('name')}: {bad.get('message', '')}")
    if code is None:
        problems = [f"it took more than {seconds:g} s and was ended"]
    elif cases is None:
        problems = [f"it ended with {code} before its tests did", *_last_lines(output)]
    elif code and not problems:
        problems = [f"it ended with {code}", *_last_lines(output)]
    kept = tuple(plain(each, 300) for each in problems[:_MOST_PROBLEMS])
    return SuiteRun(name, **counts, problems=kept)


def _cases(report: Path) -> list[ET.Element] | None:
    """The tests of a report in the form of JUnit, which pytest writes when it ends; None where there is none."""
    try:
        if report.stat().st_size > _MOST_BYTES:
            return None
        return list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314  expat bounds expansion
    except (OSError, ET.ParseError):
        return None


def _last_lines(output: Path) -> list[str]:
    with output.open("rb") as stream:
        stream.seek(max(0, output.stat().st_size - _TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()][-5:]
