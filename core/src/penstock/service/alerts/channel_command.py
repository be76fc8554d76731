"""How the process of an alert channel is started."""

import sys

from penstock.alerts.rules import CALLBACK
from penstock.model.dag import MAILTO
from penstock.model.names import channel_problem
from penstock.plugins.isolated import isolated_pythons
from penstock.settings import Settings

LOG_READER = "logs:"
"""In place of a channel's name: the process reads ends of logs from the log store."""


def channel_command(settings: Settings, name: str) -> list[str]:
    """The program that serves a channel, and its arguments; an isolated provider's code is loaded by its own environment's Python.

    Args:
        settings: The installation.
        name: The channel's name, ``mailto``, or that of functions of one version of a DAG file.

    Raises:
        ConfigError: It cannot be read which providers are isolated.
        LookupError: There is no such channel; the argument is a sentence.
    """
    chosen = settings.notifiers.get(name)
    if chosen is None and name.partition(":")[0] not in (MAILTO, CALLBACK):
        raise LookupError(channel_problem(name, settings.notifiers))
    provider = chosen.type.partition(".")[0] if chosen else ""
    python = isolated_pythons(settings.isolated_file).get(provider, sys.executable) if chosen else sys.executable
    return [python, "-P", "-m", "penstock.app.alert_channel", name]


def log_reader_command() -> list[str]:
    """The program that reads ends of logs from the log store, and its arguments."""
    return [sys.executable, "-P", "-m", "penstock.app.alert_channel", LOG_READER]
