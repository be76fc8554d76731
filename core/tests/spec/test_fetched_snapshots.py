"""A worker's folder of snapshots is bounded by number and age, and takes away none that a try uses."""

import os
from contextlib import ExitStack

import pytest

from penstock.errors import RequestError
from penstock.model.values.content_hashes import content_hash
from penstock.spec.archives.listed_archives import LIST
from penstock.spec.snapshot import pack
from penstock.spec.workers.fetched_snapshots import MOST_KEPT, FetchedSnapshots
from penstock.spec.workers.shared_cache import LONGEST_UNUSED_S

DAY = 86_400


@pytest.fixture
def far(tmp_path):
    return FetchedSnapshots(tmp_path / "far")


@pytest.fixture
def fetch(tmp_path):
    """Fetches snapshots that `made` has made."""
    return lambda wanted: pack(tmp_path / "near" / wanted)


def made(tmp_path, text):
    listed = f"{content_hash(text.encode())} a\n".encode()
    name = content_hash(listed)
    (tmp_path / "near" / name).mkdir(parents=True)
    (tmp_path / "near" / name / "a").write_text(text)
    (tmp_path / "near" / name / LIST).write_bytes(listed)
    return name


def here(tmp_path):
    return {path.name for path in (tmp_path / "far").iterdir()}


def used(tmp_path, name, at):
    os.utime(tmp_path / "far" / name, (at, at))


def test_the_least_recently_used_go_and_none_that_a_try_uses(tmp_path, far, fetch):
    names, began = [made(tmp_path, f"{n}") for n in range(MOST_KEPT + 3)], 0.0
    with ExitStack() as stack:
        for n, name in enumerate(names[:-1]):
            hold = far.held(name, fetch)
            if n == 0:
                stack.enter_context(hold)
            else:
                with hold as path:
                    assert (path / "a").read_text() == f"{n}"
            began = began or (tmp_path / "far" / name).stat().st_mtime - 1000
            used(tmp_path, name, began + n)
        with far.held(names[3], fetch):
            pass
        with far.held(names[-1], fetch):
            assert len(here(tmp_path)) == MOST_KEPT + 1
        assert here(tmp_path) == {names[0], names[3], *names[4:]}
    with far.held(made(tmp_path, "x"), fetch):
        assert names[0] not in here(tmp_path)


def test_what_nobody_has_used_for_long_goes(tmp_path, far, fetch):
    old, young, new = (made(tmp_path, each) for each in ("old", "young", "new"))
    for name in (old, young):
        with far.held(name, fetch):
            pass
    stale = tmp_path / "far" / ".draft-of-a-worker-that-died"
    stale.mkdir()
    (tmp_path / "far" / "notes.txt").write_text("of somebody else")
    with far.held(new, fetch):
        pass
    now = (tmp_path / "far" / new).stat().st_mtime
    for name, age in ((old, LONGEST_UNUSED_S + DAY), (young, LONGEST_UNUSED_S - DAY), (stale.name, 2 * DAY)):
        used(tmp_path, name, now - age)
    other = made(tmp_path, "other")
    with far.held(other, fetch):
        assert here(tmp_path) == {young, new, other, "notes.txt"}


def test_one_that_was_taken_away_before_it_was_locked_is_fetched_again(tmp_path, far, fetch):
    name = made(tmp_path, "a")
    with far.held(name, fetch) as path:
        (path / LIST).unlink()
    with far.held(name, lambda wanted: [fetch(wanted), path.exists()][0]) as again:
        assert (again / "a").read_text() == "a"


def test_a_damaged_one_is_not_sent(tmp_path, far, fetch):
    name = made(tmp_path, "a")
    (tmp_path / "near" / name / "a").write_text("b")
    with pytest.raises(RequestError, match=f"the file 'a' of the snapshot {name} is damaged"), far.held(name, fetch):
        pass
