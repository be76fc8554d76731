"""A DAG file as a module: what it defines can be pickled, it hides nobody, and what it cannot import is told with the remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.author.build.import_errors import to_problem
from penstock.author.build.imports import import_dag_file, module_name
from penstock.author.parse_session import ParseSession

POOLS = """
import concurrent.futures, multiprocessing, pickle
from penstock import DAG, task

def square(number): return number * number

class Row:
    pass

with DAG("d"):
    @task
    def go():
        found = {type(pickle.loads(pickle.dumps(Row()))) is Row}
        for method in ("fork", "spawn"):
            context = multiprocessing.get_context(method)
            with context.Pool(1) as pool:
                found.add(pool.map(square, range(4)) == [0, 1, 4, 9])
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            found.add(list(pool.map(square, range(4))) == [0, 1, 4, 9])
        return found == {True}
    go()
"""


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def in_a_program(folder, file, then):
    """What a fresh process prints that imports a DAG file."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom penstock.author.build.imports import ImportRuntime, import_dag_file\n"
        f"if __name__ == '__main__':\n    session = import_dag_file(Path({str(folder)!r}), {file!r}, ImportRuntime())\n    {then}\n"
    )
    (folder.parent / "program.py").write_text(code)
    command = [sys.executable, "-P", str(folder.parent / "program.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def complained_of(tmp_path, runtime, monkeypatch):
    """What is wrong with the import of the first of some files."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(files):
        for name, text in files.items():
            put(tmp_path, name, text)
        file = next(iter(files))
        session = ParseSession(str(tmp_path / file), str(tmp_path))
        with pytest.raises(ImportError) as caught:
            import_dag_file(tmp_path, file, runtime, session)
        return str(to_problem(caught.value, session, file))

    return run


@pytest.mark.parametrize("file", ["pools.py", "team/in-depth/pools.py"])
def test_what_a_dag_file_defines_can_be_pickled_in_forks_and_in_fresh_processes(tmp_path, file):
    put(tmp_path / "dags", file, POOLS)
    run = "from penstock.testing import run_dag; print(run_dag(session.dags[0]).value('go'))"
    assert in_a_program(tmp_path / "dags", file, run)[-1:] == ["True"]


def test_a_dag_file_hides_neither_pythons_own_modules_nor_what_is_installed(tmp_path):
    folder = tmp_path / "dags"
    for name in ("calendar.py", "msgspec.py", "json/__init__.py"):
        put(folder, name, "from penstock import DAG\nwith DAG('d'): pass\n")
    then = "import calendar, json, msgspec; print(calendar.__file__, msgspec.__file__, json.__file__, session.dags[0].dag_id)"
    *files, dag_id = in_a_program(folder, "calendar.py", then)
    assert dag_id == "d"
    assert not [each for each in files if Path(each).is_relative_to(folder)]


def test_relative_imports_work_from_a_folder_of_the_dags_folder(tmp_path):
    folder = tmp_path / "dags"
    put(folder, "team/x.py", "from .helpers import NAME\nfrom penstock import DAG\nwith DAG(NAME): pass\n")
    put(folder, "team/helpers.py", "NAME = 'named'\n")
    assert in_a_program(folder, "team/x.py", "print(session.dags[0].dag_id)") == ["named"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("x.py", "x"), ("team/x.py", "team.x"), ("my-dag.py", "my-dag"), ("a b.py", "a b"), ("team/__init__.py", "team"),
        ("v1.2.py", "dag_file_v1_2"), ("json.py", "dag_file_json"), ("json/x.py", "dag_file_json_x"), ("pytest.py", "dag_file_pytest"),
        ("penstock/x.py", "dag_file_penstock_x"),
    ],
)  # fmt: skip
def test_a_module_is_named_as_an_import_would_unless_that_finds_another(tmp_path, file, name):
    assert module_name(tmp_path, file) == name


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"x.py": "from .helpers import A"}, ("x.py:1: attempted relative import with no known parent package: the file is imported by "
         "itself. Write `from helpers import A`, as seen from the DAGs folder.")),
        ({"team/x.py": "\nfrom ..helpers import (\n  A, B as C)"}, ("team/x.py:2: attempted relative import beyond top-level package: "
         "the file is imported by itself. Write `from helpers import A, B as C`, as seen from the DAGs folder.")),
        ({"team/sub/x.py": "from ... import helpers"}, "Write `import helpers`, as seen from the DAGs folder."),
        ({"team/x.py": "from ...far import A"}, "it leads out of the DAGs folder. Put the module into the folder, or install it."),
        ({"json/x.py": "from .helpers import A"}, "the folder 'json' has the name of a module that is installed. Rename it."),
        ({"x.py": "import helpers", "team/helpers.py": ""}, ("x.py:1: there is no module 'helpers'. Install it in this environment, or put "
         "its file into the DAGs folder.")),
        ({"team/x.py": "import helpers", "team/helpers.py": ""}, ("team/x.py:1: there is no module 'helpers' in the DAGs folder itself: "
         "write `from team import helpers`.")),
        ({"x.py": "import penstock_of_nobody"}, ("x.py:1: the import of 'penstock_of_nobody' needs the provider 'of_nobody', which is not "
         "installed here. Install it with: plugin-manager install of_nobody")),
        ({"x.py": "from calendar import mine", "calendar.py": "mine = 1"}, "hides the one in the DAGs folder: give that another name."),
        ({"x.py": "import json.mine", "json/mine.py": ""}, "hides the one in the DAGs folder: give that another name."),
    ],
    ids=["relative", "upwards", "to the top", "outside", "in a hidden folder",
         "elsewhere", "beside", "provider", "hidden name", "hidden module"],
)  # fmt: skip
def test_an_import_that_fails_says_what_to_write(complained_of, files, expected):
    assert complained_of(files).endswith(expected)
