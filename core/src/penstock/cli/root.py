"""The tree of commands, each imported when it is called, and the one catch at its top."""

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from penstock import __version__
from penstock.errors import ExitCode, InternalError, NotFoundError, PenstockError, nearest

REPORT = (
    "Please report it, with this message, to the project's issue tracker. PENSTOCK_TRACEBACK=1 shows where it happened."
)

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init:init", "Make a project here: penstock.toml, a DAGs folder, the database, the key."),
    "up": ("up:up", "Run everything: scheduler, local executor, loader, waiters."),
    "dags": ("dags:dags", "List, show, trigger, pause and test DAGs."),
    "runs": ("runs:runs", "List, show, cancel and clear runs."),
    "tasks": ("tasks:tasks", "List, explain, clear and mark task instances; read their logs."),
    "connections": ("connections:connections", "Addresses and credentials of services."),
    "variables": ("variables:variables", "Texts that DAGs read."),
    "pools": ("pools:pools", "Slots that tasks share."),
    "providers": ("providers:providers", "List and show what is installed beside the core."),
    "quarantine": ("quarantine:quarantine", "What the scheduler could not handle and has put aside."),
    "db": ("db:db", "Check and upgrade the database; rotate its keys."),
    "config": ("settings:config", "Show the settings."),
    "doctor": ("doctor:doctor", "Look for what is wrong with this installation."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of a user's day."""
        return list(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed.

        Raises:
            UsageError: There is none of this name; the nearest one is offered.
        """
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = nearest(name, _COMMANDS)
            raise click.UsageError(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """What the command returns, or the code of a broken pipe, which click would end as a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return _silent()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command, imported."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"penstock.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The list for ``--help``, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, doc) for name, (_, doc) in _COMMANDS.items()])


_EXIT_CODES = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


@click.group(
    cls=LazyGroup,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="penstock", message="%(prog)s %(version)s")
def root() -> None:
    """Penstock: a workflow orchestrator with a slim core."""


def run(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit code; an error is printed on stderr, never as a traceback."""
    environ = os.environ if environ is None else environ
    try:
        result = root.main(list(arguments), prog_name="penstock", standalone_mode=False, obj=environ)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _silent()
    except PenstockError as error:
        return _print_error(error, arguments, environ)
    except Exception as error:  # noqa: BLE001 - a bug ends in a sentence, too
        bug = InternalError(f"{type(error).__name__}: {error}")
        bug.__cause__ = error
        return _print_error(bug, arguments, environ)


def _silent() -> int:
    """Who read the output has enough; nothing more can be said, not even by the interpreter at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.BROKEN_PIPE


def _print_error(error: PenstockError, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    code = ExitCode.of(type(error))
    if environ.get("PENSTOCK_TRACEBACK") == "1":
        traceback.print_exception(error)
    message = str(error) + (f"\n{REPORT}" if code is ExitCode.BUG else "")
    if "--json" in arguments:
        content = {"error": {"kind": type(error).__name__, "message": message, "exit_code": code}}
        if isinstance(error, NotFoundError):
            content["error"]["near"] = list(error.near)
        click.echo(msgspec.json.encode(content).decode(), err=True)
    else:
        title = "a bug in Penstock" if code is ExitCode.BUG else "error"
        click.echo(click.style(f"{title}: ", fg="red", bold=True) + message, err=True)
    return code
