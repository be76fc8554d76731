"""Reading a connection into a provider's own frozen fields, with every problem reported at once."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from penstock.errors import ConfigError, as_sentence, nearest
from penstock.model.connection import Connection

__all__ = ["CallLimits", "Connection", "ConnectionFields", "read_fields"]

T = TypeVar("T", bound="ConnectionFields")

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class ConnectionFields:
    """The base of the frozen dataclass into which a provider reads its connections.

    Attributes:
        PARTS: For each field that a part of the connection holds the part: ``login``, ``password``, ``host``, ``port`` or
            ``schema``. The others are in its ``extra``.
        SHOWN: The fields that stand in its ``repr``: none that could be a secret.
        POSITIVE: Fields that must be greater than 0.
    """

    __slots__ = ()
    PARTS: ClassVar[Mapping[str, str]] = {}
    SHOWN: ClassVar[tuple[str, ...]] = ()
    POSITIVE: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        """The fields without the secrets."""
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.SHOWN)})"

    def problems(self) -> Iterator[str]:
        """Sentences about fields that do not go together or cannot be right."""
        return iter(())


@dataclasses.dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class CallLimits(ConnectionFields):
    """The fields by which a connection bounds each call to its service.

    Attributes:
        connect_timeout_s: Seconds to wait for a connection.
        read_timeout_s: Seconds to wait for each part of an answer.
        deadline_s: Seconds after which a call is not repeated any more.
        max_attempts: Attempts of a call, the first included.
    """

    POSITIVE: ClassVar[tuple[str, ...]] = ("connect_timeout_s", "read_timeout_s", "deadline_s", "max_attempts")

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    deadline_s: float = 120.0
    max_attempts: int = 5


def read_fields(connection: Connection, fields: type[T]) -> T:
    """The connection as a provider's frozen dataclass.

    Each field is taken from its part of the connection (`ConnectionFields.PARTS`) if that is not empty, else from the
    connection's ``extra``, else it keeps its default. Texts, as a URI gives them, are converted to the field's type
    (``str``, ``int``, ``float``, ``bool``, ``Literal`` or one of these ``| None``).

    Args:
        connection: What was configured.
        fields: A frozen dataclass on `ConnectionFields`.

    Raises:
        penstock.errors.ConfigError: Unknown fields, with the nearest right name; missing, wrong and contradictory ones.
    """
    known = {field.name: field for field in dataclasses.fields(fields)}  # type: ignore[arg-type]  # a dataclass, by contract
    hints = typing.get_type_hints(fields)
    given = {
        name: value
        for source in (connection.extra, {name: getattr(connection, part) for name, part in fields.PARTS.items()})
        for name, value in source.items()
        if value not in ("", None)
    }
    problems, values = list(_unknown(given, known)), dict[str, Any]()
    for name, field in known.items():
        if name in given:
            try:
                values[name] = _converted(given[name], hints[name])
            except ValueError as error:
                problems.append(f"{name} {error}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(f"{name} is missing")
    made = None
    if not problems:
        made = fields(**values)
        problems += [*_not_positive(made), *made.problems()]
    if problems or made is None:
        raise ConfigError(
            f"connection {connection.conn_id!r} ({connection.conn_type}): {as_sentence('; '.join(problems))}"
        )
    return made


def _not_positive(made: ConnectionFields) -> Iterator[str]:
    for name in made.POSITIVE:
        if not 0 < getattr(made, name) < float("inf"):
            yield f"{name} must be greater than 0"


def _unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    for name in given:
        if name not in known:
            near = nearest(name, known)
            yield f"{name!r} is no field of it" + (f", did you mean {near[0]!r}?" if near else "")


def _converted(value: object, hint: Any) -> object:  # noqa: ANN401 - an annotation
    """The value in the field's type; raises ValueError with the rest of a sentence, which never shows the value."""
    alternatives = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    wanted = [each for each in alternatives if each is not type(None)]
    for each in wanted:
        found = _as(value, each)
        if found is not None:
            return found
    raise ValueError("must be " + " or ".join(_words(each) for each in wanted))


def _as(value: object, wanted: Any) -> Any:  # noqa: ANN401 - an annotation, and a value of its type
    if typing.get_origin(wanted) is typing.Literal:
        return value if value in typing.get_args(wanted) else None
    plain = typing.get_origin(wanted) or wanted
    if isinstance(value, bool) or plain is bool:
        return _as_bool(value) if plain is bool else None
    if isinstance(value, plain):
        return value
    if plain in (int, float) and isinstance(value, str | int):
        try:
            return float(value) if plain is float else int(value)
        except ValueError:
            return None
    return None


def _as_bool(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _words(wanted: Any) -> str:  # noqa: ANN401 - an annotation
    if typing.get_origin(wanted) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(wanted)))
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(wanted, getattr(wanted, "__name__", str(wanted)))
