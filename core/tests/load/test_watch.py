"""A loader that runs sees what changes in each folder that it looks into, whatever else lies in the DAGs folder."""

import os
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.load.folder import FolderContent

PATIENCE_S = 60.0


class Lines(list):
    """What the loader told, and the wait for a line."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def append(self, line):
        with self._changed:
            super().append(line)
            self._changed.notify_all()

    def wait(self, start):
        with self._changed:
            return self._changed.wait_for(lambda: any(line.startswith(start) for line in self), PATIENCE_S)


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
def running_of():
    """Runs a loader in a thread of its own."""

    @contextmanager
    def running(loader):
        reading, writing = os.pipe()
        thread = threading.Thread(target=loader.run, args=(reading,))
        thread.start()
        try:
            yield
        finally:
            os.write(writing, b"x")
            thread.join(PATIENCE_S)
            os.close(reading), os.close(writing)
        assert not thread.is_alive()

    return running


@pytest.fixture
def running(make_loader, running_of):
    with running_of(make_loader()):
        yield


@pytest.fixture
def odd(folder, tmp_path):
    """Entries that no watcher gets through: links to everything, in circles, to nothing; a pipe."""
    (folder / "everything").symlink_to("/")
    (folder / "loop").symlink_to("loop")
    (folder / "itself").symlink_to(folder)
    (folder / "nothing").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.py")
    (tmp_path / "linked").mkdir()
    (folder / "linked").symlink_to(tmp_path / "linked")


@pytest.mark.usefixtures("odd", "running")
def test_changes_are_seen_beside_odd_entries_in_new_folders_and_through_links(lines, write, folder, tmp_path):
    write("a.py", "DAG('a')")
    assert lines.wait("a.py: 1 DAG")
    write("new/deep/b.py", "DAG('b')")
    assert lines.wait("new/deep/b.py: 1 DAG")
    write("new/deep/b.py", "DAG('b'), DAG('c')")
    assert lines.wait("new/deep/b.py: 2 DAGs")
    (tmp_path / "linked" / "d.py").write_text("from penstock import *\nDAG('d')\n")
    assert lines.wait("linked/d.py: 1 DAG")
    (folder / "new").rename(folder / "other")
    assert lines.wait("other/deep/b.py: 2 DAGs")
    folder.rename(tmp_path / "away")
    assert lines.wait("the DAGs folder")
    (tmp_path / "away").rename(folder)
    write("e.py", "DAG('e')")
    assert lines.wait("e.py: 1 DAG")


def publish(root, number, text):
    """Put a revision in place, as git-sync does: a folder of its own, a link that is swapped, and a stale folder removed."""
    place = root / ".worktrees" / str(number) / "dags"
    place.mkdir(parents=True)
    (place / "a.py").write_text(f"from penstock import *\n{text}\n")
    (root / "next").symlink_to(f".worktrees/{number}")
    (root / "next").rename(root / "current")
    shutil.rmtree(root / ".worktrees" / str(number - 2), ignore_errors=True)


def test_a_link_on_the_way_to_the_folder_may_be_swapped_again_and_again(lines, make_loader, running_of, tmp_path):
    root = tmp_path / "git"
    publish(root, 1, "DAG('a')")
    with running_of(make_loader(folder=root / "current" / "dags")):
        assert lines.wait("a.py: 1 DAG")
        publish(root, 2, "DAG('a'), DAG('b')")
        assert lines.wait("a.py: 2 DAGs")
        publish(root, 3, "DAG('a'), DAG('b'), DAG('c')")
        assert lines.wait("a.py: 3 DAGs")


def test_files_of_a_config_map_are_seen_to_change_although_only_a_hidden_link_is_swapped(
    lines, make_loader, running_of, folder
):
    def written(number, text):
        place = folder / f"..{number}"
        place.mkdir()
        (place / "a.py").write_text(f"from penstock import *\n{text}\n")
        (folder / "..data_tmp").symlink_to(place.name)
        (folder / "..data_tmp").rename(folder / "..data")

    written(1, "DAG('a')")
    (folder / "a.py").symlink_to("..data/a.py")
    with running_of(make_loader()):
        assert lines.wait("a.py: 1 DAG")
        written(2, "DAG('a'), DAG('b')")
        assert lines.wait("a.py: 2 DAGs")
        written(3, "DAG('a'), DAG('b'), DAG('c')")
        assert lines.wait("a.py: 3 DAGs")


def test_what_a_look_finds_is_of_one_revision_and_it_is_known_whether_that_is_still_the_one(tmp_path):
    root = tmp_path / "git"
    publish(root, 1, "DAG('a')")
    content = FolderContent(str(root / "current" / "dags"))
    assert content.watched.is_current
    publish(root, 2, "DAG('b')")
    assert not content.watched.is_current
    assert [Path(each.path).read_text() for each in content.files] == ["from penstock import *\nDAG('a')\n"]
