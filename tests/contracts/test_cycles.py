"""No module waits for itself when it is imported, through whatever package it is reached (ADR 1)."""

import pytest

from house.cycles import run_time_cycles
from house.tree import sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept


def test_no_package_has_an_import_cycle_at_run_time(workspace):
    modules = {}
    for path in sources_of(workspace):
        name = ".".join(path.parts[path.parts.index("src") + 1 :]).removesuffix(".py").removesuffix(".__init__")
        modules[name] = (workspace / path).read_text()
    assert run_time_cycles(modules) == []


@pytest.mark.parametrize(
    ("modules", "cycles"),
    [
        pytest.param({"p": "", "p.a": "import p.b", "p.b": "from p import a"}, [("p.a", "p.b")], id="two modules"),
        pytest.param({"p": "from p import a", "p.a": "", "p.b": "import p.a"}, [], id="a package and its part"),
        pytest.param({"p": "import q.a", "p.a": "", "q": "from p import a", "q.a": ""}, [("p", "q")], id="by __init__"),
        pytest.param({"a": "import b", "b": "def f():\n  import a"}, [], id="inside a function"),
        pytest.param({"a": "import b", "b": "if TYPE_CHECKING:\n  import a"}, [], id="for types"),
        pytest.param({"a": "import b", "b": "try:\n  import a\nexcept ImportError: ..."}, [("a", "b")], id="in a try"),
        pytest.param({"a": "import b", "b": "import c", "c": "import a"}, [("a", "b", "c")], id="three modules"),
    ],
)
def test_the_contract_sees_a_cycle(modules, cycles):
    assert run_time_cycles(modules) == cycles
