"""The names that commands take: never empty, completed by the shell from what is stored, and those that make up a task."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import click
from click.shell_completion import CompletionItem

from penstock.cli.installation import anywhere
from penstock.errors import PenstockError

_TIMEOUT_S = 2.0
"""Seconds for which a shell waits for the names that a server has."""


class NameType(click.ParamType):  # type: ignore[type-arg]  # it is generic in newer versions of click alone
    """A name of something.

    Args:
        kind: What is completed, of `penstock.service.choices.known_names.known_names`; "" for nothing.
    """

    name = "text"

    def __init__(self, kind: str = "") -> None:
        self._kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take any text but the empty one: an unset variable of a shell must not mean the newest, or all."""
        if not value:
            self.fail("it is empty. Name one, or leave it out.", param, ctx)
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(f"{value!a} is no UTF-8 text, as each name is.", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """The names that begin with what was typed; none if there is no database, or it cannot be read."""
        from penstock.service.choices.known_names import known_names  # noqa: PLC0415 - commands that complete nothing need not wait

        found: list[str] = []
        with suppress(PenstockError), anywhere(ctx, timeout_s=_TIMEOUT_S) as installation:
            if installation.remote is not None or installation.has_database:
                dag_id = str(ctx.params.get("dag_id") or "")
                found = known_names(installation, self._kind, dag_id=dag_id, prefix=incomplete)
        return [CompletionItem(name) for name in found if name.isprintable()]


PLAIN = NameType()
DAG, RUN, TASK, CONNECTION, VARIABLE, POOL, PROVIDER, ASSET = map(
    NameType, ("dag", "run", "task", "connection", "variable", "pool", "provider", "asset")
)

Command = Callable[..., Any]

_INSTANCE = re.compile(r"([^\[]+)\[(.+)\]", re.DOTALL)

run_option = click.option(
    "--run", "run_id", type=RUN, default=None, help="The run; the newest of the DAG unless given."
)
index_option = click.option(
    "--index", type=click.IntRange(0), default=None, help="One instance of a mapped task, by its number."
)


def one_task(command: Command) -> Command:
    """The arguments that name a task: DAG, task, run and index; ``TASK_ID[INDEX]`` and ``TASK_ID[KEY]``, as tables show them, serve too.

    The command is given ``map_index``: a number, the text in the brackets, or None. `penstock.service.names.index_of` finds the number.
    """

    @wraps(command)
    def named(*arguments: Any, task_id: str, index: int | None, run_id: str | None, **options: Any) -> Any:  # noqa: ANN401 - passed on
        task_id, map_index = named_instance(task_id, index)
        return command(*arguments, task_id=task_id, map_index=map_index, run_id=run_id or "", **options)

    wrapped: Command = named
    for wrap in (
        index_option,
        run_option,
        click.argument("task_id", type=TASK),
        click.argument("dag_id", type=DAG),
    ):
        wrapped = wrap(wrapped)
    return wrapped


def named_instance(task_id: str, index: int | None) -> tuple[str, int | str | None]:
    """The task, and the index, or the text in brackets, that ``TASK_ID[...]`` and ``--index`` name together.

    Raises:
        UsageError: They name two.
    """
    instance = _INSTANCE.fullmatch(task_id)
    if instance is None:
        return task_id, index
    if index is not None and instance[2] != str(index):
        raise click.UsageError(f"Two instances are named: {task_id!r} and --index {index}. Name one.")
    return instance[1], instance[2] if index is None else index
