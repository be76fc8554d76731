"""Decoders that several threads may use from their first moment on.

msgspec describes a struct to itself when something is first decoded into it, keeps that description at the class, and only then fills
it. Another thread that decodes into the same struct meanwhile reads fields that are not there: the process ends by SIGSEGV (seen with
0.22.0; `StructInfo_Convert` in https://github.com/jcrist/msgspec/blob/main/src/msgspec/_core.c, whose critical section is empty where
there is a GIL). Here descriptions are made by one thread at a time and used once they are whole, in a process that was forked as well.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_describing = threading.RLock()  # an annotation may lead to a module that makes decoders when it is imported
_json: dict[object, msgspec.json.Decoder[Any]] = {}
_msgpack: dict[object, msgspec.msgpack.Decoder[Any]] = {}

# A child has no thread that would go on with what another thread had begun.
os.register_at_fork(before=_describing.acquire, after_in_parent=_describing.release, after_in_child=_describing.release)


@overload
def json_decoder(kind: type[T], dec_hook: Callable[[type, Any], Any] | None = None) -> msgspec.json.Decoder[T]: ...
@overload
def json_decoder(kind: object, dec_hook: Callable[[type, Any], Any] | None = None) -> msgspec.json.Decoder[Any]: ...
def json_decoder(kind: Any, dec_hook: Callable[[type, Any], Any] | None = None) -> msgspec.json.Decoder[Any]:
    """A decoder of JSON.

    Args:
        kind: The type of what it makes.
        dec_hook: Makes values of types that msgspec does not know, from the type and what was written.
    """
    with _describing:
        return msgspec.json.Decoder(kind, dec_hook=dec_hook)


@overload
def msgpack_decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]: ...
@overload
def msgpack_decoder(kind: object) -> msgspec.msgpack.Decoder[Any]: ...
def msgpack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """A decoder of MessagePack that makes values of a type."""
    with _describing:
        return msgspec.msgpack.Decoder(kind)


@overload
def decode_json(data: bytes | str, kind: type[T]) -> T: ...
@overload
def decode_json(data: bytes | str, kind: object) -> Any: ...  # noqa: ANN401 - of a type that is known as it runs
def decode_json(data: Any, kind: Any) -> Any:
    """Make a value of a type from JSON; raises msgspec.DecodeError, its ValidationError if it is of another type."""
    if (found := _json.get(kind)) is None:
        found = _json[kind] = json_decoder(kind)
    return found.decode(data)


@overload
def decode_msgpack(data: bytes | bytearray, kind: type[T]) -> T: ...
@overload
def decode_msgpack(data: bytes | bytearray, kind: object) -> Any: ...  # noqa: ANN401 - of a type that is known as it runs
def decode_msgpack(data: Any, kind: Any) -> Any:
    """Make a value of a type from MessagePack; raises msgspec.DecodeError, its ValidationError if it is of another type."""
    if (found := _msgpack.get(kind)) is None:
        found = _msgpack[kind] = msgpack_decoder(kind)
    return found.decode(data)


@overload
def convert(value: object, kind: type[T], *, strict: bool = True) -> T: ...
@overload
def convert(value: object, kind: object, *, strict: bool = True) -> Any: ...  # noqa: ANN401 - of a type that is known as it runs
def convert(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """Make a value of a type from dicts, lists and plain values; raises msgspec.ValidationError.

    Args:
        value: Those.
        kind: The type.
        strict: Whether a text is no number.
    """
    if kind not in _msgpack:
        _msgpack[kind] = msgpack_decoder(kind)  # describes it
    return msgspec.convert(value, kind, strict=strict)
