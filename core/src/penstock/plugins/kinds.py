"""What the object of a capability must be, by its kind."""

from importlib import import_module
from typing import Any

from penstock_manifest.kinds import KINDS


def kind_problem(kind: str, target: object) -> str:
    """Say why the object cannot serve as this kind, as the rest of a sentence; "" if it can."""
    module, _, name = KINDS[kind].protocol.partition(":")
    wanted: Any = getattr(import_module(module), name)
    if not getattr(wanted, "_is_protocol", False):
        if isinstance(target, type) and issubclass(target, wanted):
            return ""
        return f"is no subclass of penstock.{name}"
    if "__call__" in vars(wanted) and not callable(target):
        return f"is a {type(target).__name__}, and cannot be called"
    methods = [each for each, value in vars(wanted).items() if callable(value) and not each.startswith("_")]
    missing = [each for each in methods if not callable(getattr(target, each, None))]
    return f"lacks the methods {', '.join(missing)} of {module}.{name}" if missing else ""
