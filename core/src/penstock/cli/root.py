"""The tree of commands, each imported when it is called, and the one catch at its top."""

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import click

from penstock import __version__
from penstock.cli import streams
from penstock.cli.airflow_commands import here
from penstock.cli.terminal import VisibleContext, json_text, print_line, print_remark
from penstock.errors import ExitCode, InternalError, NotFoundError, PenstockError, nearest
from penstock.model.values.address_secrets import without_url_secrets

REPORT = (
    "Please report it, with this message, to the project's issue tracker. PENSTOCK_TRACEBACK=1 shows where it happened."
)

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("start.project:init", "Make a project here: penstock.toml, a DAGs folder, the database, the key."),
    "up": ("start.project:up", "Run everything: scheduler, local executor, loader, waiters."),
    "drain": ("schedulers.drain:drain", "Let what runs end, begin nothing more, and end `penstock up`."),
    "worker": ("workers.worker:worker", "Run tries of a remote executor of a server on this machine."),
    "dags": ("dags:dags", "List, show, trigger, pause, test and delete DAGs."),
    "runs": ("runs:runs", "List, show, cancel, clear, mark and delete runs."),
    "backfills": ("backfills.commands:backfills", "Run dates of the past: plan, start, watch, pause, cancel."),
    "tasks": ("tasks:tasks", "List, explain, clear and mark task instances; read their logs."),
    "logs": ("logs.commands:logs", "Look into logs: lines of one, places in one, and search in all."),
    "connections": ("config.connections:connections", "Addresses and credentials of services."),
    "variables": ("config.variables:variables", "Texts that DAGs read."),
    "pools": ("config.pools:pools", "Slots that tasks share."),
    "executors": ("config.executors:executors", "Where tries run."),
    "tenants": ("config.tenants:tenants", "Who shares the installation, and how."),
    "providers": ("providers:providers", "List and show what is installed beside the core."),
    "schedulers": ("schedulers.schedulers:schedulers", "Those that decide what runs, and where they are."),
    "workers": ("workers.workers:workers", "Where tries of remote executors run, and which are to leave."),
    "services": ("services:services", "Long-running parts of providers that `penstock up` keeps alive."),
    "assets": ("assets.commands:assets", "Data that tasks make and DAGs wait for, and its events."),
    "state": ("history.state:state", "What tasks and assets keep from run to run."),
    "alerts": ("alerts.commands:alerts", "Who is told of what; test where alerts go."),
    "audit": ("history.audit:audit", "Who has asked for what, and why."),
    "export": ("history.export:export", "Write what is stored of the past as lines, for other programs."),
    "queues": ("config.queues:queues", "What waits in queues, and the workers that wants."),
    "quarantine": ("quarantine:quarantine", "What the scheduler could not handle and has put aside."),
    "db": ("database.db:db", "Check, upgrade and copy the database, delete what is old; rotate its keys."),
    "config": ("config.settings:config", "Show the settings."),
    "doctor": ("doctor:doctor", "Look for what is wrong with this installation."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    context_class = VisibleContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a user's day, those of providers last."""
        return [*_COMMANDS, *(name for name in _of_providers(ctx) if name not in _COMMANDS)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed.

        Raises:
            UsageError: There is none of this name; what does it here if it is Airflow's, else the nearest one, is offered.
        """
        name = args[0]
        if not ctx.resilient_parsing and (instead := here(args)):
            raise click.UsageError(f"That is a command of Airflow's. Here it is: {instead}", ctx)
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            near = nearest(name, self.list_commands(ctx))
            raise click.UsageError(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """What the command returns, or the code of a broken pipe, which click would end as a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            streams.silence()
            return ExitCode.BROKEN_PIPE

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; those of a provider, made from its manifest, if none of Penstock's own has the name."""
        if cmd_name not in _COMMANDS:
            from penstock.cli.provided.provider_commands import provider_command  # noqa: PLC0415 - few commands are a provider's

            if cmd_name not in ctx.meta:  # click asks twice
                known = ctx.obj is not None and cmd_name.replace("-", "_").isidentifier()
                ctx.meta[cmd_name] = provider_command(ctx, cmd_name) if known else None
            found: click.Command | None = ctx.meta[cmd_name]
            return found
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"penstock.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, doc) for name, (_, doc) in _COMMANDS.items()])
        if found := [(name, doc) for name, doc in _of_providers(ctx).items() if name not in _COMMANDS]:
            with formatter.section("Commands of providers"):
                formatter.write_dl(found)


def _of_providers(ctx: click.Context) -> dict[str, str]:
    """First words of providers' commands, with what each is; none where nobody's settings hold, as for the reference."""
    if ctx.obj is None:
        return {}
    from penstock.cli.provided.provider_names import provider_names  # noqa: PLC0415 - as above

    return provider_names(ctx.obj)


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
        streams.prepare()
        result = root.main(list(arguments), prog_name="penstock", standalone_mode=False, obj=environ)
        with streams.written(sys.stdout):
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        streams.silence()
        return ExitCode.BROKEN_PIPE
    except OSError as error:
        return _print_end(streams.cause(error), arguments, environ)
    except Exception as error:  # noqa: BLE001 - a bug ends in a sentence, too
        return _print_end(error, arguments, environ)
    except KeyboardInterrupt as error:
        return _print_end(error, arguments, environ)


def _print_end(error: BaseException, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Print what ended a command; returns its exit code, whether or not anybody can read why."""
    if isinstance(error, streams.OutputError):
        streams.silence()
    try:
        code = _print_error(error, arguments, environ)
        sys.stdout.flush()
    except (OSError, streams.OutputError):
        # What one of them keeps would fail again at the end, with another exit code.
        streams.silence(sys.stdout, sys.stderr)
        return ExitCode.UNAVAILABLE
    return code


def _print_error(error: BaseException, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    match error:
        case click.exceptions.NoArgsIsHelpError():
            print_line(error.format_message())
            return ExitCode.DONE
        case click.ClickException():
            return _print_message(ExitCode.USAGE, "UsageError", _usage(error), arguments)
        case click.Abort() | KeyboardInterrupt():
            print_remark("interrupted")
            return ExitCode.INTERRUPTED
        case PenstockError():
            known: PenstockError = error
        case _:
            known = InternalError(f"{type(error).__name__}: {error}")
            known.__cause__ = error
    code = ExitCode.of(type(known))
    if environ.get("PENSTOCK_TRACEBACK") == "1":
        traceback.print_exception(known)
    message = str(known) + (f"\n{REPORT}" if code is ExitCode.BUG else "")
    near = list(known.near) if isinstance(known, NotFoundError) else None
    return _print_message(code, type(known).__name__, message, arguments, near=near)


def _print_message(
    code: ExitCode, kind: str, message: str, arguments: Sequence[str], *, near: list[str] | None = None
) -> int:
    message = without_url_secrets(message)
    if "--json" in arguments:
        content = {"kind": kind, "message": message, "exit_code": code}
        print_remark(json_text({"error": content if near is None else {**content, "near": near}}))
    else:
        title = {ExitCode.BUG: "a bug in Penstock", ExitCode.USAGE: ""}.get(code, "error")
        print_remark(f"{title}: {message}" if title else message, title=bool(title))
    return code


def _usage(error: click.ClickException) -> str:
    """The message of a wrong command line, under the usage of its command."""
    context = getattr(error, "ctx", None)
    usage = f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n\n" if context else ""
    return f"{usage}Error: {error.format_message()}"
