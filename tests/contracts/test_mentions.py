"""What pages say of the code is there: files, modules, classes and functions."""

import re
import tomllib

import pytest

from house.mentions import Mentions
from house.tree import files_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

FOR_CONTRIBUTORS = ("docs/explanation", "docs/adr", "CONTRIBUTING.md")


@pytest.fixture(scope="module")
def mentions(workspace):
    """What may be mentioned; the classes of all sources are gathered once."""
    return Mentions(workspace)


def test_every_name_of_code_that_a_page_mentions_is_there(workspace, mentions):
    found = [
        f"{path}: {name}"
        for path in files_of(workspace, ".md")
        for name in mentions.missing((workspace / path).read_text(), files=str(path).startswith(FOR_CONTRIBUTORS))
    ]
    assert found == []


def test_the_plan_of_the_house_shows_the_floors_that_the_contract_holds(workspace):
    contracts = tomllib.loads((workspace / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["id"] == "core-layers")
    page = (workspace / "docs" / "explanation" / "architecture.md").read_text()
    floors: list[set[str]] = []
    for floor, room in re.findall(r"^\| (\d*) ?\| `(\w+)` \|", page, re.MULTILINE):
        floors += [{room}] if floor else []
        floors[-1].add(room)
    assert floors == [set(layer.split(" | ")) for layer in layers if layer != "__main__"]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("`engine/engine.py`", id="file of a package"),
        pytest.param("`engine/engine.py:Engine.step`", id="method in a file"),
        pytest.param("`core/src/penstock/engine/tries.py:finish_try`", id="function in a file of the workspace"),
        pytest.param("`penstock.engine.engine.Engine`", id="class of a module"),
        pytest.param("`penstock.engine`", id="room"),
        pytest.param("`penstock.DAG`", id="name of the front door"),
        pytest.param("`Engine.step`", id="method"),
        pytest.param("`penstock.toml`", id="file of the user"),
        pytest.param("```text\n`gone.py`\n```", id="fenced"),
        pytest.param("a.py without quotes", id="no quotes"),
    ],
)
def test_what_is_there_may_be_mentioned(mentions, page):
    assert list(mentions.missing(page, files=True)) == []


@pytest.mark.parametrize(
    "name",
    [
        "engine/gone.py",
        "engine/engine.py:gone",
        "engine/engine.py:Engine.gone",
        "penstock.engine.gone",
        "penstock.engine.engine.Engine.gone",
        "penstock.Gone",
        "penstock_gone.a",
        "Engine.gone",
        "Gone.step",
    ],
)
def test_the_contract_sees_a_name_that_is_gone(mentions, name):
    assert list(mentions.missing(f"Read `{name}`.", files=True)) == [name]
