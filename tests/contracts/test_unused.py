"""No public name of the sources is there for tests alone: it is deleted with them (ADR 0011)."""

import pytest

from house.tree import files_of, sources_of
from house.unused import only_tests_use

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

# Called by name from outside of this repository: by a library, which is named, or by those who use what we publish.
CALLED_FROM_OUTSIDE = {
    "SQLAlchemy": "load_dialect_impl process_bind_param process_result_value",
    "Alembic": "revision down_revision",
    "click": "format_commands shell_complete",
    "DAG authors, who know them from Airflow": "upstream_task_ids downstream_task_ids upstream_list downstream_list hostname",
}


def test_no_public_name_is_used_by_tests_alone(workspace):
    texts = {str(path): (workspace / path).read_text() for path in sources_of(workspace)}
    # The testkit exists for tests. Providers and `penstock.testing` are published for code that is not here.
    published = ("testkit/", "providers/", "core/src/penstock/testing/")
    own = {name: text for name, text in texts.items() if not name.startswith(published)}
    others = [text for name, text in texts.items() if name not in own]
    others += [
        (workspace / path).read_text()
        for path in files_of(workspace, ".toml", ".py", ".md")
        if path.parts[0] in ("tools", "bench", "examples", "docs", "noxfile.py", "pyproject.toml")
        or path.name in ("provider.toml", "pyproject.toml", "README.md")
    ]
    assert list(only_tests_use(own, [*others, *CALLED_FROM_OUTSIDE.values()])) == []


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        pytest.param({"a.py": "def f(): ..."}, ["a.py:1 f"], id="function"),
        pytest.param({"a.py": "class A:\n  def m(self): ...\nA()"}, ["a.py:2 A.m"], id="method"),
        pytest.param({"a.py": "LIMIT = 3"}, ["a.py:1 LIMIT"], id="constant"),
        pytest.param({"a.py": "@operation('GET', '/x')\ndef f(): ..."}, [], id="an operation is served"),
        pytest.param({"a.py": "def f():\n  'f does nothing.'"}, ["a.py:1 f"], id="its own docstring is no use"),
        pytest.param({"a.py": "def f(): ...", "b.py": "from a import f"}, [], id="imported"),
        pytest.param({"a.py": "class A:\n  def m(self): ...\nA().m()"}, [], id="called"),
        pytest.param({"a.py": "def f(): ...\nTABLE = 'a:f'\nTABLE"}, [], id="named in a table"),
        pytest.param({"a.py": "def _f(): ..."}, [], id="private"),
        pytest.param({"a.py": "@group.command()\ndef run(): ..."}, [], id="handed to a decorator"),
    ],
)
def test_the_contract_sees_what_nobody_uses(sources, told):
    found = list(only_tests_use(sources, []))
    assert len(found) == len(told)
    assert all(each.startswith(start) for each, start in zip(found, told, strict=True))
