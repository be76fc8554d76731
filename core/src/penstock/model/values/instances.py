"""Instances of classes that say which fields they have: dataclasses, `msgspec.Struct`, models of Pydantic, members of enums.

An instance is written as the name of its class and its fields, and made again from both. The ``__init__`` of a dataclass or a
model is not called for that: what it checks or works out was done when the value was left. A Struct cannot be made otherwise.
"""

import sys
from collections.abc import Callable
from enum import Enum
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from penstock.errors import FailTask, as_sentence
from penstock.model.values.not_serialisable import NotSerialisableError


class _Kind(NamedTuple):
    """How instances of a kind of class are read and made.

    Attributes:
        fields: The fields of an instance, by name.
        names: The fields of a class.
        defaults: What makes the fields of a class that need not be given, by name.
        make: Makes an instance of all fields.
    """

    fields: Callable[[Any], dict[str, Any]]
    names: Callable[[Any], list[str]]
    defaults: Callable[[Any], dict[str, Callable[[], Any]]]
    make: Callable[[Any, dict[str, Any]], Any]


def taken_apart(value: Any) -> tuple[str, dict[str, Any]] | None:  # noqa: ANN401 - any value
    """The name of an instance's class, as ``module:name``, and its fields; None if its class does not say them.

    Raises:
        NotSerialisableError: The class cannot be found by its name, or the instance lacks a field.
    """
    cls = type(value)
    kind = _kind_of(cls)
    if kind is None:
        return None
    if _found_by_name(cls.__module__, cls.__qualname__) is not cls:
        what = f"a {cls.__module__}.{cls.__qualname__}, which cannot be found by this name,"
        raise NotSerialisableError(what, "Define the class at the top of a module, not within a function.")
    try:
        return f"{cls.__module__}:{cls.__qualname__}", kind.fields(value)
    except AttributeError as error:
        what = f"a {cls.__module__}.{cls.__qualname__} without one of its fields"
        raise NotSerialisableError(what, f"Give the field a value: {as_sentence(error)}") from None


def put_together(name: str, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - any instance
    """The instance of a class by name and fields; a field that the class has had since gets its default.

    Raises:
        FailTask: There is no such class here, or its fields are others.
    """
    module, _, qualname = name.partition(":")
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001 - the author's own module, which may raise anything
        raise FailTask(
            f"it is a {name}, and {module} cannot be imported here: {as_sentence(error)} {_ADVICE}"
        ) from None
    cls = _found_by_name(module, qualname)
    kind = _kind_of(cls) if isinstance(cls, type) else None
    if kind is None:
        raise FailTask(f"it is a {name}, and there is no such dataclass, Struct, model or enum here. {_ADVICE}")
    defaults, names = kind.defaults(cls), kind.names(cls)
    if unknown := sorted(set(fields) - set(names)):
        raise FailTask(f"it is a {name} with the field {unknown[0]!r}, which the class does not have here. {_AGAIN}")
    missing = [each for each in names if each not in fields]
    if lacking := [each for each in missing if each not in defaults]:
        raise FailTask(f"it is a {name} without the field {lacking[0]!r}, which the class needs here. {_AGAIN}")
    try:
        return kind.make(cls, {**fields, **{each: defaults[each]() for each in missing}})
    except Exception as error:  # noqa: BLE001 - the author's own class, which may raise anything
        raise FailTask(
            f"it is a {name}, and none can be made of its fields here: {as_sentence(error)} {_AGAIN}"
        ) from None


def _found_by_name(module: str, qualname: str) -> Any:  # noqa: ANN401 - a class, or whatever has this name
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _kind_of(cls: type) -> _Kind | None:
    if issubclass(cls, msgspec.Struct):
        return _STRUCT
    if issubclass(cls, Enum):
        return _ENUM
    if "__dataclass_fields__" in vars(cls):
        return _DATACLASS
    # A model exists only where Pydantic is loaded already.
    model: Any = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return _MODEL if hasattr(model, "model_fields") and issubclass(cls, model) else None


def _fields_of_dataclass(value: Any) -> dict[str, Any]:  # noqa: ANN401 - an instance
    return {name: getattr(value, name) for name in _names_of_dataclass(type(value))}


def _names_of_dataclass(cls: Any) -> list[str]:  # noqa: ANN401 - a class
    from dataclasses import fields  # noqa: PLC0415 - 10 ms, and whoever has a dataclass has it loaded

    return [field.name for field in fields(cls)]


def _defaults_of_dataclass(cls: Any) -> dict[str, Callable[[], Any]]:  # noqa: ANN401 - a class
    from dataclasses import MISSING, fields  # noqa: PLC0415 - as above

    found: dict[str, Callable[[], Any]] = {}
    for field in fields(cls):
        if field.default is not MISSING:
            found[field.name] = _constant(field.default)
        elif field.default_factory is not MISSING:
            found[field.name] = field.default_factory
    return found


def _constant(value: Any) -> Callable[[], Any]:  # noqa: ANN401 - any value
    return lambda: value


def _made_dataclass(cls: type, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - an instance
    made: Any = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(made, name, value)  # a frozen one has no other way
    return made


def _names_of_struct(cls: Any) -> list[str]:  # noqa: ANN401 - a class
    return [field.name for field in msgspec.structs.fields(cls)]


def _defaults_of_struct(cls: Any) -> dict[str, Callable[[], Any]]:  # noqa: ANN401 - a class
    found: dict[str, Callable[[], Any]] = {}
    for field in msgspec.structs.fields(cls):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = _constant(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = field.default_factory
    return found


def _fields_of_model(value: Any) -> dict[str, Any]:  # noqa: ANN401 - a model
    """The fields as they are, not as the model would write them; and what Pydantic keeps besides, if there is any."""
    state = value.__getstate__()
    fields = {name: state["__dict__"][name] for name in type(value).model_fields if name in state["__dict__"]}
    kept = {name: state[name] for name in _BESIDES if state[name]}
    return {**fields, **kept}


def _defaults_of_model(cls: Any) -> dict[str, Callable[[], Any]]:  # noqa: ANN401 - a class
    optional = {name: field for name, field in cls.model_fields.items() if not field.is_required()}
    fields = {
        name: lambda field=field: field.get_default(call_default_factory=True) for name, field in optional.items()
    }
    return {**fields, **{name: _constant(None) for name in _BESIDES}}


def _made_model(cls: Any, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - a model
    made = cls.__new__(cls)
    besides = {name: fields.pop(name) for name in _BESIDES}
    besides["__pydantic_fields_set__"] = besides["__pydantic_fields_set__"] or set()
    if cls.model_config.get("extra") == "allow":
        besides["__pydantic_extra__"] = besides["__pydantic_extra__"] or {}
    made.__setstate__({"__dict__": fields, **besides})
    return made


_BESIDES = ("__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")
_DATACLASS = _Kind(_fields_of_dataclass, _names_of_dataclass, _defaults_of_dataclass, _made_dataclass)
_STRUCT = _Kind(
    lambda value: {name: getattr(value, name) for name in _names_of_struct(type(value))},
    _names_of_struct,
    _defaults_of_struct,
    lambda cls, fields: cls(**fields),
)
_ENUM = _Kind(
    lambda value: {"value": value.value},
    lambda _: ["value"],
    lambda _: {},
    lambda cls, fields: cls(fields["value"]),
)
_MODEL = _Kind(_fields_of_model, lambda cls: [*cls.model_fields, *_BESIDES], _defaults_of_model, _made_model)
_ADVICE = "Define its class in a module that this task can import, or pass on a dict."
_AGAIN = "Clear the task that left it, and it is made again."
