"""Running one command: its module is found, its words are parsed, what it returns is printed."""

from __future__ import annotations

import os
import sys

from penstock_plugin_manager.arguments import session_options
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ERROR, ManagerError, UsageError, did_you_mean
from penstock_plugin_manager.output import Console
from penstock_plugin_manager.registry import COMMANDS, command_parser, overview


def run(words: list[str]) -> int:
    """Run a command and return its exit code; every error that the user can cause ends in one message."""
    name = words[0] if words else ""
    console = Console(json="--json" in words, quiet="--quiet" in words or "-q" in words)
    try:
        return _run(words, console)
    except ManagerError as error:
        console.fail(name, error)
        return error.code
    except KeyboardInterrupt:
        console.fail(name, ManagerError("Interrupted; the environment is as it was before."))
        return ERROR
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        console.fail(
            name, ManagerError(f"The system refuses: {error.strerror or error}{place}.", "Mend that and try again.")
        )
        return ERROR


def _run(words: list[str], console: Console) -> int:
    if not words or words[0] in {"-h", "--help", "help"}:
        console.print(overview())
        return 0
    if words[0] in {"-V", "--version"}:
        console.print([_version()])
        return 0
    name = words[0]
    if name not in COMMANDS:
        raise UsageError(f"{name!r} is no command.", did_you_mean(name, list(COMMANDS)) or "See plugin-manager --help.")
    parser, run_command = command_parser(name)
    options = parser.read(words[1:])
    result = run_command(options, Session(session_options(options), console))
    console.finish(name, result)
    return int(result.code)


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415  no command needs it

    return f"plugin-manager {version('penstock-plugin-manager')}"
