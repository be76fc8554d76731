import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.load.discover import DagFiles
from penstock.load.snapshot import Snapshots
from penstock.load.watch import is_relevant
from penstock.spec.archives.listed_archives import LIST


@pytest.fixture
def snapshots(folder, tmp_path):
    return Snapshots(folder, tmp_path / "state", limit_bytes=1000)


@pytest.fixture(scope="module")
def changes():
    """What this process opens, makes, links and renames from now on, counted; files by the folder that they lie in."""
    counted, on = Counter(), [True]

    def note(event, args):
        if on[0] and isinstance(args[0], str | os.PathLike):
            if event in ("os.mkdir", "os.link", "os.rename"):
                counted[event] += 1
            elif event == "open":
                counted[Path(args[0]).parent.name] += 1

    sys.addaudithook(note)
    yield counted
    on[0] = False


def put(folder, name, text="x"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_snapshot_holds_what_the_folder_held_and_shares_content(folder, snapshots):
    put(folder, "a.py", "one")
    put(folder, "sub/b.sql", "two")
    put(folder, "run.sh", "#!/bin/sh\n").chmod(0o755)
    first = snapshots.take()
    put(folder, "a.py", "changed")
    second = snapshots.take()
    assert (first.path / "a.py").read_text() == "one"
    assert (second.path / "a.py").read_text() == "changed"
    assert (first.path / "sub/b.sql").samefile(second.path / "sub/b.sql")
    assert os.access(second.path / "run.sh", os.X_OK)
    assert first.hash != second.hash
    put(folder, "a.py", "one")
    assert snapshots.take().hash == first.hash


def test_what_is_hidden_compiled_or_too_large_is_left_out_the_last_with_a_warning(folder, snapshots):
    for name in (
        ".git/config",
        "__pycache__/a.pyc",
        "node_modules/x.js",
        ".hidden.py",
        "b.pyc",
        "c.py~",
        "venv/pyvenv.cfg",
        "venv/x.py",
    ):
        put(folder, name)
    put(folder, "kept.py")
    put(folder, "data.csv", "x" * 1001)
    taken = snapshots.take()
    assert list(taken.files) == ["kept.py"]
    assert taken.left_out["data.csv"].startswith("data.csv: it has more than 1,000 bytes")
    assert list(taken.left_out) == ["data.csv"]


def test_a_circle_of_links_ends(folder, snapshots):
    put(folder, "sub/a.py")
    (folder / "sub" / "loop").symlink_to(folder, target_is_directory=True)
    assert set(snapshots.take().files) == {"sub/a.py"}


@pytest.mark.parametrize("damage", ["content", "missing file", "manifest"])
def test_a_damaged_snapshot_is_made_again(folder, tmp_path, snapshots, damage):
    put(folder, "a.py", "one")
    taken = snapshots.take()
    victim = {"content": "a.py", "missing file": "a.py", "manifest": LIST}[damage]
    path = taken.path / victim
    path.chmod(0o644)
    if damage == "missing file":
        path.unlink()
    else:
        path.write_text("two")
    again = Snapshots(folder, tmp_path / "state").take()
    assert again.hash == taken.hash
    assert (again.path / "a.py").read_text() == "one"


def test_old_snapshots_go_unless_they_are_needed(folder, tmp_path, snapshots):
    hashes = []
    for number in range(25):
        put(folder, "a.py", f"{number}")
        hashes.append(snapshots.take().hash)
    for name, age in ((".draft-of-one-that-died", 2 * 86_400), (".draft-of-one-at-work", 0)):
        draft = tmp_path / "state" / "snapshots" / name
        draft.mkdir()
        at = draft.stat().st_mtime - age
        os.utime(draft, (at, at))
    assert snapshots.remove_unused({hashes[0]}) == 5
    draft.rmdir()
    left = {path.name for path in (tmp_path / "state" / "snapshots").iterdir()}
    assert left == {hashes[0], *hashes[-20:]}
    assert len(list((tmp_path / "state" / "blobs").iterdir())) == 21
    put(folder, "a.py", "1")
    assert (snapshots.take().path / "a.py").read_text() == "1"


def test_a_state_folder_that_cannot_be_written_is_named(folder, tmp_path):
    put(folder, "a.py")
    (tmp_path / "state").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match="cannot be written to"):
        Snapshots(folder, tmp_path / "state").take()


def test_the_hash_of_a_listing_changes_with_its_names_alone(folder, snapshots):
    put(folder, "conf/a.yaml", "1")
    first = snapshots.take()
    put(folder, "conf/a.yaml", "2")
    put(folder, "other.txt")
    second = snapshots.take()
    put(folder, "conf/sub/b.yaml")
    third = snapshots.take()
    assert first.source_hash("conf/") == second.source_hash("conf/") != third.source_hash("conf/")
    assert first.source_hash("nowhere/") is None
    assert first.source_hash("nowhere.txt") is None


def test_dag_files_are_python_files_that_speak_of_dags_and_are_not_ignored(folder, snapshots):
    put(folder, "a.py", "from penstock import DAG")
    put(folder, "made.py", "from factory import make_dag")
    put(folder, "plain.py", "X = 1")
    put(folder, "notes.txt", "penstock")
    put(folder, "packed.zip", "penstock")
    put(folder, "drafts/b.py", "penstock")
    put(folder, "sub/c_test.py", "penstock")
    put(folder, ".penstockignore", "# not these\ndrafts/\n*_test.py\n")
    assert DagFiles().of(snapshots.take()) == ["a.py", "made.py"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.py", True), ("sub/a.sql", True), (".penstockignore", True), (".a.py.swp", False), ("a.py~", False), ("4913", False),
        (".git/index", False), ("sub/__pycache__/a.cpython-311.pyc", False), ("a.py.tmp", False),
    ],
)  # fmt: skip
def test_what_editors_leave_lying_around_wakes_nobody(folder, name, expected):
    assert is_relevant(str(folder / name), folder) is expected


def test_a_look_reads_what_has_changed_and_nothing_else(folder, snapshots, changes):
    for number in range(30):
        put(folder, f"{number}.py", f"penstock {number}")
    dag_files = DagFiles()
    assert len(dag_files.of(snapshots.take())) == 30
    put(folder, "7.py", "penstock, changed")
    changes.clear()
    second = snapshots.take()
    assert (changes["dags"], changes["blobs"]) == (1, 1)
    changes.clear()
    assert len(dag_files.of(second)) == 30
    assert changes == {second.hash: 1}
    changes.clear()
    assert len(dag_files.of(snapshots.take())) == 30
    assert changes == {"os.mkdir": 2}  # of the state folder, which are there


def test_a_snapshot_of_one_file_is_a_folder_a_list_and_a_link(folder, snapshots, changes):
    put(folder, "a.py", "penstock")
    put(folder, "b.py", "penstock")
    files = snapshots.take().files
    changes.clear()
    snapshots.part({"a.py": files["a.py"]})
    assert (changes["os.mkdir"], changes["os.link"], changes["os.rename"], changes.total()) == (1, 1, 1, 4)
    changes.clear()
    snapshots.part({"a.py": files["a.py"]})
    assert changes == {}


def test_a_snapshot_that_another_who_shares_the_folder_has_removed_is_taken_anew(folder, tmp_path):
    (folder / "a.py").write_text("a")
    snapshots = Snapshots(folder, tmp_path / "state")
    taken = snapshots.take()
    shutil.rmtree(taken.path)
    assert snapshots.take() == taken
    assert (taken.path / "a.py").read_text() == "a"
