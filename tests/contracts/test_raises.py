"""Who calls a public function learns from its docstring what it raises (ADR 0011)."""

import pytest

from house.raises import unnamed_raises
from house.tree import sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept


def test_every_public_callable_names_what_it_raises(workspace):
    paths = sources_of(workspace)
    found = [each for path in paths for each in unnamed_raises(str(path), (workspace / path).read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("def f():\n  'Do it.'\n  raise LostError('x')", ["f raises LostError"], id="not named"),
        pytest.param("def f():\n  'Do it; raises LostError.'\n  raise LostError('x')", [], id="in a sentence"),
        pytest.param(
            "def f():\n  '''Do it.\n\n  Raises:\n    LostError: Ever.\n  '''\n  raise LostError('x')", [], id="section"
        ),
        pytest.param(
            "class A:\n  def f(self):\n    'Do it.'\n    raise errors.LostError('x')",
            ["A.f raises LostError"],
            id="method",
        ),
        pytest.param("def _f():\n  raise LostError('x')", [], id="private"),
        pytest.param("def f():\n  'Do it.'\n  def g(): raise LostError('x')", [], id="an inner function's"),
        pytest.param(
            "def f():\n  'Do it.'\n  try:\n    raise LostError('x')\n  except LostError:\n    pass",
            [],
            id="stays inside",
        ),
        pytest.param("def f():\n  'Do it.'\n  raise error", [], id="handed on"),
    ],
)
def test_the_contract_sees_what_is_not_named(text, told):
    found = list(unnamed_raises("a.py", text))
    assert len(found) == len(told)
    assert all(words in each for words, each in zip(told, found, strict=True))
