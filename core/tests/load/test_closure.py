"""What the closure of a DAG file holds: what its import read, and all that its code may read later and names."""

import pytest

from penstock.load.closure.closures import Closures
from penstock.load.closure.mentions import mentions
from penstock.load.discover import DagFiles
from penstock.load.snapshot import Snapshots

FOLDER = {
    "other.py": "DAG('other')",
    "lib/__init__.py": "",
    "lib/deep/tools.py": "",
    "lib/deep/fast.cpython-311-x86_64-linux-gnu.so": "",
    "lib/dags.py": "DAG('in lib')",
    "team/helper.py": "from . import sibling",
    "team/sibling.py": "",
    "team/d.yaml": "query: sql/orders.sql",
    "sql/orders.sql": "{% include 'part.sql' %}",
    "sql/part.sql": "select 1",
    "sql/big_daily.sql": "",
    "sql/daily.sql": "",
    "scripts/run": "",
    "scripts/x.sh": "source lib.sh",
    "scripts/lib.sh": "",
    "data.csv": "",
}
SQL = {"sql/big_daily.sql", "sql/daily.sql", "sql/orders.sql", "sql/part.sql"}
NAMED = {
    "nothing": ("print('hello')", set()),
    "an import inside a function": ("def f():\n    import lib.deep.tools as t", {"lib/__init__.py", "lib/deep/tools.py"}),
    "a module of a package": ("def f():\n    from lib.deep import (tools,\n        fast)", {
        "lib/__init__.py", "lib/deep/tools.py", "lib/deep/fast.cpython-311-x86_64-linux-gnu.so",
    }),
    "an import after a colon": ("if True: from lib import dags", {"lib/__init__.py", "lib/dags.py"}),
    "a statement over two lines": ("from lib.deep import \\\n    tools", {"lib/__init__.py", "lib/deep/tools.py"}),
    "a relative import": ("from .helper import x", {"team/helper.py", "team/sibling.py"}),
    "a relative import of above": ("from ..lib.deep import tools", {"lib/__init__.py", "lib/deep/tools.py"}),
    "a module beside the file": ("import helper", {"team/helper.py", "team/sibling.py"}),
    "a module by its name": ("import_module('lib.deep.tools')", {"lib/__init__.py", "lib/deep/tools.py"}),
    "modules by a part of their names": ("import_module(f'lib.{name}')", {
        "lib/__init__.py", "lib/dags.py", "lib/deep/tools.py", "lib/deep/fast.cpython-311-x86_64-linux-gnu.so",
    }),
    "a text that is no module, for none is imported by name": ("dag_id='lib.dags'", set()),
    "a file": ("bash_command='scripts/x.sh'", {"scripts/x.sh", "scripts/lib.sh"}),
    "a file by its name alone": ("bash_command='x.sh --now'", {"scripts/x.sh", "scripts/lib.sh"}),
    "a file from where others stand": ("open('../sql/daily.sql')", {"sql/daily.sql"}),
    "a file by its whole path": ("open('/opt/dags/sql/daily.sql')", {"sql/daily.sql"}),
    "a file whose text names another": ("sql='orders.sql'", {"sql/orders.sql", "sql/part.sql"}),
    "a file of data that names another": ("open('d.yaml')", {"team/d.yaml", "sql/orders.sql", "sql/part.sql"}),
    "the end of names": ("f'{table}_daily.sql'", {"sql/big_daily.sql"}),
    "the ending of names": ("f'{table}.sql'", SQL),
    "a name in a format": ("'%s.sql' % name", SQL),
    "a name in a shell's variable": ("bash_command='cat $NAME.sql'", SQL),
    "a pattern": ("glob('*.sql')", SQL),
    "an attribute is no ending": ("answer().sql", set()),
    "a folder": ("HERE / 'sql'", SQL),
    "a folder within a text": ("f'{HERE}/sql/{name}'", SQL),
    "a folder among words": ("'the sql of today'", set()),
    "a folder without the DAG files in it": ("HERE / 'lib'", {
        "lib/__init__.py", "lib/deep/tools.py", "lib/deep/fast.cpython-311-x86_64-linux-gnu.so",
    }),
    "a file without an ending": ("HERE / 'scripts' / 'run'", {"scripts/run", "scripts/x.sh", "scripts/lib.sh"}),
}  # fmt: skip


@pytest.fixture
def closure(folder, tmp_path):
    """The closure of ``team/d.py`` with a text, without itself."""
    snapshots, closures = Snapshots(folder, tmp_path / "state"), Closures()
    for name, text in FOLDER.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def run(text, sources=(), variables=None, file="team/e.py"):
        (folder / file).write_text(text)
        snapshot = snapshots.take()
        closures.look_at(snapshot, DagFiles().of(snapshot))
        found = closures.of(file, {file, *sources}, variables or {})
        assert found == {name: snapshot.files[name] for name in found}
        return found.keys() - {file}

    return run


@pytest.mark.parametrize("case", NAMED)
def test_what_the_code_names_belongs_to_it(closure, case):
    text, expected = NAMED[case]
    assert closure(text) == expected


def test_what_the_import_read_or_listed_or_a_variable_names_belongs_to_it(closure):
    assert closure("", ["data.csv", "gone.csv", "scripts/"]) == {
        "data.csv",
        "scripts/run",
        "scripts/x.sh",
        "scripts/lib.sh",
    }
    assert closure("", ["./"]) == {"data.csv"}, "neither other DAG files nor what lies in folders that it did not list"
    assert closure("", variables={"query": "part.sql", "none": None}) == {"sql/part.sql"}


def test_a_file_beside_that_differs_in_its_ending_belongs_to_it(closure):
    assert closure("Path(__file__).with_suffix(x)", file="team/d.py") == {
        "team/d.yaml",
        "sql/orders.sql",
        "sql/part.sql",
    }


def test_what_comes_later_and_what_changes_is_found(closure, folder):
    text = "open('late.txt'); import newer"
    assert closure(text) == set()
    (folder / "late.txt").write_text("see data.csv")
    (folder / "newer.py").write_text("")
    assert closure(text) == {"late.txt", "newer.py", "data.csv"}
    (folder / "late.txt").write_text("see nothing")
    assert closure(text) == {"late.txt", "newer.py"}
    (folder / "late.txt").write_bytes(b"\0 data.csv")
    assert closure(text) == {"late.txt", "newer.py"}, "what is no text names nothing"
    (folder / "newer.py").unlink()
    assert closure(text) == {"late.txt"}


@pytest.mark.parametrize("text", ["from " + "." * 200_000, "import " + "\\" * 200_000, ": " * 200_000, "a." * 200_000])
def test_no_text_takes_long_to_read(text):
    mentions(text, is_python=True)
