"""What constructors and functions take, read from their code: `inspect` costs 10 ms to import."""

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

TAKES_KEYWORDS = 0x08  # CO_VARKEYWORDS of `inspect`
_OWN = "penstock."

_Found = TypeVar("_Found")


def once_a_class(function: Callable[[type], _Found]) -> Callable[[type], _Found]:
    """Keep in each class what a function found about it: it is asked again for every object that an author makes."""
    name = f"_{function.__name__}_found"

    @wraps(function)
    def found(cls: type) -> _Found:
        try:
            kept: _Found = cls.__dict__[name]
        except KeyError:
            kept = function(cls)
            type.__setattr__(cls, name, kept)
        return kept

    return found


@once_a_class
def accepted_arguments(cls: type) -> dict[str, bool]:
    """List a constructor's arguments, each with whether it is required; inherited ones if it takes ``**kwargs``."""
    names: dict[str, bool] = {}
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        code = getattr(unwrapped(init), "__code__", None)
        if code is None:
            continue
        for name, required in parameters_of(unwrapped(init)).items():
            names.setdefault(name, required)
        if not code.co_flags & TAKES_KEYWORDS:
            break
    return names


@once_a_class
def choices(cls: type) -> dict[str, tuple[Any, ...]]:
    """List the arguments of a constructor that are annotated as one of some values (``Literal``), each with these values."""
    found: dict[str, tuple[Any, ...]] = {}
    for base in reversed(cls.__mro__):
        init = unwrapped(base.__dict__.get("__init__"))
        for name, annotation in getattr(init, "__annotations__", {}).items():
            found.pop(name, None)  # a subclass may take more than its base
            if values := _literal_values(_evaluated(annotation, init)):
                found[name] = values
    return found


def _evaluated(annotation: Any, function: Any) -> Any:  # noqa: ANN401 - any annotation of any function
    """What an annotation means; each by itself, as one may use a name that only a type checker imports."""
    if not isinstance(annotation, str):
        return annotation
    alone = SimpleNamespace(__annotations__={"it": annotation})
    try:
        return get_type_hints(alone, globalns=function.__globals__)["it"]
    except Exception:  # noqa: BLE001 - text of an author, which may hold anything
        return None


def _literal_values(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any type
    """The values of a ``Literal``, or of several that are joined, with or without None; none of any other type."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    literals = [part for part in parts if part is not type(None)]
    if any(get_origin(part) is not Literal for part in literals):
        return ()
    return tuple(value for part in literals for value in get_args(part))


@once_a_class
def takes_any(cls: type) -> bool:
    """Return whether a constructor takes arguments of any name."""
    inits = [unwrapped(base.__dict__["__init__"]) for base in cls.__mro__ if "__init__" in base.__dict__]
    codes = [init.__code__ for init in inits if hasattr(init, "__code__")]
    return bool(codes) and all(code.co_flags & TAKES_KEYWORDS for code in codes)


def parameters_of(function: Any) -> dict[str, bool]:  # noqa: ANN401 - any Python function
    """List a Python function's arguments after ``self``, each with whether it must be given."""
    code = function.__code__
    positional_names = code.co_varnames[: code.co_argcount]
    keyword_names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    optional = set(positional_names[len(positional_names) - len(function.__defaults__ or ()) :])
    if not function.__defaults__:
        optional = set()
    optional |= set(function.__kwdefaults__ or ())
    skip = 1 if positional_names[:1] == ("self",) else 0
    return {name: name not in optional for name in (*positional_names[skip:], *keyword_names)}


@once_a_class
def positional_arguments(cls: type) -> list[str]:
    """List a constructor's arguments in the order in which they may be given without a name."""
    code = getattr(unwrapped(cls.__dict__.get("__init__") or cls.__init__), "__code__", None)  # type: ignore[misc] # only read
    return list(code.co_varnames[1 : code.co_argcount]) if code is not None else []


def unwrapped(function: Any) -> Any:  # noqa: ANN401 - any Python function
    """Find the function below its decorators."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


@once_a_class
def defaults_for_none(cls: type) -> dict[str, Any]:
    """List the arguments of our own constructors for which None is no value, each with the default that it stands for.

    Airflow takes None for many arguments, and means the default.
    """
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        init = unwrapped(base.__dict__.get("__init__"))
        if not base.__module__.startswith(_OWN) or getattr(init, "__code__", None) is None:
            continue
        names = init.__code__.co_varnames[: init.__code__.co_argcount]
        by_place = dict(zip(reversed(names), reversed(init.__defaults__ or ()), strict=False))
        for name, default in {**by_place, **(init.__kwdefaults__ or {})}.items():
            if default is not None and "None" not in str(init.__annotations__.get(name)):
                found.setdefault(name, default)
    return found


@once_a_class
def own_parameters(cls: type) -> set[str]:
    """List the arguments that an author's own constructors name."""
    inits = [unwrapped(base.__dict__.get("__init__")) for base in cls.__mro__ if not base.__module__.startswith(_OWN)]
    return {name for init in inits if hasattr(init, "__code__") for name in parameters_of(init)}
