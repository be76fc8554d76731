"""The names of `import penstock`, and what they cost."""

import subprocess
import sys

import pytest

import penstock

HEAVY = (
    "sqlalchemy",
    "alembic",
    "jinja2",
    "rich",
    "cryptography",
    "click",
    "pluggy",
    "cronsim",
    "watchfiles",
    "asyncio",
    "logging",
)


def loaded_by(code):
    """Modules that a fresh interpreter has after some code."""
    script = f"{code}\nimport sys; print(' '.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_every_public_name_is_there_and_documented():
    for name in penstock.__all__:
        found = getattr(penstock, name)
        assert name == "__version__" or found.__doc__, name
    # What DAG files are written with, of which those that come from Airflow import all from one place.
    assert len(penstock.__all__) <= 80
    assert set(penstock.__all__) <= set(dir(penstock))


def test_every_public_name_has_one_home():
    homed = [name for names in penstock._HOMES.values() for name in names]
    assert sorted([*homed, "__version__"]) == sorted(penstock.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Dag'"):
        penstock.Dag  # noqa: B018 - the access is the test


def test_the_import_alone_brings_nothing_along():
    assert {name for name in loaded_by("import penstock") if name.startswith("penstock")} == {"penstock"}


def test_writing_a_dag_imports_nothing_heavy():
    code = "from penstock import DAG, task, BashOperator, EmptyOperator\nwith DAG('d', schedule='@daily'):\n    EmptyOperator(task_id='a')"
    assert not loaded_by(code) & set(HEAVY)


def test_a_try_without_templates_does_not_import_jinja():
    code = """
from penstock import DAG, BashOperator
from penstock.model.attempt import TryFacts, TryInputs
from penstock.author.run.execution import run_try
with DAG('d') as dag:
    t = BashOperator(task_id='a', bash_command='true')
assert run_try(t, TryFacts('d', 'r', 'a'), TryInputs(), None).outcome == 'success'
"""
    assert "jinja2" not in loaded_by(code)
