"""What the object of a capability must be, by its kind."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from penstock_manifest.kinds import KINDS


def kind_problem(kind: str, target: object) -> str:
    """Say why the object cannot serve as this kind, as the rest of a sentence; "" if it can."""
    wanted = wanted_of(kind, target)
    module, name = wanted.__module__, wanted.__name__
    if not getattr(wanted, "_is_protocol", False):
        if not (isinstance(target, type) and issubclass(target, wanted)):
            return f"is no subclass of penstock.{name}"
    elif "__call__" in vars(wanted):
        if not callable(target):
            return f"is a {type(target).__name__}, and cannot be called"
        if _is_async(target) and not _may_be_awaited(wanted.__call__):
            return "is declared with `async def`, and nothing awaits it; write it with `def`"
    else:
        missing = [each for each in _methods(wanted) if not callable(getattr(target, each, None))]
        if missing:
            return f"lacks the methods {', '.join(missing)} of {module}.{name}"
    lost = [each for each in _methods(wanted) if _is_async(getattr(target, each, None))]
    lost = [f"{each}()" for each in lost if not _may_be_awaited(getattr(wanted, each))]
    return f"declares {', '.join(lost)} with `async def`, and nothing awaits that; write `def`" if lost else ""


def wanted_of(kind: str, target: object) -> Any:  # noqa: ANN401 - a Protocol or a base class
    """What an object must be; where a base class serves as well as a Protocol, that of which it is a subclass."""
    if KINDS[kind].base and isinstance(target, type):
        base = _named(KINDS[kind].base)
        if issubclass(target, base):
            return base
    return _named(KINDS[kind].protocol)


def _named(path: str) -> Any:  # noqa: ANN401 - as above
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _methods(wanted: type) -> Iterator[str]:
    return (each for each, value in vars(wanted).items() if callable(value) and not each.startswith("_"))


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _may_be_awaited(declared: Any) -> bool:  # noqa: ANN401 - a method of a protocol or a base class
    """Whether what the method returns may be an awaitable, as its declaration says."""
    returned = str(declared.__annotations__.get("return", ""))
    return "Awaitable" in returned or returned in ("Any", "typing.Any")
