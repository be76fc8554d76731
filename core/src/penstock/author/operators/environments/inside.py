"""What runs in the other Python: it calls one function with plain values, and answers with one.

It is a program of its own and imports nothing but Python's library, of version 3.8 or newer. It reads a request from one
descriptor and writes its answer to another, both JSON; values have the form of `penstock.model.values.value`.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import traceback
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TAG = "$penstock"
_ADVICE = "Return plain values (numbers, text, lists, dicts, dates): .tolist() and .to_dict('records') make such."
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def main() -> int:
    """Run one request; returns the code that the program ends with."""
    if sys.path[0] == os.path.dirname(__file__):  # noqa: PTH120 - what Python itself put there
        del sys.path[0]  # this folder is no business of the author's imports
    with os.fdopen(int(sys.argv[1]), "rb") as given:
        request = json.loads(given.read())
    code, answer = run(request)
    with os.fdopen(int(sys.argv[2]), "wb") as left:
        left.write(json.dumps(answer).encode())
    return code


def run(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Call the function that a request holds; returns an exit code and the answer."""
    try:
        value = _called(request)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        return code, {"exit": repr(error.code)}
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is the answer
        return 0, _fault(error)
    try:
        return 0, {"value": to_plain(value)}
    except (TypeError, ValueError, RecursionError) as error:
        return 0, {"unfit": str(error)}


def _called(request: dict[str, Any]) -> Any:  # noqa: ANN401 - any value
    import __future__  # noqa: PLC0415 - what the function's own annotations name need not be here

    text, line = request["text"], request["line"]
    if text[:1].isspace():
        text, line = "if True:\n" + text, line - 1
    flags = __future__.annotations.compiler_flag
    code = compile("\n" * (line - 1) + text, request["file"], "exec", flags=flags, dont_inherit=True)
    names: dict[str, Any] = {"__name__": "penstock_task"}
    exec(code, names)  # noqa: S102 - the author's own function
    found = names[request["name"]](*from_plain(request["args"]), **from_plain(request["kwargs"]))
    if hasattr(found, "__await__"):
        import asyncio  # noqa: PLC0415 - only an async function needs it

        return asyncio.run(_awaited(found))
    return found


async def _awaited(found: Any) -> Any:  # noqa: ANN401 - any value
    return await found


def _fault(error: BaseException) -> dict[str, Any]:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    lines = traceback.format_exception(type(error), error, frames)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the error's own code
        text = "(its text cannot be had)"
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return {"kinds": kinds, "error": text, "traceback": "".join(lines)}


def to_plain(value: Any) -> Any:  # noqa: ANN401 - any value
    """Make a value of JSON's own types; raises TypeError if it has no such form."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind in _NUMBERS:
        return _NUMBERS[kind](value)
    if kind in (list, dict, tuple, set, frozenset):
        return _plain_holder(value, kind)
    if kind in _WRITERS:
        return _tagged(_NAMES[kind], _WRITERS[kind](value))
    for base, as_base in _BASES.items():  # of a subclass counts what it is equal to
        if isinstance(value, base):
            return to_plain(as_base(value))
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a number of NumPy's
        return to_plain(value.item())
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__} has no JSON form. {_ADVICE}")


def _plain_holder(value: Any, kind: type) -> Any:  # noqa: ANN401 - any value
    if kind is list:
        return [to_plain(each) for each in value]
    if kind is not dict:
        return _tagged(kind.__name__, [to_plain(each) for each in value])
    if all(type(key) is str for key in value) and TAG not in value:
        return {key: to_plain(each) for key, each in value.items()}
    return _tagged("dict", [[to_plain(key), to_plain(each)] for key, each in value.items()])


def _tagged(name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {TAG: name, "value": value}


def from_plain(value: Any) -> Any:  # noqa: ANN401 - any value
    """Make the value of its plain form."""
    if isinstance(value, list):
        return [from_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    tag = value.get(TAG)
    if isinstance(tag, str) and len(value) == 2 and "value" in value:
        if tag in _READERS:
            return _READERS[tag](value["value"])
        if tag in _HOLDERS:
            return _HOLDERS[tag](from_plain(value["value"]))
    return {key: from_plain(each) for key, each in value.items()}


def _write_zoned(value: Any) -> str:  # noqa: ANN401 - a datetime or a time
    key = getattr(value.tzinfo, "key", None)
    return f"{value.isoformat()}[{key}]" if key else value.isoformat()


def _read_datetime(text: str) -> datetime:
    written, zone = _zoned(text)
    found = datetime.fromisoformat(written)
    for second in (0, 1) if zone is not None else ():
        zoned = found.replace(tzinfo=zone, fold=second)
        if zoned.utcoffset() == found.utcoffset():
            return zoned
    return found


def _read_time(text: str) -> time:
    written, zone = _zoned(text)
    found = time.fromisoformat(written)
    return found if zone is None else found.replace(tzinfo=zone)


def _zoned(text: str) -> tuple[str, Any]:
    written, _, key = text.partition("[")
    if not key:
        return written, None
    try:
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - not before Python 3.9

        return written, ZoneInfo(key.rstrip("]"))
    except (ImportError, KeyError, ValueError, OSError):
        return written, None


_NAMES: dict[type, str] = {
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "timedelta",
    bytes: "bytes",
    Decimal: "decimal",
    UUID: "uuid",
}
_WRITERS: dict[type, Callable[[Any], Any]] = {
    datetime: _write_zoned,
    date: date.isoformat,
    time: _write_zoned,
    timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    bytes: lambda value: base64.b64encode(value).decode(),
    Decimal: str,
    UUID: str,
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _read_datetime,
    "date": date.fromisoformat,
    "time": _read_time,
    "timedelta": lambda value: timedelta(*value),
    "bytes": base64.b64decode,
    "decimal": Decimal,
    "uuid": UUID,
    "float": float,
    "int": lambda value: int(value, 0),
}
_HOLDERS: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}
_NUMBERS: dict[type, Callable[[Any], Any]] = {
    int: lambda value: value if _SMALLEST <= value <= _LARGEST else _tagged("int", hex(value)),
    float: lambda value: value if value - value == 0 else _tagged("float", str(value)),
}
_BASES: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: bytes,
    list: list,
    tuple: tuple,
    dict: dict,
    datetime: lambda value: _read_datetime(_write_zoned(value)),
    date: lambda value: date.fromisoformat(date.isoformat(value)),
    time: lambda value: _read_time(_write_zoned(value)),
}

if __name__ == "__main__":
    sys.exit(main())
