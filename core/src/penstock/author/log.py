"""A logger for operators and hooks, as Airflow's have one."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


class LoggingMixin:
    """The base of classes whose code logs with ``self.log``."""

    @cached_property
    def log(self) -> "Logger":
        """A logger of the class's name; what is logged from INFO on is in the log of the try."""
        import logging  # noqa: PLC0415 - only code that logs needs it

        return logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")
