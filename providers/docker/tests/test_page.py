"""The DAGs of the how-to page run, and do what it says."""

import re
from pathlib import Path

import pytest

from penstock import Connection
from penstock.testing import load_dags, run_dag

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "run-containers.md").read_text()
SNIPPETS = dict(re.findall(r'^```python title="dags/(\w+)\.py"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL))
VALUES = {
    "orders": {"count": "3", "tell": "3"},
    "summary": {"rows": {"eu": 3, "us": 4}, "total": 7},
    "function": {"squares": [0, 1, 4, 9], "total": 14},
    "secret": {"load": "loads with ***"},
    "mounted": {"size": str(len([each for each in Path("/etc").iterdir() if each.name[0] != "."]))},
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_dag_of_the_page_leaves_what_it_says(connection, engine, tmp_path, caplog, name):
    caplog.set_level("INFO")
    for image in ("busybox:1.37", "python:3.13-slim"):
        engine.have(image, Cmd=["sh"])
    (tmp_path / f"{name}.py").write_text(SNIPPETS[name])
    dag = load_dags(tmp_path / f"{name}.py")[name]

    shop = Connection("shop", "http", password="pw-of-the-shop")
    result = run_dag(dag, connections={"docker_default": connection, "shop": shop}).check()

    assert {task: result.value(task) for task in VALUES[name]} == VALUES[name]
    assert "pw-of-the-shop" not in caplog.text


def test_each_dag_has_a_value_that_is_looked_at():
    assert SNIPPETS.keys() == VALUES.keys()
