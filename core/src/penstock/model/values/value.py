"""Values that tasks leave for each other, as JSON that gives back what was put in.

None, booleans, numbers, strings, lists and dicts with string keys are themselves. What JSON cannot say is an object
with the one key ``$penstock`` that names the type, and ``value``:

=============  ====================================================
type           ``value``
=============  ====================================================
``datetime``   ISO 8601 text, with offset if aware, and ``[zone]`` if its zone has a name (RFC 9557)
``date``       ISO 8601 text
``time``       as ``datetime``
``timedelta``  ``[days, seconds, microseconds]``
``bytes``      Base64 text
``tuple``      list of the elements
``set``        list of the elements, sorted by their JSON
``frozenset``  as ``set``
``decimal``    decimal text
``uuid``       the usual 36 characters
``float``      ``nan``, ``inf`` or ``-inf``
``int``        hexadecimal text (``0x...``), for integers beyond 64 bits
``dict``       list of ``[key, value]``, for other keys than strings and for dicts that have the key ``$penstock``
``ref``        where a large value lies: the fields of `Reference`
``instance``   ``[module:class, {field: value}]``
``ndarray``    Base64 text of a NumPy file (NEP 1)
``dataframe``  Base64 text of a stream of Arrow's IPC format; so are ``series``, ``table`` and ``recordbatch``
=============  ====================================================

The last two lines are *typed* values. Tasks leave them for each other; what is written in a DAG file as data, asked for from
outside or read by the scheduler never is one, because to read it is to import its class.

A ``ref`` stands for a whole value, or for one in the list of what the instances of a mapped task left; never deeper.

A subclass of one of these is encoded as its base if it is equal to it (an enum of strings becomes a string, a named tuple
a tuple), and so is a scalar of NumPy. Anything else is an error that names the type and its place.
"""

import base64
import math
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from penstock.decoders import convert, decode_json
from penstock.model.values import tables
from penstock.model.values.instances import put_together, taken_apart
from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.model.values.plain_value import plain_value
from penstock.model.values.time_text import read_datetime, read_time, write_datetime, write_time

TAG = "$penstock"
MOST_DEPTH = 100
"""How many values may hold each other; what reads their JSON recurses."""


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a value lies that is too large to travel: in an object store.

    A list, tuple or dict is cut into parts, each an object with a JSON list of some of its elements (of a dict, pairs),
    so that one element is had without reading them all. Any other value is one object with its JSON.

    Attributes:
        url: URL of the object; of a value in parts, what their URLs begin with.
        conn_id: Connection of the object store; "" for the scheme's default.
        form: ``list``, ``tuple`` or ``dict`` of a value in parts, else "".
        parts: Number of elements in each part, in their order.
        index: What is meant is this element of the list in the object; None for the whole value.
    """

    url: str
    conn_id: str = ""
    form: str = ""
    parts: tuple[int, ...] = ()
    index: int | None = None

    def urls(self) -> list[str]:
        """The objects of the whole value, in order."""
        return [f"{self.url}.{number}" for number in range(len(self.parts))] if self.parts else [self.url]

    def elements(self) -> list["Reference"]:
        """A reference to each element of a value in parts."""
        pairs = zip(self.urls(), self.parts, strict=True) if self.parts else ()
        return [Reference(url, self.conn_id, index=index) for url, length in pairs for index in range(length)]


def encode(value: Any, *, typed: bool = False) -> bytes:  # noqa: ANN401 - any value
    """The JSON text of a value, as `to_plain` has it; raises NotSerialisableError."""
    return msgspec.json.encode(to_plain(value, typed=typed))


def decode(data: bytes | msgspec.Raw, *, typed: bool = False) -> Any:  # noqa: ANN401 - any value
    """The value of its JSON text, as `from_plain` has it; raises msgspec.DecodeError if it is no JSON."""
    return from_plain(msgspec.json.decode(data), typed=typed)


def length(value: Any) -> int | None:  # noqa: ANN401 - any value
    """Number of instances that a mapping over the value has: elements of a list, tuple or dict; None for others."""
    return len(value) if isinstance(value, list | tuple | dict) else None


def encoded_length(data: bytes) -> int | None:
    """Number of elements of an encoded value, as `length` counts those of the value.

    Raises:
        ValueError: The text is not what `encode` makes.
    """
    try:
        plain = decode_json(data, list[msgspec.Raw] | dict[str, msgspec.Raw] | str | float | bool | None)
        if isinstance(plain, list):
            return len(plain)
        if not isinstance(plain, dict):
            return None
        tag = msgspec.json.decode(plain[TAG]) if TAG in plain else ""
        if tag == "ref":
            parts = decode_json(plain["value"], Reference).parts
            if any(part < 0 for part in parts):
                raise ValueError(f"it is no JSON of a value: its parts are {parts!r:.100}")
            return sum(parts)
        if tag in ("tuple", "dict"):
            return len(decode_json(plain["value"], list[msgspec.Raw]))
        return None if tag else len(plain)
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no JSON of a value: {error}") from error


def elements(data: bytes) -> list[bytes]:
    """The JSON text of each element of an encoded list or tuple; of a dict, each pair ``(key, value)``.

    The text is cut, not understood, so that it costs little; of a reference each element is a reference. Raises
    TypeError if the value has no elements.
    """
    plain = decode_json(data, list[msgspec.Raw] | dict[str, msgspec.Raw] | str | float | bool | None)
    if isinstance(plain, list):
        return [bytes(each) for each in plain]
    if isinstance(plain, dict):
        tag = msgspec.json.decode(plain[TAG]) if TAG in plain else ""
        if tag == "":
            return [_PAIR % (msgspec.json.encode(key), bytes(each)) for key, each in plain.items()]
        inner = plain["value"]
        if tag == "tuple":
            return [bytes(each) for each in decode_json(inner, list[msgspec.Raw])]
        if tag == "dict":
            pairs = decode_json(inner, list[tuple[msgspec.Raw, msgspec.Raw]])
            return [_PAIR % (bytes(key), bytes(each)) for key, each in pairs]
        if tag == "ref":
            return [refer(each) for each in decode_json(inner, Reference).elements()]
    raise TypeError(f"a {type(decode(data)).__name__} has no elements to map over")


def form_of(data: bytes) -> str:
    """``list``, ``tuple`` or ``dict`` for the JSON text of a value that has elements."""
    if data.startswith(b"["):
        return "list"
    return "tuple" if data.startswith(_TUPLE) else "dict"


def refer(reference: Reference) -> bytes:
    """The JSON text of a reference to a value."""
    return msgspec.json.encode({TAG: "ref", "value": reference})


def reference_in(plain: Any) -> Reference | None:  # noqa: ANN401 - JSON
    """The reference that a plain value is; None if it is the value itself."""
    if isinstance(plain, dict) and plain.get(TAG) == "ref":
        return convert(plain["value"], Reference)
    return None


def gathered(reference: Reference, parts: list[Any]) -> Any:  # noqa: ANN401 - any value
    """The whole value of what its objects hold, in order."""
    if not reference.parts:
        return parts[0]
    found = [each for part in parts for each in part]
    return found if reference.form == "list" else tuple(found) if reference.form == "tuple" else dict(found)


def is_plain(value: Any) -> bool:  # noqa: ANN401 - any value
    """True if a value has a JSON form here."""
    try:
        to_plain(value)
    except NotSerialisableError:
        return False
    return True


def to_plain(value: Any, depth: int = 0, *, typed: bool = False) -> Any:  # noqa: ANN401 - any value
    """The value made of JSON's own types.

    Args:
        value: Any value.
        depth: How many values hold it.
        typed: Whether it may be, or hold, instances of classes and tables.

    Raises:
        NotSerialisableError: It has no JSON form.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _as_text(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else {TAG: "int", "value": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "value": str(value)}
    if kind in _HOLDERS:
        return _plain_holder(value, kind, depth, typed)
    if kind in _TAGS:
        tag, plain = _TAGS[kind]
        return {TAG: tag, "value": plain(value)}
    found = plain_value(value)
    if found is not None:
        return to_plain(found, depth, typed=typed)
    made = _plain_typed(value, depth) if typed else None
    if made is None:
        raise NotSerialisableError(f"a {kind.__module__}.{kind.__qualname__}", _ADVICE)
    return made


def from_plain(value: Any, *, typed: bool = False) -> Any:  # noqa: ANN401 - any value
    """The inverse of `to_plain`; an object with an unknown tag stays as it is.

    Args:
        value: JSON's own types.
        typed: Whether instances and tables are made; then classes that the value names are imported.

    Raises:
        FailTask: A class that the value names is not here, or is another one.
    """
    if isinstance(value, list):
        return [from_plain(each, typed=typed) for each in value]
    if not isinstance(value, dict):
        return value
    tag = value.get(TAG, "")
    if isinstance(tag, str) and len(value) == 2 and "value" in value:
        if tag in _MAKERS:
            return _MAKERS[tag](value["value"])
        if tag in _HOLDER_MAKERS:
            return _HOLDER_MAKERS[tag](from_plain(value["value"], typed=typed))
        if typed and tag == _INSTANCE:
            name, fields = value["value"]
            return put_together(name, {each: from_plain(field, typed=True) for each, field in fields.items()})
        if typed and tag in tables.TAGS:
            return tables.read(tag, base64.b64decode(value["value"]))
    return {key: from_plain(each, typed=typed) for key, each in value.items()}


def _plain_typed(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
    """An instance or a table made of JSON's own types; None if the value is neither."""
    apart = taken_apart(value)
    if apart is None:
        written = tables.written(value)
        return None if written is None else {TAG: written[0], "value": base64.b64encode(written[1]).decode()}
    _check_depth(depth)
    name, fields = apart
    made = {}
    for each, field in fields.items():
        try:
            made[each] = to_plain(field, depth + 1, typed=True)
        except NotSerialisableError as error:
            raise error.within(f".{each}") from None
    return {TAG: _INSTANCE, "value": [name, made]}


def _check_depth(depth: int) -> None:
    if depth >= MOST_DEPTH:
        raise NotSerialisableError(
            f"what holds itself, or more than {MOST_DEPTH} values in each other,", "Return it flat."
        )


def _plain_holder(value: Any, kind: type, depth: int, typed: bool) -> Any:  # noqa: ANN401, FBT001 - JSON
    _check_depth(depth)
    if kind is list:
        return _plain_list(value, depth, typed)
    if kind is dict:
        return _plain_dict(value, depth, typed)
    if kind is tuple:
        return {TAG: "tuple", "value": _plain_list(value, depth, typed)}
    plain = _plain_list(value, depth, typed, " element")
    for made, element in zip(plain, value, strict=True):
        _check_hashable(made, element, " element")
    elements = sorted(plain, key=msgspec.json.encode)
    return {TAG: kind.__name__, "value": elements}


def _plain_list(value: Collection[Any], depth: int, typed: bool, place: str = "") -> list[Any]:  # noqa: FBT001 - as above
    made: list[Any] = []
    try:
        for each in value:
            made.append(to_plain(each, depth + 1, typed=typed))  # noqa: PERF401 - its length tells which element failed
    except NotSerialisableError as error:
        raise error.within(place or f"[{len(made)}]") from None
    return made


def _plain_dict(value: dict[Any, Any], depth: int, typed: bool) -> Any:  # noqa: ANN401, FBT001 - JSON
    with_text_keys = all(type(key) is str for key in value) and TAG not in value
    pairs: list[list[Any]] = []
    for key, each in value.items():
        try:
            plain_key = to_plain(key, depth + 1, typed=typed)
        except NotSerialisableError as error:
            raise error.within(" key") from None
        _check_hashable(plain_key, key, " key")
        try:
            pairs.append([plain_key, to_plain(each, depth + 1, typed=typed)])
        except NotSerialisableError as error:
            raise error.within(f"[{key!r}]") from None
    return dict(pairs) if with_text_keys else {TAG: "dict", "value": pairs}


def _check_hashable(plain: Any, value: Any, place: str) -> None:  # noqa: ANN401 - any value
    """Refuse a key or an element of a set of a subclass that can be hashed, while what it is given back as cannot."""
    if isinstance(plain, list | dict):
        try:
            hash(from_plain(plain, typed=True))
        except TypeError:
            kind = type(value)
            raise NotSerialisableError(f"a {kind.__module__}.{kind.__qualname__}", _ADVICE, place) from None


def _as_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotSerialisableError(f"the text {value[:60]!r}, which is no Unicode,", _NO_TEXT) from None
    return value


_ADVICE = "Return plain values (numbers, text, lists, dicts, dates), or a path or URL of where the data is."
_NO_TEXT = "If it is a file's name, return os.fsencode(name), which is bytes."
_TUPLE = b'{"$penstock":"tuple"'
_PAIR = _TUPLE + b',"value":[%b,%b]}'

_HOLDERS = frozenset({list, dict, tuple, set, frozenset})
_TAGS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", write_datetime),
    date: ("date", date.isoformat),
    time: ("time", write_time),
    timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
}

_MAKERS: dict[str, Callable[[Any], Any]] = {
    "datetime": read_datetime,
    "date": date.fromisoformat,
    "time": read_time,
    "timedelta": lambda value: timedelta(*value),
    "bytes": base64.b64decode,
    "decimal": Decimal,
    "uuid": UUID,
    "float": float,
    "int": lambda value: int(value, 0),  # once it was decimal, of which Python reads 4,300 digits alone
}
_HOLDER_MAKERS: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}
_INSTANCE = "instance"
