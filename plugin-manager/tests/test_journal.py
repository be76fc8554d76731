from __future__ import annotations

import stat

import pytest

from penstock_plugin_manager.apply.files import write_files, write_text
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


def test_a_file_that_is_written_anew_keeps_its_permissions_and_stays_behind_its_link(tmp_path):
    kept, link = tmp_path / "elsewhere" / "kept.toml", tmp_path / "penstock.toml"
    kept.parent.mkdir()
    kept.write_text("old")
    kept.chmod(0o640)
    link.symlink_to("elsewhere/kept.toml")
    write_files({str(link): "new"})
    assert (kept.read_text(), link.is_symlink(), stat.S_IMODE(kept.stat().st_mode)) == ("new", True, 0o640)
    kept.chmod(0o600)
    write_text(link, "newer")
    assert (kept.read_text(), link.is_symlink(), stat.S_IMODE(kept.stat().st_mode)) == ("newer", True, 0o600)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("folder", "link"):
        with pytest.raises(ManagerError, match="is there and is no file"):
            write_text(tmp_path / name, "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link"]


def test_a_journal_that_holds_the_text_of_the_project_is_its_owners_alone(tmp_path):
    journal = Journal(tmp_path)
    journal.prepare("sync", {str(tmp_path / "penstock.toml"): "index-url = 'https://user:password@host/'"})
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
