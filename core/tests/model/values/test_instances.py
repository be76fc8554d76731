"""Instances that tasks leave: an equal one of the same class comes back, or a sentence says why not."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, Flag, auto

import msgspec
import pydantic
import pytest

from penstock.errors import FailTask
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.model.values.value import MOST_DEPTH, TAG, decode, encode


@dataclass(frozen=True, slots=True)
class Line:
    sku: str
    price: Decimal
    note: str = "none"


@dataclass
class Order:
    placed: datetime
    lines: list[Line] = field(default_factory=list)
    total: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.total = sum((line.price for line in self.lines), Decimal())


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    start: str
    via: tuple[str, ...] = ()
    tags: set[str] = msgspec.field(default_factory=set, name="labels")


class Item(pydantic.BaseModel, extra="allow"):
    count: int = pydantic.Field(alias="number", ge=0)
    parts: list["Item"] = []
    _seen: int = pydantic.PrivateAttr(default=0)


class Outer:
    @dataclass
    class Inner:
        value: object


@dataclass(frozen=True)
class Child(Line):
    pass


class Plain(Line):
    """A subclass that is no dataclass itself: what it holds besides is not known."""


class Colour(Enum):
    RED = 1
    SKY = (0, 0, 255)


class Rights(Flag):
    READ = auto()
    WRITE = auto()


class Own:
    def serialize(self):
        return {}


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seen(item, times):
    item._seen = times
    return item


LEFT = [
    Line("a", Decimal("1.50")),
    Order(NOON, [Line("a", Decimal("1.50")), Line("b", Decimal(2))]),
    Child("a", Decimal(1)),
    Outer.Inner(Colour.RED),
    Colour.SKY,
    Rights.READ | Rights.WRITE,
    {Colour.RED: 1},
    Outer.Inner({"when": NOON, "of": (1, {2})}),
    Leg(start="x", via=("y",), tags={"t"}),
    Item(number=3, parts=[Item(number=1)], colour="red"),
    seen(Item(number=1), 4),
    {Line("a", Decimal(1)): [Leg(start="x")]},
    {Line("a", Decimal(1))},
    Outer.Inner(Outer.Inner(Outer.Inner(None))),
]


@pytest.mark.parametrize("value", LEFT, ids=lambda value: type(value).__name__)
def test_an_equal_instance_of_the_same_class_comes_back(value):
    back = decode(encode([value], typed=True), typed=True)[0]
    assert (back, type(back)) == (value, type(value))
    assert encode([back], typed=True) == encode([value], typed=True)


def test_which_fields_of_a_model_were_set_comes_back():
    back = decode(encode(Item(number=1), typed=True), typed=True)
    assert back.model_dump(exclude_unset=True) == {"count": 1}


def local():
    @dataclass
    class Local:
        value: int

    return Local(1)


REFUSED = {
    "within a function": (local(), "cannot be found by this name, has no JSON form. Define the class at the top"),
    "a subclass that is none": (Plain("a", Decimal(1)), "a .*Plain has no JSON form"),
    "a class that says nothing of its fields": (Own(), "a .*Own has no JSON form"),
    "a field of a stranger's": ({"a": [Outer.Inner(Own())]}, r"Own at \['a'\]\[0\]\.value has no JSON form"),
    "a field that is not there": (Order.__new__(Order), "without one of its fields has no JSON form"),
}


@pytest.mark.parametrize(("value", "said"), REFUSED.values(), ids=REFUSED)
def test_an_instance_that_could_not_be_made_again_is_refused(value, said):
    with pytest.raises(NotSerialisableError, match=said):
        encode(value, typed=True)


def test_what_holds_itself_is_refused():
    ring = Outer.Inner(None)
    ring.value = ring
    with pytest.raises(NotSerialisableError, match=f"holds itself, or more than {MOST_DEPTH}"):
        encode(ring, typed=True)


def test_what_no_task_has_left_imports_no_class_and_makes_no_instance():
    with pytest.raises(NotSerialisableError):
        encode(Line("a", Decimal(1)))
    written = encode(Line("a", Decimal(1)), typed=True)
    assert decode(written)[TAG] == "instance"
    assert decode(b'{"a":%b}' % written)["a"][TAG] == "instance"


CHANGED = {
    "the module is gone": (
        b"Line",
        b"x",
        __name__.encode(),
        b"no.such.module",
        "no.such.module cannot be imported here",
    ),
    "the class is gone": (b":Line", b":Gone", b"", b"", "there is no such dataclass, Struct, model or enum here"),
    "it is no such class": (b":Line", b":Own", b"", b"", "there is no such dataclass, Struct, model or enum here"),
    "a field is gone": (
        b'"note"',
        b'"remark"',
        b"",
        b"",
        "with the field 'remark', which the class does not have here",
    ),
    "a field is new": (
        b'"sku"',
        b'"note"',
        b',"note":"none"',
        b"",
        "without the field 'sku', which the class needs here",
    ),
}


@pytest.mark.parametrize(("old", "new", "also", "to", "said"), CHANGED.values(), ids=CHANGED)
def test_a_class_that_is_another_one_where_it_is_read_is_told(old, new, also, to, said):
    written = encode(Line("a", Decimal(1)), typed=True).replace(also, to).replace(old, new)
    with pytest.raises(FailTask, match=said):
        decode(written, typed=True)


def test_a_field_that_a_class_has_had_since_gets_its_default():
    line = encode(Line("a", Decimal(1)), typed=True).replace(b',"note":"none"', b"")
    leg = encode(Leg(start="x", via=("y",)), typed=True)
    shorter = leg[: leg.index(b',"via"')] + leg[leg.index(b',"tags"') :]
    item = encode(Item(number=3), typed=True).replace(b',"parts":[]', b"")
    found = [decode(each, typed=True) for each in (line, shorter, item)]
    assert found == [Line("a", Decimal(1)), Leg(start="x"), Item(number=3)]


def test_what_the_class_itself_refuses_is_told():
    strict = encode(Leg(start="x"), typed=True).replace(b':Leg"', b':Strict"')
    gone = encode(Colour.RED, typed=True).replace(b'"value":1', b'"value":2')
    for written, said in ((strict, "never"), (gone, "2 is not a valid")):
        with pytest.raises(FailTask, match=f"none can be made of its fields here: {said}"):
            decode(written, typed=True)


class Strict(Leg, frozen=True, kw_only=True):
    def __post_init__(self) -> None:
        raise ValueError("never")
