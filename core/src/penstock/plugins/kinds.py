"""What the object of a capability must be, by its kind."""

from typing import Any

import penstock
from penstock.spec.executor import Executor
from penstock.spec.object_store import ObjectStore

_BASES = {"hooks": "Hook", "operators": "Operator", "sensors": "Sensor"}
_PROTOCOLS: dict[str, Any] = {"executors": Executor, "object_stores": ObjectStore}


def kind_problem(kind: str, target: object) -> str:
    """Why the object cannot serve as this kind, as the rest of a sentence; "" if it can."""
    if kind in _BASES:
        base = getattr(penstock, _BASES[kind])
        if not isinstance(target, type) or not issubclass(target, base):
            return f"is no subclass of penstock.{_BASES[kind]}"
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
