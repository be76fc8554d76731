"""The table of all operations, found where they are defined."""

import importlib
import pkgutil
from functools import cache

import penstock.service
from penstock.service.operations.operation import Operation


def operations() -> list[Operation]:
    """Every operation, by path and method; imports all of the service, which a command does not need."""
    return list(_found())


@cache
def _found() -> tuple[Operation, ...]:
    found = set()
    for module in pkgutil.walk_packages(penstock.service.__path__, "penstock.service."):
        for value in vars(importlib.import_module(module.name)).values():
            known = getattr(value, "operation", None)
            if isinstance(known, Operation):
                found.add(known)
    return tuple(sorted(found, key=lambda each: (each.path, each.method)))
