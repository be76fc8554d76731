"""``[executors]`` and ``[queues]``: which executors there are, and which one runs the tries of a queue."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.errors import RequestError
from penstock.settings.executor import ExecutorSettings
from penstock.spec.executor import LOCAL

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_CAPABILITY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class ExecutorChoice(msgspec.Struct, frozen=True):
    """``[executors]``: an executor by its name, as ``NAME = "TYPE"`` or as a table with ``type`` and its options.

    Attributes:
        type: ``local``, or the capability id of a provider's executor, such as ``kubernetes.executor``.
        options: What the executor is made with; those of ``local`` are the keys of ``[executor]``, which holds the rest.
    """

    type: str = LOCAL
    options: dict[str, Any] = {}

    @property
    def provided(self) -> bool:
        """Whether a provider brings it; otherwise it runs on this machine."""
        return self.type != LOCAL


def default_executors() -> dict[str, ExecutorChoice]:
    """The executor that is always there."""
    return {LOCAL: ExecutorChoice()}


def read_executor(name: str, value: object) -> ExecutorChoice:
    """Read one entry of ``[executors]``; raises RequestError with what is wrong with it."""
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"executor {name!r}: a name has lower-case letters, digits, - and _, and begins with a letter."
        )
    table = {"type": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        raise RequestError(
            f'executor {name!r}: write {name} = "local", the id of an installed executor, or a table with a `type`.'
        )
    chosen = ExecutorChoice(table["type"], {key: inner for key, inner in table.items() if key != "type"})
    if chosen.type == LOCAL:
        _check_local(name, chosen.options)
    elif not _CAPABILITY.fullmatch(chosen.type):
        raise RequestError(
            f'executor {name!r}: type {chosen.type!r} is neither "local" nor an id such as kubernetes.executor.'
        )
    elif name == LOCAL:
        raise RequestError(f"executor {name!r} runs on this machine; give {chosen.type!r} another name.")
    return chosen


def read_queue(queue: str, value: object, executors: Mapping[str, ExecutorChoice]) -> str:
    """Read one entry of ``[queues]``; raises RequestError with what is wrong with it."""
    if not isinstance(value, str) or value not in executors:
        known = ", ".join(sorted(executors))
        raise RequestError(f"queue {queue!r}: there is no executor {value!r} in [executors]. Known are: {known}.")
    return value


def _check_local(name: str, options: Mapping[str, Any]) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(ExecutorSettings)}
    for key, value in options.items():
        if key not in fields:
            raise RequestError(
                f"executor {name!r}: {key!r} is no option of it. Known are: {', '.join(sorted(fields))}."
            )
        try:
            msgspec.convert(value, type=fields[key])
        except msgspec.ValidationError as error:
            raise RequestError(f"executor {name!r}: {key}: {str(error)[:1].lower()}{str(error)[1:]}.") from None
