"""A loader that runs sees what changes in each folder that it looks into, whatever else lies in the DAGs folder."""

import os
import threading

import pytest

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
def running(make_loader):
    """Run the loader in a thread of its own."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=make_loader().run, args=(reading,))
    thread.start()
    yield
    os.write(writing, b"x")
    thread.join(PATIENCE_S)
    os.close(reading), os.close(writing)
    assert not thread.is_alive()


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
