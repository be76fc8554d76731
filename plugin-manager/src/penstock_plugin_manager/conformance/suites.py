"""Running suites in an environment, each in a process of its own that is ended with all that it started."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from penstock_manifest.format import plain

from penstock_plugin_manager.catalog.verdicts import SuiteRun
from penstock_plugin_manager.conformance.fenced import FencedEnd, run_fenced
from penstock_plugin_manager.conformance.subject import Subject

_NO_TESTS = 5
"""Exit code of pytest where it finds no test."""
_MOST_PROBLEMS = 50
_MOST_BYTES = 50_000_000
_LONGEST = 1000
_HIDDEN = ("PENSTOCK_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
"""Variables of this process that would change what a suite sees."""


class Place(NamedTuple):
    """Where suites run.

    Attributes:
        python: The environment's interpreter.
        folder: A folder for what they write.
        seconds: How long each may take.
        most_written: How many bytes they may have there at once.
    """

    python: str
    folder: Path
    seconds: float
    most_written: int = 2_000_000_000

    @property
    def scratch(self) -> Path:
        """The folder in which they run, and which they are told to take for temporary files."""
        return self.folder / "scratch"


def provider_suite(provider_id: str, place: Place) -> SuiteRun:
    """Run the suite that the core has for every provider."""
    words = ["-P", "-m", "penstock.testing.provider_suite", provider_id]
    found = _run("provider suite", words, place.scratch, place)
    return found or SuiteRun("provider suite", problems=("it found no test",))


def own_tests(subject: Subject, place: Place) -> SuiteRun | None:
    """Run a provider's own tests on the installed wheel, in a copy of its folder without the source; None if there are none."""
    if subject.tests is None or subject.source is None:
        return None
    away = place.scratch / "own-tests"
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
    report = place.scratch / "report.xml"
    report.unlink(missing_ok=True)
    place.scratch.mkdir(exist_ok=True)
    options = f"--junitxml={shlex.quote(str(report))}"
    own = {**variables, "NO_COLOR": "1", "PYTEST_ADDOPTS": options, "TMPDIR": str(place.scratch)}
    end = run_fenced(
        [place.python, *words], place.seconds, folder, own, scratch=place.scratch, most_written=place.most_written
    )
    if end.code == _NO_TESTS:
        return None
    return _summary(name, end, report)


def _summary(name: str, end: FencedEnd, report: Path) -> SuiteRun:
    """Read pytest's report of a suite; what a suite prints is only told where it came to no end."""
    counts, problems, ended = Counter[str](), list[str](), False
    with contextlib.suppress(OSError, ET.ParseError):
        for how, problem in _cases(report):
            counts[how] += 1
            problems += [problem] if problem and len(problems) < _MOST_PROBLEMS else []
        ended = True
    code, lines = end.code, [line for line in end.output.splitlines() if line.strip()][-5:]
    if code is None:
        problems = [f"it {end.ended_for} and was ended"]
    elif not ended:
        counts.clear()
        problems = [f"it ended with {code} before its tests did", *lines]
    elif code and not problems:
        problems = [f"it ended with {code}", *lines]
    kept = tuple(plain(each, 300) for each in problems)
    return SuiteRun(name, counts["passed"], counts["failed"], counts["skipped"], kept)


def _cases(report: Path) -> Iterator[tuple[str, str]]:
    """How each test ended, and what is wrong, by a report in the form of JUnit, which pytest writes when it ends.

    Raises:
        OSError: There is none, or it is too long.
        ParseError: It is none.
    """
    if report.stat().st_size > _MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    how, problem = "passed", ""
    for _, element in ET.iterparse(report):  # noqa: S314  expat bounds expansion
        if element.tag in ("failure", "error"):
            how, problem = "failed", element.get("message", "")[:_LONGEST]
        elif element.tag == "skipped":
            how = "skipped"
        elif element.tag == "testcase":
            yield how, f"{element.get('name')}: {problem}" if how == "failed" else ""
            how, problem = "passed", ""
        element.clear()
