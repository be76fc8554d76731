"""What user code logs with `logging`, written to standard output from the moment it imports that module.

Nothing of Penstock that runs tries imports it before: what it does at each fork costs a try's process 30 pages.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from penstock.processes.output import LOG_LINE


def write_log_lines() -> None:
    """Write what is logged to standard output, now or as soon as `logging` is imported."""
    if logging := sys.modules.get("logging"):
        _configure(logging)
    else:
        sys.meta_path.insert(0, _ImportListener())


def _configure(logging: Any) -> None:  # noqa: ANN401 - the module
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=LOG_LINE)


class _ImportListener:
    """Finds `logging` once, and has it configured when it is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec; None for every other module."""
        del path, target
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(name)
        if found is not None and found.loader is not None:
            execute = found.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _configure(module)

            found.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader of this one module
        return found
