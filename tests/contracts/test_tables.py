"""A table over an enum has a row for each member, so that a new member is missed nowhere."""

import pytest

from house.tables import enums_of, incomplete_tables
from house.tree import sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept


def test_every_table_over_an_enum_is_complete(workspace):
    # A provider's lists of the errors that it knows of each kind are no tables that are looked up.
    texts = {str(p): (workspace / p).read_text() for p in sources_of(workspace) if p.parts[0] != "providers"}
    enums = enums_of(list(texts.values()))
    assert [each for name, text in texts.items() for each in incomplete_tables(name, text, enums)] == []


COLOURS = "class Colour(StrEnum):\n  RED = 'r'\n  BLUE = 'b'\n  GREEN = 'g'\n"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        pytest.param("T = {Colour.RED: 1, Colour.BLUE: 2}", ["GREEN"], id="one is missing"),
        pytest.param("T = {Colour.RED: 1, Colour.BLUE: 2, Colour.GREEN: 3}", [], id="complete"),
        pytest.param("_C = Colour\nT = {_C.RED: 1, _C.BLUE: 2}", ["GREEN"], id="by a short name"),
        pytest.param("class A:\n  T: dict = {Colour.RED: 1, Colour.BLUE: 2}", ["GREEN"], id="in a class"),
        pytest.param("T = {Colour.RED: 1, 'x': 2}", [], id="keys of several kinds"),
    ],
)
def test_the_contract_sees_a_missing_member(text, missing):
    found = list(incomplete_tables("a.py", COLOURS + text, enums_of([COLOURS])))
    assert [each.partition(" lacks ")[2] for each in found] == [f"{each}." for each in missing]
