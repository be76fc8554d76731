from __future__ import annotations

import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.version import Version

from penstock_plugin_manager.change.solve.conflict import minimal
from penstock_plugin_manager.commands.environment.doctor import find_culprit
from penstock_plugin_manager.commands.lock.export import requirements
from penstock_plugin_manager.errors import INCOMPATIBLE, MISSING, UNVERIFIED, IncompatibleError, ManagerError
from penstock_plugin_manager.model.lock import File, Lock, Locked, fitting, read_lock, write_lock
from penstock_plugin_manager.model.toml import parse
from penstock_plugin_manager.resolve.message import explain
from penstock_plugin_manager.resolve.pip import loosened, pinned, reason
from penstock_plugin_manager.resolve.process import Runner
from penstock_plugin_manager.resolve.request import Request
from penstock_plugin_manager.resolve.uv import read_annotations


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        pytest.param(
            "Because x was not found in the package registry and you require x",
            MISSING,
            "x was not found",
            id="uv: missing",
        ),
        pytest.param("ERROR: No matching distribution found for x>=2", MISSING, "x was not found", id="pip: missing"),
        pytest.param("No solution found when resolving dependencies", INCOMPATIBLE, "cannot be met", id="uv: conflict"),
        pytest.param("ERROR: ResolutionImpossible", INCOMPATIBLE, "cannot be met", id="pip: conflict"),
        pytest.param("Hash mismatch for `x==1`", UNVERIFIED, "hash differs", id="uv: hash"),
        pytest.param("THESE PACKAGES DO NOT MATCH THE HASHES", UNVERIFIED, "hash differs", id="pip: hash"),
        pytest.param("error sending request for url", 1, "does not answer", id="uv: network"),
        pytest.param("No space left on device (os error 28)", 1, "disk is full", id="disk"),
        pytest.param("Read-only file system (os error 30)", 1, "may not be written", id="read-only"),
        pytest.param("error: Received some unexpected JSON from `x`", 1, "does not answer", id="uv: nonsense"),
        pytest.param(
            'ERROR: Exception:\nTraceback (most recent call last):\n  File "x", line 1\n    y\njson.decoder.JSONDecodeError: Expecting',
            1,
            "does not answer",
            id="pip: nonsense",
        ),
        pytest.param("something new", 1, "something new", id="anything else"),
        pytest.param("", 1, "exit code 7", id="silence"),
    ],
)
def test_what_tools_say_becomes_an_error_of_ours(said, code, words):
    error = explain("resolution", said, 7)
    assert error.code == code
    assert words in f"{error} {error.detail}"
    assert "Traceback" not in error.detail


@pytest.mark.parametrize("code", [0, 3])
def test_of_what_a_build_prints_the_end_is_kept(code, monkeypatch):
    monkeypatch.setattr("penstock_plugin_manager.resolve.process._ANSWER_BYTES", 1000)
    monkeypatch.setattr("penstock_plugin_manager.resolve.process._MESSAGE_BYTES", 1000)
    prints = (
        f"import sys; [print('noise' * 1000, file=f) for f in (sys.stdout, sys.stderr)]; sys.exit({code} and 'last')"
    )
    with pytest.raises(ManagerError) as caught:
        Runner().run([sys.executable, "-c", prints], "build")
    assert len(caught.value.detail) <= 1000
    assert ("last" in caught.value.detail) if code else ("more than 1,000 bytes" in str(caught.value))


def test_annotations_become_a_graph():
    text = (
        "a==1 \\\n    # via -r roots.in\nb[x]==2 ; sys_platform == 'win32'  # via a, c (/x/y.in)\nc==3\n    # via a\n"
    )
    assert read_annotations(text) == {"a": {"b", "c"}}


ITEMS = [("root", f"r{number}") for number in range(8)]


@given(st.sets(st.sampled_from(ITEMS), min_size=1))
def test_the_smallest_conflict_is_found_whatever_it_is(guilty):
    trials = []

    def solvable(items):
        trials.append(1)
        return not guilty <= set(items)

    assert set(minimal(ITEMS, solvable)) == guilty
    assert len(trials) <= 2 * len(guilty) * 4 + 2


@given(st.integers(1, 40), st.data())
def test_bisection_finds_the_culprit_in_a_logarithm_of_trials(count, data):
    ids = [f"p{number}" for number in range(count)]
    guilty = data.draw(st.sampled_from(ids))
    trials = []

    def good(disabled):
        trials.append(1)
        return guilty in disabled

    assert find_culprit(ids, good) == guilty
    assert len(trials) <= count.bit_length() + 2


def test_bisection_says_when_nobody_is_to_blame():
    assert find_culprit(["a", "b"], lambda _: False) is None


FILES = st.builds(
    File,
    name=st.just("x-1-py3-none-any.whl"),
    url=st.just("https://x.test/x.whl"),
    sha256=st.sampled_from(["0" * 64, "ab" * 32]),
    size=st.none() | st.integers(1, 10**9),
    path=st.just(""),
    uploaded=st.none(),
    other_hash=st.just(""),
)
PACKAGES = st.builds(
    Locked, name=st.sampled_from(["a", "b", "c"]), version=st.just("1.0"), marker=st.sampled_from(["", "sys_platform == 'win32'"]),
    dependencies=st.just(("b",)) | st.just(()), wheels=st.lists(FILES, max_size=2).map(tuple), publisher=st.text(max_size=5),
    requires_python=st.just(""),
    source_index=st.just(""), sdist=st.none(), directory=st.just(""), editable=st.just(False), archive=st.none(),
)  # fmt: skip


@given(st.lists(PACKAGES, unique_by=lambda each: each.name))
def test_a_lock_is_read_back_as_it_was_written(packages):
    lock = Lock(tuple(sorted(packages)), roots=("a", 'b; x == "y"'))
    text = write_lock(lock)
    again = read_lock(parse(text, "lock"), "lock")
    assert write_lock(again) == text
    assert [each._replace(wheels=tuple(sorted(each.wheels, key=str))) for each in again.packages] == [
        each._replace(wheels=tuple(sorted(each.wheels, key=str))) for each in lock.packages
    ]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["x-1-py3-none-any.whl", "x-1-cp311-cp311-linux_x86_64.whl"], "x-1-cp311-cp311-linux_x86_64.whl"),
        (["x-1-cp39-cp39-linux_x86_64.whl"], None),
        (["x-1-py2.py3-none-any.whl"], "x-1-py2.py3-none-any.whl"),
    ],
)
def test_the_most_special_wheel_that_fits_is_taken(names, chosen):
    tags = ["cp311-cp311-linux_x86_64", "py3-none-any"]
    found = fitting(Locked("x", "1", wheels=tuple(File(name) for name in names)), tags)
    assert (found.name if found else None) == chosen


def test_hashes_are_given_to_pip_only_when_every_file_has_one():
    one, two = Locked("a", "1", wheels=(File("a", sha256="f"),)), Locked("b", "1", wheels=(File("b"),))
    assert pinned([one]) == ["a==1 --hash=sha256:f"]
    assert pinned([one, two]) == ["a==1", "b==1"]


KEPT = {"a": "1", "b-c": "2"}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param("The user requested (constraint) b_c==2", {"a": "1"}, id="the one that is blamed goes"),
        pytest.param("The user requested (constraint) core==2", {}, id="without any blamed all go"),
        pytest.param("No matching distribution found for x (from versions: none)", KEPT, id="nothing would help"),
        pytest.param("No matching distribution found for x (from versions: 1, 2)", {}, id="another version might"),
    ],
)
def test_kept_versions_give_way_as_far_as_they_must(said, left):
    assert loosened(KEPT, said) == left
    assert loosened({}, said) == {}


@pytest.mark.parametrize(
    ("log", "code", "detail"),
    [
        pytest.param(
            "2026-01-01T01:02:03,456 The conflict is caused by:\n2026-01-01T01:02:03,456     x 1 depends on y>=2\n"
            "2026-01-01T01:02:03,456     The user requested y==1\n2026-01-01T01:02:03,456 \n",
            INCOMPATIBLE,
            "x 1 depends on y>=2\nThe user requested y==1",
            id="conflict",
        ),
        pytest.param(
            "2026-01-01T01:02:03,456 Could not fetch URL http://i/x/: 404 Client Error: File not found - skipping\n",
            INCOMPATIBLE,
            "pip's words",
            id="a page that is not there is no failure",
        ),
    ],
)
def test_what_pip_says_in_its_log_alone_is_told(tmp_path, log, code, detail):
    (tmp_path / "log").write_text(log)
    error = reason(IncompatibleError("The requirements cannot be met together.", "", "pip's words"), tmp_path / "log")
    assert (error.code, error.detail) == (code, detail)
    assert reason(error, tmp_path / "none") is error


WHEEL = File("x-1-py3-none-any.whl", "https://x.test/x.whl", sha256="ab" * 32, size=1)
PLACES = [
    {"wheels": (WHEEL,)}, {"wheels": (WHEEL, WHEEL._replace(name="x-1-cp311-abi3-win32.whl")), "sdist": WHEEL._replace(name="x-1.tar.gz")},
    {"sdist": WHEEL._replace(name="x-1.zip", size=None)}, {"archive": WHEEL}, {"archive": WHEEL, "version": ""},
    {"directory": "/srv/a b"}, {"directory": "../ü", "editable": True, "version": ""},
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_every_lock_is_one_by_the_standard_and_each_line_of_requirements_is_one(place):
    lock = Lock((Locked(**{"name": "x", "version": "1", **place}),))
    Pylock.from_dict(tomllib.loads(write_lock(lock)))
    again = read_lock(parse(write_lock(lock), "lock"), "lock").packages[0]
    assert (again.version, again.directory, again.editable) == (
        lock.packages[0].version,
        lock.packages[0].directory,
        lock.packages[0].editable,
    )
    assert Requirement(requirements(lock, hashes=False).strip()).name == "x"
    kept = Request(("x",), preferred=(("x", lock.packages[0].version),)).kept()
    assert all(Version(version) for _, version in kept), "no solver is given a version that is none"
