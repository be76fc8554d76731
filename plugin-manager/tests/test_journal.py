from __future__ import annotations

import pytest

from penstock_plugin_manager.apply.journal import COMMITTING, Journal
from penstock_plugin_manager.errors import ManagerError


def test_nothing_is_under_way_before_a_change_and_after_it(tmp_path):
    journal = Journal(tmp_path)
    assert journal.read() is None
    journal.write("building", "install aws", number=2)
    assert journal.read() == {"phase": "building", "title": "install aws", "number": 2}
    journal.close()
    assert journal.read() is None


def test_a_prepared_change_touches_no_file_of_the_project_until_it_is_committed(tmp_path):
    kept, gone = tmp_path / "penstock.toml", tmp_path / "pylock.toml"
    kept.write_text("old")
    gone.write_text("old")
    files = {str(kept): "new", str(gone): None}
    journal = Journal(tmp_path / "state")
    staged = journal.prepare("sync", files, number=3)
    assert (kept.read_text(), gone.read_text()) == ("old", "old")
    assert journal.read() == {"phase": COMMITTING, "title": "sync", "files": files, "number": 3}
    journal.commit(files, staged)
    assert (kept.read_text(), gone.exists(), journal.read()) == ("new", False, None)


def test_a_change_that_was_killed_after_it_was_prepared_is_finished_by_the_next_manager(tmp_path):
    path = tmp_path / "penstock.toml"
    Journal(tmp_path).prepare("sync", {str(path): "new"})
    found = Journal(tmp_path).read()
    Journal(tmp_path).finish(found["files"])
    assert path.read_text() == "new"
    assert Journal(tmp_path).read() is None


def test_a_change_that_cannot_be_prepared_leaves_nothing_behind(tmp_path):
    blocked = tmp_path / "a file, no folder"
    blocked.write_text("")
    with pytest.raises(ManagerError):
        Journal(tmp_path).prepare("sync", {str(tmp_path / "one.toml"): "new", str(blocked / "two.toml"): "new"})
    assert [path.name for path in tmp_path.iterdir()] == [blocked.name]
