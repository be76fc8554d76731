"""Whatever somebody puts into the DAGs folder: it is left out with a sentence, or kept; the other DAGs never notice."""

import os
import shutil
import stat

from penstock.errors import ConfigError, DataRefusedError
from penstock.load.folder import FolderContent
from penstock.load.ignore import IGNORE


def bind(path):
    os.mknod(path, stat.S_IFSOCK | 0o600)


def deep(path):
    for _ in range(600):
        path = path / "abcd"
        path.mkdir()


def named(path, name):
    path.with_name(os.fsdecode(name)).write_text("from penstock import DAG\nDAG('odd')\n")


ENTRIES = {
    "a link to itself": (lambda path: path.symlink_to(path.name), "x: it cannot be looked at (Too many levels"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "x: it is a link to nothing"),
    "a link to the root": (lambda path: path.symlink_to("/"), "x/: it is a link to /, which holds the DAGs folder itself"),
    "a link to the folder above": (lambda path: path.symlink_to(".."), "which holds the DAGs folder itself"),
    "a link to the folder": (lambda path: path.symlink_to("."), ""),
    "a link to another folder in it": (lambda path: path.symlink_to("team"), "x/: it is a link to team/, which is kept there"),
    "a link to a file without an end": (lambda path: path.symlink_to("/proc/self/pagemap"), "x: it cannot be read"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "x: it is a device"),
    "a FIFO": (os.mkfifo, "x: it is a FIFO"),
    "a socket": (bind, "x: it is a socket"),
    "folders in folders in folders": (lambda path: (path.mkdir(), deep(path)), "has more than 2,000 bytes"),
    "a name that is no text": (lambda path: named(path, b"caf\xe9.py"), "caf\\udce9.py: its name holds a character that is no text"),
    "a name with a line break": (lambda path: named(path, b"a\nb.py"), "a\\nb.py: its name holds a character"),
    "a name with an escape": (lambda path: named(path, b"\x1b[2J.py"), "\\x1b[2J.py: its name holds a character"),
    "a folder of an odd name": (lambda path: path.with_name("a\tb").mkdir(), "a\\tb/: its name holds a character"),
    "a folder named as a DAG file": (lambda path: path.with_name("y.py").mkdir(), ""),
    "a file of 20 MB": (lambda path: path.write_bytes(b" " * (20 << 20)), "x: it has more than"),
    "a DAG file named as a module of Python's": (lambda path: named(path, b"calendar.py"), ""),
    "a DAG file with blanks in its name": (lambda path: named(path, "a b\u3000c.py".encode()), ""),
    "an ignore file that is a folder": (lambda path: path.with_name(IGNORE).mkdir(), ".penstockignore: it cannot be read"),
    "an ignore file that is a FIFO": (lambda path: os.mkfifo(path.with_name(IGNORE)), ".penstockignore: it cannot be read"),
    "an ignore file that is a circle": (lambda path: path.with_name(IGNORE).symlink_to(IGNORE), ".penstockignore: it cannot be read"),
    "an ignore file that is no text": (lambda path: path.with_name(IGNORE).write_bytes(b"\xff\x00[\n"), ""),
    "an ignore file of Airflow's": (lambda path: path.with_name(".airflowignore").write_text("x"), "Rename it to .penstockignore"),
}  # fmt: skip


def problems(catalog):
    return [
        each for file in catalog.known.values() for each in (*file.problems, *file.notes) if file.file != "calendar.py"
    ]


def test_an_entry_is_left_out_with_a_sentence_and_the_dags_of_the_others_stay(loader, catalog, write, folder, lines):
    for name, (make, said) in ENTRIES.items():
        write("team/good.py", "DAG('good')")
        loader.scan()
        make(folder / "x")
        lines.clear()
        loader.scan()
        assert "good" in catalog.dags, name
        found = problems(catalog)
        assert ([said in each for each in found] == [True]) if said else found == [], name
        assert set(found) <= set(lines), name
        lines.clear()
        write("team/good.py", "DAG('better')")
        loader.scan()
        held = any("no file of its folder is loaded" in each for each in found)
        assert ("better" in catalog.dags) == (not held), name
        assert not set(found) & set(lines), f"{name} is told twice"
        for path in [each for each in folder.iterdir() if each.name != "team"]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        loader.scan()
        assert (set(catalog.dags), problems(catalog)) == ({"better"}, []), name


def test_a_dag_file_that_can_no_longer_be_read_keeps_its_dags(loader, catalog, folder, write):
    path = write("team/a.py", "DAG('a')")
    loader.scan()
    path.unlink()
    path.symlink_to("a.py")
    loader.scan()
    assert ("a" in catalog.dags, catalog.known["team/a.py"].dag_ids) == (True, ("a",))
    assert "Too many levels" in catalog.known["team/a.py"].problems[0]
    path.unlink()
    write("team/a.py", "DAG('a')")
    loader.scan()
    assert catalog.known["team/a.py"].problems == ()


def test_a_folder_has_an_end(folder, write):
    for number in range(10):
        write(f"f{number}.py", "")
    (folder / "zz").symlink_to("/usr")
    content = FolderContent(str(folder), most_entries=50)
    assert len([each for each in content.files if each.name.startswith("f")]) == 10
    assert "has more than 50 entries" in content.left_out["./"]


def test_a_fault_of_the_loader_itself_is_known_and_gone_when_it_is_mended(
    loader, catalog, folder, write, tmp_path, monkeypatch
):
    write("a.py", "DAG('a')")
    loader.scan()
    take = loader._snapshots.take

    def fail():
        raise ConfigError("the disk is full")

    for fault in (fail, lambda: 1 / 0):
        monkeypatch.setattr(loader._snapshots, "take", fault)
        loader._scan_all()
        assert (
            catalog.known["./"]
            .problems[0]
            .startswith(("the disk is full", "the DAGs folder cannot be loaded, which is a bug"))
        )
        monkeypatch.setattr(loader._snapshots, "take", take)
        loader._scan_all()
        assert "./" not in catalog.known
        assert set(catalog.dags) == {"a"}


def test_what_the_store_refuses_of_one_file_is_a_problem_of_that_file(loader, catalog, write, monkeypatch):
    save = catalog.save

    def refuse(*parsed):
        if any(dag.dag_id == "bad" for each in parsed for dag in each.dags):
            raise DataRefusedError("it is no text")
        save(*parsed)

    monkeypatch.setattr(catalog, "save", refuse)
    for name in ("bad", "good"):
        write(f"{name}.py", f"DAG('{name}')")
    loader.scan()
    assert set(catalog.dags) == {"good"}
    assert "cannot be stored" in catalog.known["bad.py"].problems[0]
