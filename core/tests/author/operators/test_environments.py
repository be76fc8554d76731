"""Functions that run in another Python: what they take and give back, what they are told, and the environments that uv makes."""

import fcntl
import os
import signal
import sys
import threading
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.author.operators.child_process import ChildProcess
from penstock.author.operators.environments import inside, kept_environment
from penstock.author.operators.environments.kept_environment import EnvironmentFailedError, EnvironmentSpec, kept
from penstock.model.values import value as model

ZONES = st.sampled_from([None, UTC, ZoneInfo("Europe/Berlin")])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=False),
    st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2030, 1, 1), timezones=ZONES),  # noqa: DTZ001 - the zones are drawn
)
KEYS = st.one_of(st.text(), st.integers(), st.dates(), st.just("$penstock"))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner), max_leaves=8
)


@given(VALUES | st.sets(st.integers()) | st.frozensets(st.text()))
def test_values_go_in_and_come_out_as_xcoms_do(value):
    assert inside.from_plain(model.to_plain(value)) == value
    assert model.from_plain(inside.to_plain(value)) == value


class Text(str):
    __slots__ = ()


def test_what_is_equal_to_a_plain_value_comes_out_as_it():
    given = {"a": np.float64(1.5), "b": np.int64(2), "c": Text("x"), "d": [Decimal("1.0"), UUID(int=1)]}
    assert model.from_plain(inside.to_plain(given)) == given
    with pytest.raises(TypeError, match=r"numpy.ndarray has no JSON form. Return plain values .*tolist"):
        inside.to_plain(np.zeros(2))


HERE = f"""
    import sys
    PYTHON = {sys.executable!r}
"""


@pytest.fixture
def run(dag_of, tried):
    """Run a function, given as its text, by ``@task.external_python``; returns the ending."""

    def call(function, arguments="", options="", **facts):
        body = "\n".join("        " + line for line in function.strip().splitlines())
        head = f"{HERE}    with DAG('d', params={{'p': 1}}):\n        @task.external_python(python=PYTHON{options})\n"
        text = f"{head}{body}\n        f({arguments})\n"
        return tried(dag_of(text), "f", params={"p": 1}, **facts)

    return call


def test_a_function_takes_values_and_context_and_gives_one_back(run, value):
    ending = run(
        "def f(day, params, ds, run_id, other=2, **rest):\n"
        "    import os, sys\n"
        "    print('in', os.getpid())\n"
        "    return [day, params, ds, run_id, other, 'ti' in rest, rest['conf'], sys.path[0].endswith('environments')]",
        "datetime(2026, 1, 31, tzinfo=UTC).date()",
        logical_date=datetime(2026, 1, 1, tzinfo=UTC),
        conf={"c": 1},
    )
    assert value(ending) == [date(2026, 1, 31), {"p": 1}, "2026-01-01", "r1", 2, False, {"c": 1}, False]


@pytest.mark.parametrize(
    ("function", "outcome", "told"),
    [
        ("async def f():\n    return 1", "success", ""),
        ("def f():\n    '''a\n b'''\n    return 1", "success", ""),
        ("def f() -> 'Unknown':\n    x: 'Nothing' = 1\n    return [i for i in range(x)]", "success", ""),
        ("def f():\n    raise ValueError('no data')", "failed", "ValueError: no data"),
        ("def f():\n    import gone", "failed", "ModuleNotFoundError: No module named 'gone'"),
        ("def f():\n    import sys; sys.exit(3)", "failed", "the function called sys.exit(3)"),
        ("def f():\n    import os; os._exit(3)", "failed", "ended with exit code 3 without an answer"),
        ("def f():\n    import os; os.kill(os.getpid(), 9)", "failed", "exit code -9 without an answer"),
        ("def f():\n    return object()", "failed", "a builtins.object has no JSON form"),
        ("def f():\n    class SkipTask(Exception): pass\n    raise SkipTask('none today')", "skipped", "none today"),
        ("def f():\n    import sys; sys.exit(99)", "skipped", "exit code 99, which means: skip"),
    ],
)
def test_how_a_function_ends_there_is_how_the_task_ends(run, function, outcome, told):
    ending = run(function, options=", skip_on_exit_code=99")
    assert ending.outcome == outcome
    assert told in ending.error


def test_an_error_shows_the_line_of_the_author_s_file(run, tmp_path):
    ending = run("def f():\n    x = 1\n    raise ValueError(x)")
    file = (tmp_path / "f.py").read_text().splitlines()
    line = next(number for number, text in enumerate(file, 1) if "raise ValueError(x)" in text)
    assert f'File "{tmp_path}/f.py", line {line}, in f' in ending.error
    assert "inside.py" not in ending.error
    assert ending.retryable


def test_its_environment_is_that_of_the_task_without_our_packages(run, value, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("SEEN", "1")
    function = "def f():\n    import os\n    return [os.environ.get(name) for name in ('PYTHONPATH', 'SEEN', 'OWN')]"
    assert value(run(function, options=", env_vars={'OWN': '{{ params.p }}'}")) == [None, "1", "1"]
    assert value(run(function, options=", env_vars={'OWN': '2'}, inherit_env=False")) == [None, None, "2"]


def test_what_cannot_run_there_is_told_when_the_file_is_imported(complained):
    complained(
        """
        import json
        LIMIT = 3
        with DAG("d"):
            @task.external_python(python="/usr/bin/python3")
            def uses(x): return json.dumps([x, LIMIT])
            uses(1)
            def around():
                near = 1
                @task.virtualenv
                def inner(): return near
                inner()
            around()
            PythonVirtualenvOperator(task_id="lambda", python_callable=lambda: 1)
            @task.branch_virtualenv
            def wants(ti): return ti.task_id
            wants()
            @task.branch_external_python
            def nowhere(): return []
            nowhere()
            task.kubernetes(nowhere.function)
        """,
        {
            6: ["uses() uses 'json', 'LIMIT' from outside"],
            11: ["inner() uses 'near' of the function around it"],
            13: ["It runs in another Python from its source: write a `def`"],
            16: ["takes 'ti' of the context, which no other Python can be given. It may have: conf"],
            19: ["missing", "python"],
            20: ["@task has no variant 'kubernetes'"],
        },
    )


def test_branches_and_named_values_go_on_as_from_any_task(dag_of):
    from penstock.testing import run_dag  # noqa: PLC0415 - the names of this test alone

    dag = dag_of(
        HERE
        + """
    with DAG("d"):
        @task.branch_external_python(python=PYTHON)
        def pick(found): return "b" if found == 3 else "a"
        @task.external_python(python=PYTHON)
        def count(x) -> dict: return {"n": x + 1}
        pick(count(2)["n"]) >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
        count.override(task_id="many").expand(x=[1, 2])
    """
    )
    run = run_dag(dag).check()
    assert (run.states["a"], run.states["b"]) == ("skipped", "success")
    assert run.value("many") == [{"n": 2}, {"n": 3}]


def test_a_task_that_is_killed_takes_the_function_along(dag_of, tried, tmp_path):
    dag = dag_of(
        HERE
        + f"""
    with DAG("d"):
        @task.external_python(python=PYTHON)
        def f(path):
            import os, time
            with open(path + ".new", "w") as file: file.write(str(os.getpid()))
            os.rename(path + ".new", path)
            time.sleep(600)
        f({str(tmp_path / "pid")!r})
    """
    )
    child = ChildProcess()
    made = dag.get_task("f")
    stop = threading.Event()

    def kill():
        while not (tmp_path / "pid").exists() and not stop.wait(0.05):
            pass
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)

    killer = threading.Thread(target=kill)
    killer.start()
    ending = tried(dag, "f")
    stop.set()
    killer.join()
    assert "exit code -15 without an answer" in ending.error
    child.kill()
    assert child.run(["sleep", "600"])[0] == -signal.SIGTERM
    assert made.task_id == "f"


@pytest.fixture
def packages(tmp_path):
    """A folder with the wheel of a package `tiny`, which says its version."""
    folder = tmp_path / "packages"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny-1.5-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "VERSION = '1.5'\n")
        wheel.writestr("tiny-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.5\n")
        wheel.writestr("tiny-1.5.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.5.dist-info/RECORD", "")
    return folder


def options(packages):
    return ("--no-index", "--find-links", str(packages), "--no-cache")


def test_an_environment_is_made_once_and_its_packages_are_there(dag_of, tried, value, packages, tmp_path):
    dag = dag_of(f"""
        with DAG("d"):
            @task.virtualenv(
                requirements=["tiny==1.5"], pip_install_options={options(packages)!r}, venv_cache_path="{tmp_path}/made"
            )
            def f():
                import sys, tiny
                return [tiny.VERSION, sys.prefix]
            f()
            f.override(task_id="again")()
        """)
    version, prefix = value(tried(dag, "f"))
    assert (version, Path(prefix).parent) == ("1.5", tmp_path / "made")
    (packages / "tiny-1.5-py3-none-any.whl").unlink()  # a second one could not be made
    assert value(tried(dag, "again")) == ["1.5", prefix]


def test_an_environment_that_cannot_be_made_says_why_and_leaves_nothing(dag_of, tried, packages, tmp_path, capfd):
    dag = dag_of(f"""
        with DAG("d"):
            @task.virtualenv(
                requirements="nothere==1", pip_install_options={options(packages)!r}, venv_cache_path="{tmp_path}/made"
            )
            def f(): return 1
            f()
        """)
    ending = tried(dag, "f")
    assert "uv pip install ended with exit code 1" in ending.error
    assert ending.retryable
    assert [path.suffix for path in (tmp_path / "made").iterdir()] == [".lock"]
    (tmp_path / "file").touch()
    with (
        pytest.raises(EnvironmentFailedError, match=r"cannot be kept in .*venv_cache_path"),
        kept(EnvironmentSpec("", "x"), tmp_path / "file" / "in", ChildProcess()),
    ):
        pass


def test_environments_that_nobody_uses_make_room_and_one_in_use_stays(tmp_path, monkeypatch):
    wanted = [EnvironmentSpec("", sys.executable, options=(str(number),)) for number in range(4)]

    def use(which):
        with kept(which, tmp_path, ChildProcess()) as python:
            assert python.exists()
        return which

    for number, each in enumerate(wanted[:3]):
        lock = tmp_path / f"{use(each).key}.lock"
        os.utime(lock, (lock.stat().st_mtime - 100 + number,) * 2)
    (tmp_path / wanted[1].key / "penstock-whole").unlink()  # as if somebody had been killed while it was made
    monkeypatch.setattr(kept_environment, "MOST_KEPT", 2)
    held = os.open(tmp_path / f"{wanted[0].key}.lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_SH)
    use(wanted[3])
    os.close(held)
    there = {path.stem for path in tmp_path.glob("*.lock")}
    assert wanted[0].key in there, "it is the oldest, and in use"
    assert wanted[1].key not in there
    use(wanted[1])
    assert (tmp_path / wanted[1].key / "penstock-whole").exists()


def test_equal_wishes_are_one_environment():
    assert EnvironmentSpec("b\na\n", "3.12").key == EnvironmentSpec(" a\nb", "3.12").key
    assert (
        len(
            {
                EnvironmentSpec("a", "3.12").key,
                EnvironmentSpec("a", "3.11").key,
                EnvironmentSpec("a", "3.12", system_packages=True).key,
            }
        )
        == 3
    )


def test_times_of_a_zone_that_is_not_there_keep_their_offset():
    assert inside.from_plain({"$penstock": "datetime", "value": "2026-01-01T00:00:00+01:00[No/Where]"}) == datetime(
        2025, 12, 31, 23, tzinfo=UTC
    )
    assert inside.from_plain(model.to_plain([time(1, 2), timedelta(1)])) == [time(1, 2), timedelta(1)]
