"""Verdicts: what a file of them may hold, which of several counts, and what a suite's output says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from penstock_plugin_manager.catalog.entry import Release
from penstock_plugin_manager.catalog.verdicts import (
    SuiteRun,
    Verdict,
    newest_verdicts,
    read_verdicts,
    verdicts_data,
    words_by_release,
)
from penstock_plugin_manager.commands.providers.compat import judged
from penstock_plugin_manager.conformance.suites import Place, _run
from penstock_plugin_manager.errors import ManagerError

GOOD = Verdict("aws", "1.0", "0.1.0", "3.11.7", "pass", "2026-01-02T00:00:00Z", "ab", (SuiteRun("provider suite", 13),))
BAD = GOOD._replace(verdict="fail", date="2026-01-01T00:00:00Z")


def test_verdicts_are_read_as_they_were_written():
    data = json.loads(json.dumps(verdicts_data([GOOD, BAD])))
    assert sorted(read_verdicts(data, "v.json")) == sorted([GOOD, BAD])


def test_the_file_that_the_how_to_page_shows_is_one():
    page = Path(__file__).parents[2] / "docs" / "how-to" / "test-a-provider.md"
    block = page.read_text().partition("```json\n")[2].partition("```")[0]
    (verdict,) = read_verdicts(json.loads(block), "the page")
    assert json.loads(block) == json.loads(json.dumps(verdicts_data([verdict])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "blocked"}, "v.json: verdict 1: the verdict on aws 1.0 with core 0.1.0 is 'blocked'."),
        ({"verdict": None}, "v.json: verdict 1: verdict = None must be a text."),
        ({"core": 1}, "v.json: verdict 1: core = 1 must be a text."),
        ({"provider": ""}, "v.json: verdict 1: provider = '' must be a text."),
    ],
)
def test_a_verdict_that_says_nothing_known_is_refused(change, message):
    data = verdicts_data([GOOD])
    data["verdicts"][0] |= change
    with pytest.raises(ManagerError) as refused:
        read_verdicts(data, "v.json")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "data", [[], {}, {"verdicts": []}, {"schema": 9, "verdicts": []}, {"schema": 1, "verdicts": [1]}, "x"]
)
def test_what_is_no_file_of_verdicts_is_refused(data):
    with pytest.raises(ManagerError, match=r"v\.json"):
        read_verdicts(data, "v.json")


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ([GOOD], "pass"),
        ([BAD, GOOD], "pass"),  # the newer one
        ([GOOD, BAD._replace(date="2026-01-03T00:00:00Z")], "fail"),
        ([GOOD, BAD._replace(python="3.13.1")], "fail"),  # what fails on one Python fails
    ],
)
def test_the_newest_verdict_on_each_python_counts(verdicts, word):
    assert words_by_release(verdicts) == {"aws": {"1.0": {"0.1.0": word}}}
    assert len(newest_verdicts(verdicts)) == len({each.python for each in verdicts})


REPORT = "(lambda cases: open(os.environ['PYTEST_ADDOPTS'].partition('=')[2], 'w').write(f'<testsuites>{cases}</testsuites>'))"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            f"{REPORT}('<testcase/><testcase/><testcase><skipped/></testcase>'); print('9 failed')",
            SuiteRun("s", 2, 0, 1),
        ),
        (
            f"""{REPORT}('<testcase/><testcase name="b"><failure message="boom"/></testcase>'); sys.exit(1)""",
            SuiteRun("s", 1, 1, 0, ("b: boom",)),
        ),
        (f"{REPORT}('<testcase/>'); print('odd'); sys.exit(3)", SuiteRun("s", 1, problems=("it ended with 3", "odd"))),
        ("print('9 passed'); os._exit(0)", SuiteRun("s", problems=("it ended with 0 before its tests did",))),
        (
            "print('error: none'); sys.exit(2)",
            SuiteRun("s", problems=("it ended with 2 before its tests did", "error: none")),
        ),
        (
            f"{REPORT}('<testcase/>'); print('x\\n' * 5_000_000, 'last'); sys.exit(3)",
            SuiteRun("s", 1, problems=("it ended with 3", "x", "x", "x", "x", "last")),
        ),
        (
            f"{REPORT}('<testcase/>'); subprocess.Popen(['sleep', '5'], start_new_session=True)",
            SuiteRun("s", 1),
        ),
        ("sys.exit(5)", None),
        ("os.kill(os.getpid(), 9)", SuiteRun("s", problems=("it ended with -9 before its tests did",))),
        (
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']); time.sleep(99)",
            SuiteRun("s", problems=("it took more than 2 s and was ended",)),
        ),
        (
            "import tempfile; tempfile.NamedTemporaryFile(delete=False).write(bytes(2_000_000)); time.sleep(600)",
            SuiteRun("s", problems=("it wrote more than 1,000,000 bytes to the disk and was ended",)),
        ),
    ],
)
def test_the_end_of_a_suite_is_read_and_nothing_of_it_outlives_it(tmp_path, code, expected):
    words = ["-c", f"import os, subprocess, sys, time; {code}"]
    place = Place(sys.executable, tmp_path, 2.0 if "99" in code else 60.0, 1_000_000)
    place.scratch.mkdir()
    assert _run("s", words, place.scratch, place) == expected


@pytest.mark.parametrize(
    ("release", "served", "word"),
    [
        (Release("1.0"), None, "untested"),
        (Release("1.0", verdicts={"0.1.0": "pass"}), None, "pass"),
        (Release("1.0", verdicts={"0.1.0": "fail"}), range(1, 2), "fail"),
        (Release("1.0", core=">=0.2", verdicts={"0.1.0": "pass"}), None, "no"),
        (Release("1.0", spec=">=2"), range(1, 2), "no"),
        (Release("1.0", spec=">=1,<2"), range(1, 3), "untested"),
    ],
)
def test_a_pair_is_judged_by_what_is_declared_and_then_by_tests(release, served, word):
    assert judged(release, "0.1.0", served).word == word
