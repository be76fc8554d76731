"""What the object of a capability must be, by its kind."""

from importlib import import_module
from typing import Any

from penstock.spec.executor import Executor
from penstock.spec.object_store import ObjectStore

# By module and name: a process that judges none of them need not import them.
_BASES = {
    "hooks": ("penstock.author.hook", "Hook"),
    "operators": ("penstock.author.operator", "Operator"),
    "sensors": ("penstock.author.sensor", "Sensor"),
}
_PROTOCOLS: dict[str, Any] = {"executors": Executor, "object_stores": ObjectStore}


def kind_problem(kind: str, target: object) -> str:
    """Why the object cannot serve as this kind, as the rest of a sentence; "" if it can."""
    if kind in _BASES:
        module, name = _BASES[kind]
        if not isinstance(target, type) or not issubclass(target, getattr(import_module(module), name)):
            return f"is no subclass of penstock.{name}"
    elif kind in _PROTOCOLS:
        wanted = [
            name for name, value in vars(_PROTOCOLS[kind]).items() if callable(value) and not name.startswith("_")
        ]
        missing = [name for name in wanted if not callable(getattr(target, name, None))]
        if missing:
            return f"lacks the methods {', '.join(missing)} of penstock.spec.{_PROTOCOLS[kind].__name__}"
    elif not callable(target):
        return "cannot be called"
    return ""
