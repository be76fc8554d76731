"""What the loader imports and when, with real children and a catalog in memory."""

import contextlib
import os
import threading
import time
from datetime import timedelta

import pytest

from penstock.errors import ConfigError


def test_a_new_file_is_imported_once_and_not_again_while_nothing_changes(loader, catalog, write, make_loader):
    write("a.py", "DAG('a')")
    write("b.py", "DAG('b')")
    loader.scan()
    assert sorted(catalog.dags) == ["a", "b"]
    loader.scan()
    make_loader().scan()
    assert catalog.saved == ["a.py", "b.py"]


def test_an_edit_moves_only_the_dags_that_may_read_the_file_and_imports_only_those_that_did(
    loader, catalog, write, folder
):
    write("a.py", "DAG('a')")
    write("b.py", "import helper\nDAG('b')")
    write("c.py", "DAG('c')\ndef later():\n    from lazy import name")
    write("helper.py", "NAME = 'one'", header="")
    write("lazy.py", "QUERY = 'daily.sql'", header="")
    (folder / "daily.sql").write_text("select 1")
    loader.scan()
    before, catalog.saved = dict(catalog.dags), []

    def moved():
        nonlocal before
        loader.scan()
        found = sorted(dag_id for dag_id, row in catalog.dags.items() if row[:2] != before[dag_id][:2])
        imported, before, catalog.saved = catalog.saved, dict(catalog.dags), []
        return found, imported

    for number in range(3):
        write("a.py", f"DAG('a', tags=['{number}'])")
        assert moved() == (["a"], ["a.py"])
    write("helper.py", "NAME = 'two'", header="")
    assert moved() == (["b"], ["b.py"])
    write("lazy.py", "QUERY = 'daily.sql'  # as before", header="")
    assert moved() == (["c"], [])
    (folder / "daily.sql").write_text("select 2")
    assert moved() == (["c"], [])
    (folder / "unread.sql").write_text("select 3")
    write("new.py", "DAG('new')")
    loader.scan()
    assert {dag_id: row for dag_id, row in catalog.dags.items() if dag_id != "new"} == before
    before, catalog.saved = dict(catalog.dags), []
    (folder / "daily.sql").write_text("select 1")
    assert moved() == (["c"], []), "what was undone is adopted, too"


def test_a_version_has_the_files_that_its_runs_may_read_and_no_others(loader, catalog, write, tmp_path, make_loader):
    write("team/a.py", "from .names import X\nDAG(X)\nscript = 'x.sh'")
    write("team/names.py", "X = 'a'", header="")
    write("x.sh", "true", header="")
    write("b.py", "DAG('b')")
    loader.scan()
    copy = tmp_path / "state" / "snapshots" / catalog.dags["a"][1]
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("[!.]*") if path.is_file()}
    assert files == {"team/a.py", "team/names.py", "x.sh"}
    (copy / "x.sh").unlink()
    make_loader().scan()
    assert (copy / "x.sh").read_text() == "true", "a loader that starts mends what is damaged"


def test_a_file_is_imported_again_when_what_it_read_has_changed(loader, catalog, write, folder):
    write("helper.py", "NAME = 'one'", header="")
    (folder / "conf").mkdir()
    (folder / "conf" / "x.yaml").write_text("x")
    text = """
        from pathlib import Path
        import helper
        for path in (Path(__file__).parent / "conf").iterdir():
            DAG(helper.NAME + path.stem)
        """
    write("a.py", text)
    write("other.py", "DAG('other')")
    loader.scan()
    write("helper.py", "NAME = 'two'", header="")
    loader.scan()
    (folder / "conf" / "y.yaml").write_text("y")
    loader.scan()
    assert sorted(catalog.dags) == ["other", "twox", "twoy"]
    assert catalog.saved.count("other.py") == 1


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ("import helper\nDAG(helper.NAME)", "helper.py"),
        ("from helper import NAME\nDAG(NAME)", "helper/__init__.py"),
        ("import known.helper\nDAG(known.helper.NAME)", "known/helper.py"),
        ("try:\n    from helper import NAME\nexcept ImportError:\n    NAME = 'without'\nDAG(NAME)", "helper.py"),
        ("exec(open(__file__.replace('a.py', 'data.txt')).read())\nDAG(NAME)", "data.txt"),
    ],
)
def test_a_file_is_imported_again_when_what_it_missed_has_come(loader, catalog, write, text, missed):
    write("known/__init__.py", "", header="")
    write("other.py", "DAG('other')")
    write("a.py", text)
    loader.scan()
    loader.scan()
    assert catalog.saved.count("a.py") == 1
    write(missed, "NAME = 'with'", header="")
    loader.scan()
    assert sorted(catalog.dags) == ["other", "with"]
    assert catalog.saved.count("other.py") == 1


def test_a_broken_file_keeps_its_last_good_version_in_its_snapshot(loader, catalog, write, lines):
    write("a.py", "DAG('a')")
    loader.scan()
    good = catalog.dags["a"]
    write("a.py", "DAG('a')\n1 / 0")
    write("b.py", "DAG('b')")
    loader.scan()
    assert catalog.dags["a"] == good
    assert catalog.known["a.py"].problems == ("a.py:4: ZeroDivisionError: division by zero (in: 1 / 0)",)
    assert catalog.known["a.py"].problems[0] in lines
    write("b.py", "DAG('b', tags=['x'])")
    loader.scan()
    assert catalog.dags["a"] == good
    write("a.py", "DAG('a2')")
    loader.scan()
    assert sorted(catalog.dags) == ["a2", "b"]


def test_a_broken_file_is_imported_again_when_the_loader_starts_because_the_environment_may_have_been_at_fault(
    loader, catalog, write, make_loader
):
    write("a.py", "import penstock_nope")
    loader.scan()
    loader.scan()
    make_loader().scan()
    assert catalog.saved == ["a.py", "a.py"]


def test_a_file_that_is_gone_retires_its_dags_and_one_that_moved_takes_them_along(loader, catalog, write, folder):
    write("a.py", "DAG('a')")
    write("b.py", "DAG('b')")
    loader.scan()
    (folder / "a.py").unlink()
    (folder / "b.py").rename(folder / "c.py")
    loader.scan()
    assert {dag_id: row[0] for dag_id, row in catalog.dags.items()} == {"b": "c.py"}
    assert sorted(catalog.known) == ["c.py"]


def test_a_folder_that_is_gone_retires_nothing(loader, catalog, write, folder):
    write("a.py", "DAG('a')")
    loader.scan()
    folder.rename(folder.with_name("away"))
    with pytest.raises(ConfigError, match="does not exist"):
        loader.scan()
    assert list(catalog.dags) == ["a"]


def owners(catalog):
    return {dag_id: row[0] for dag_id, row in catalog.dags.items()}


def test_of_two_files_with_one_dag_id_the_first_keeps_it_and_goes_on_until_it_gives_it_up(loader, catalog, write):
    write("b.py", "DAG('x')")
    loader.scan()
    write("a.py", "DAG('x')\nDAG('y')")
    loader.scan()
    (problem,) = catalog.known["a.py"].problems
    assert problem.startswith("a.py:1: DAG 'x' is defined in b.py, too, which had it first and keeps it.")
    assert owners(catalog) == {"x": "b.py"}
    before = catalog.dags["x"]
    write("b.py", "DAG('x', max_active_runs=3)")
    loader._scan_all()
    assert not catalog.known["b.py"].problems
    assert catalog.dags["x"] != before
    assert catalog.known["a.py"].problems
    write("b.py", "DAG('z')")
    loader._scan_all()
    assert owners(catalog) == {"x": "a.py", "y": "a.py", "z": "b.py"}
    assert not any(known.problems for known in catalog.known.values())


def test_a_file_that_is_broken_or_known_from_before_a_start_keeps_its_dags(loader, catalog, write, make_loader, folder):
    write("b.py", "DAG('x')")
    loader.scan()
    write("b.py", "DAG('x'")
    write("a.py", "DAG('x')")
    loader._scan_all()
    assert owners(catalog) == {"x": "b.py"}
    again = make_loader()
    again._scan_all()
    assert owners(catalog) == {"x": "b.py"}
    assert len(catalog.known["a.py"].problems) == 1
    (folder / "b.py").unlink()
    again._scan_all()
    assert owners(catalog) == {"x": "a.py"}


def test_files_that_change_their_dag_ids_with_each_other_both_get_them(loader, catalog, write):
    write("a.py", "DAG('x')")
    write("b.py", "DAG('y')")
    loader.scan()
    write("a.py", "DAG('y')")
    write("b.py", "DAG('x')")
    loader._scan_all()
    assert owners(catalog) == {"x": "b.py", "y": "a.py"}
    assert not any(known.problems for known in catalog.known.values())


def test_files_that_read_a_variable_are_imported_again_when_it_changes(loader, catalog, write):
    catalog.present["customers"] = "a,b"
    write("c.py", "for c in Variable.get('customers').split(','): DAG(c)")
    write("d.py", "DAG('d')\nVariable.get('other', default='')")
    loader.scan()
    catalog.present["customers"] = "b,c"
    catalog.present["unread"] = "1"
    loader.scan()
    assert sorted(catalog.dags) == ["b", "c", "d"]
    assert catalog.saved == ["c.py", "d.py", "c.py"]
    catalog.present["other"] = "now it exists"
    loader.scan()
    assert catalog.saved[-1] == "d.py"


def test_a_refresh_interval_is_kept(loader, catalog, write, now):
    write("a.py", "refresh_every(60)\nDAG('a')")
    loader.scan()
    assert loader._next_refresh() == 60
    now[0] += timedelta(seconds=59)
    loader.scan()
    assert len(catalog.saved) == 1
    now[0] += timedelta(seconds=1)
    loader.scan()
    assert len(catalog.saved) == 2
    assert loader._next_refresh() == 60


def test_the_plan_of_a_timetable_in_code_is_carried_on_from_the_last_run(loader, catalog, write, now):
    text = """
    class Minutes(Timetable):
        def next_run(self, after):
            return after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    DAG("a", schedule=Minutes())
    """
    write("a.py", text)
    loader.scan()
    first = catalog.planned["a"]
    assert (first[0].run_after - now[0], len(first)) == (timedelta(minutes=1), 200)
    assert loader._next_refresh() == 101 * 60
    catalog.past = {"a.py": {"a": now[0] + timedelta(minutes=90)}}
    now[0] += timedelta(seconds=loader._next_refresh())
    loader.scan()
    carried_on = catalog.planned["a"]
    assert carried_on[0] == first[100], "the newest that was missed"
    assert carried_on[1].run_after == now[0] + timedelta(minutes=1)


@pytest.mark.parametrize("does", ["while True: pass", "x = bytearray(2_000_000_000)"], ids=["hangs", "takes memory"])
def test_a_timetable_in_code_is_held_to_the_bounds_of_an_import(make_loader, catalog, write, does):
    write("a.py", f"class Bad(Timetable):\n    def next_run(self, after):\n        {does}\nDAG('a', schedule=Bad())")
    make_loader({"timeout_s": 1.0, "memory_mb": 500}).scan()
    (problem,) = catalog.known["a.py"].problems
    assert ("1 s" in problem) if "while" in does else ("500 MB" in problem)


def test_a_killed_loader_loses_nothing_that_it_saved(loader, catalog, write, make_loader):
    write("a.py", "DAG('a')")
    loader.scan()
    write("b.py", "DAG('b')")
    make_loader().scan()
    assert catalog.saved == ["a.py", "b.py"]


def test_a_source_of_variables_that_fails_costs_no_dag_and_no_other_file(loader, catalog, write, lines):
    catalog.present |= {"v": "one", "w": "two"}
    write("a.py", "DAG(Variable.get('v'))")
    write("b.py", "DAG(Variable.get('w'))")
    loader.scan()
    catalog.away, catalog.present["w"] = {"v"}, "three"
    loader.scan()
    loader.scan()
    assert sorted(catalog.dags) == ["one", "three"], "the file of another Variable is imported again"
    assert lines.count("whether a Variable has changed is not known: the source 'acme' failed") == 1
    write("a.py", "DAG(Variable.get('v'), tags=['x'])")
    loader.scan()
    assert "the source 'acme' failed" in catalog.known["a.py"].problems[0]
    assert "one" in catalog.dags, "its last good version stays"
    catalog.away = set()
    loader.scan()
    assert (catalog.known["a.py"].problems, sorted(catalog.dags)) == ((), ["one", "three"])
    assert catalog.saved.count("a.py") == 3


def test_the_running_loader_hears_of_files_and_variables(loader, catalog, write, folder):
    catalog.present["v"] = "one"
    write("a.py", "DAG(Variable.get('v'))")
    with running(loader):
        _until(lambda: "one" in catalog.dags)
        catalog.set("v", "two")
        _until(lambda: "two" in catalog.dags)
        write("b.py", "DAG('b')")
        _until(lambda: "b" in catalog.dags)
        (folder / "b.py").unlink()
        _until(lambda: "b" not in catalog.dags)


def test_an_import_that_hangs_holds_back_no_edit_of_another_file_nor_of_its_own(make_loader, catalog, write):
    write("a.py", "import time\ntime.sleep(600)")
    write("b.py", "DAG('one')")
    with running(make_loader({"timeout_s": 500.0, "processes": 1})):
        _until(lambda: "one" in catalog.dags)
        write("b.py", "DAG('two')")
        _until(lambda: "two" in catalog.dags)
        assert catalog.saved == ["b.py", "b.py"]
        write("a.py", "DAG('fixed')")
        _until(lambda: "fixed" in catalog.dags)


def test_what_a_slow_import_gives_is_taken_though_others_were_edited_meanwhile(make_loader, catalog, write, tmp_path):
    go_on = tmp_path / "go on"
    os.mkfifo(go_on)
    write("a.py", f"open({str(go_on)!r}).read()\nDAG(Variable.get('v'))")
    catalog.present["v"] = "slow"
    write("b.py", "DAG('one')")
    with running(make_loader({"timeout_s": 500.0})):
        _until(lambda: "one" in catalog.dags)
        write("b.py", "DAG('two')")
        _until(lambda: "two" in catalog.dags)
        go_on.write_text("!")
        _until(lambda: "slow" in catalog.dags)
    assert catalog.saved == ["b.py", "b.py", "a.py"]
    assert catalog.dags["slow"][1] in {path.name for path in (tmp_path / "state" / "snapshots").iterdir()}


@contextlib.contextmanager
def running(loader):
    """The loader in a thread, until the block has ended."""
    stop_reading, stop_writing = os.pipe()
    thread = threading.Thread(target=loader.run, args=(stop_reading,))
    thread.start()
    try:
        yield
    finally:
        os.write(stop_writing, b"!")
        thread.join(60)
        os.close(stop_reading)
        os.close(stop_writing)
    assert not thread.is_alive()


def _until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_file_that_speaks_of_dags_and_gives_none_has_a_note_that_says_why(loader, catalog, write):
    write("moved.py", "try:\n    from airflow import DAG\nexcept ModuleNotFoundError:\n    pass\nelse:\n    DAG('x')")
    write("factory.py", "def make(name):\n    return DAG(name)")
    write("helper.py", "SQL = 'select 1'  # of the dags")
    loader.scan()
    assert "It imports 'airflow': this is not Airflow" in catalog.known["moved.py"].notes[0]
    assert catalog.known["factory.py"].notes == (
        "factory.py:1: it speaks of DAGs and defines none. If it is to define none, name it in .penstockignore.",
    )
    assert catalog.known["helper.py"].notes == ()


def test_what_a_file_prints_is_told_cut_and_harmless(loader, write, lines):
    write("loud.py", "print('x' * 10**5)\nprint('\\x1b[2J')\nfor n in range(100): print(n)\nDAG('d')")
    loader.scan()
    printed = [line for line in lines if "loud.py printed" in line]
    assert len(printed) == 21
    assert max(map(len, printed)) < 400
    assert "loud.py printed: \\x1b[2J" in printed
    assert "loud.py printed 82 more lines" in printed


def test_a_broken_file_is_imported_again_when_another_provider_is_installed(make_loader, catalog, write):
    installed = {"providers": ()}
    loader = make_loader(installed)
    write("a.py", "operator('nope.load', task_id='t')")
    write("b.py", "1 / 0")
    write("good.py", "DAG('good')")
    loader.scan()
    catalog.saved.clear()
    loader.scan()
    assert catalog.saved == []
    installed["providers"] = ("nope",)
    loader.scan()
    assert catalog.saved == ["a.py", "b.py"]
    assert "has no" in catalog.known["a.py"].problems[0] or "nope" in catalog.known["a.py"].problems[0]


def test_a_file_that_hangs_holds_back_none_after_it(make_loader, catalog, write):
    loader = make_loader({"timeout_s": 6.0})
    write("a_hangs.py", "import time\ntime.sleep(60)")
    write("b.py", "DAG('b')")
    loader.scan()
    assert catalog.saved == ["b.py", "a_hangs.py"]


def test_a_stop_does_not_wait_for_the_import_that_runs(loader, catalog, write, tmp_path):
    began = tmp_path / "began"
    os.mkfifo(began)
    write("a.py", f"import time\nopen({str(began)!r}, 'w').close()\ntime.sleep(600)")
    stop, asked = os.pipe()
    threading.Thread(target=lambda: (began.read_text(), os.write(asked, b"x"))).start()
    loader.run(stop)
    assert catalog.saved == [], "it is imported at the next start"
    os.close(stop)
    os.close(asked)
