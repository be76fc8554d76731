"""What user code logs with `logging`, written to standard output from the moment it imports that module.

Nothing of Penstock that runs tries imports it before: what it does at each fork costs a try's process 30 pages.
"""

import importlib.util
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""`penstock.model.logs.log_line` takes it apart again."""


def line_formatter(logging: Any) -> Any:  # noqa: ANN401 - the module, and an object of it
    """A formatter of the lines in logs: the instant in UTC with its milliseconds, level, logger and text."""
    formatter = logging.Formatter(_LINE)
    formatter.default_time_format, formatter.default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"
    formatter.converter = time.gmtime
    return formatter


def log_to_stdout(logging: Any) -> None:  # noqa: ANN401 - the module
    """Write what is logged from INFO on to standard output, unless somebody has configured the module before."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(line_formatter(logging))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def write_log_lines() -> None:
    """Write what is logged to standard output, now or as soon as `logging` is imported."""
    if logging := sys.modules.get("logging"):
        log_to_stdout(logging)
    else:
        sys.meta_path.insert(0, _ImportListener())


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
                log_to_stdout(module)

            found.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader of this one module
        return found
