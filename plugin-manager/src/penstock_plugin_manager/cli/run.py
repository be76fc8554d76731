"""Running one command: its module is found, its words are parsed, what it returns is printed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

from penstock_plugin_manager.arguments import session_options
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ERROR, ManagerError, UsageError, did_you_mean
from penstock_plugin_manager.output import Console, Result
from penstock_plugin_manager.registry import COMMANDS, command_parser, overview


def run(words: list[str]) -> int:
    """Run a command and return its exit code; every error that the user can cause ends in one message."""
    name = words[0] if words else ""
    console = Console(json="--json" in words, quiet="--quiet" in words or "-q" in words)
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # what a terminal has no letter for is no reason to fail
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
        refusal = ManagerError(f"The system refuses: {error.strerror or error}{place}.", "Mend that and try again.")
        try:
            console.fail(name, refusal)
        except OSError:  # the document has no place in an output that takes nothing
            with contextlib.suppress(OSError):  # nobody can be told
                Console(json=False, quiet=console.quiet).fail(name, refusal)
        for stream in (sys.stdout, sys.stderr):
            _give_up(stream)
        return ERROR


def _give_up(stream: TextIO) -> None:
    """Send what a stream has kept and cannot write nowhere: the interpreter's last flush would end with a code of its own."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(words: list[str], console: Console) -> int:
    if words[:1] == ["help"] and words[1:2] and not words[1].startswith("-"):
        words = [words[1], "--help"]
    if not words or words[0] in {"-h", "--help", "help"}:
        console.finish("help", Result({"overview": overview()}, overview()))
        return 0
    if words[0] in {"-V", "--version"} or words in (["--json", "--version"], ["--json", "-V"]):
        console.finish("version", Result({"version": _version().rpartition(" ")[2]}, [_version()]))
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
