"""Modules are named for what they hold, and public names are explained (ADR 0011)."""

from pathlib import Path

import pytest

from house.names import drawers, undocumented
from house.tree import files_of, sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept


def test_no_module_is_a_drawer(workspace):
    paths = [path for path in files_of(workspace, ".py") if path.parts[0] != "tools"]
    assert [each for path in paths for each in drawers(path)] == []


def test_every_public_name_has_a_docstring_that_begins_with_a_sentence(workspace):
    found = [each for path in sources_of(workspace) for each in undocumented(str(path), (workspace / path).read_text())]
    assert found == []


def test_what_an_error_says_is_asked_for_where_its_own_code_may_raise(workspace):
    paths = (workspace / "core/src/penstock").rglob("*.py")
    # The first is what providers' tests run, where a traceback is right; the second tells of bugs in Penstock.
    found = [path.name for path in paths if "testing" not in path.parts and "__name__}: {error}" in path.read_text()]
    assert found == ["root.py"], "write model.names.error_sentence(error)"


@pytest.mark.parametrize(
    "name", ["core/src/penstock/utils.py", "a/helpers/b.py", "a/common/__init__.py", "_helpers.py"]
)
def test_the_contract_sees_a_drawer(name):
    assert len(list(drawers(Path(name)))) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("x = 1", "the module has no docstring", id="module"),
        pytest.param('"""Good."""\ndef open_door(): ...', "open_door has no docstring", id="function"),
        pytest.param(
            '"""Good."""\nclass A:\n    """Good."""\n    def b(self): ...', "A.b has no docstring", id="method"
        ),
        pytest.param(
            '"""Good."""\ndef f():\n    """no sentence"""', "does not begin with a sentence", id="no sentence"
        ),
    ],
)
def test_the_contract_sees_a_missing_docstring(text, told):
    assert [told in each for each in undocumented("a.py", text)] == [True]


def test_private_names_and_overrides_need_no_docstring():
    text = '"""Good."""\nfrom typing import override\nclass A:\n    """Good."""\n    @override\n    def b(self): ...\ndef _c(): ...'
    assert list(undocumented("a.py", text)) == []
