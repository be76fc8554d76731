"""``[executors]``: which executors there are."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.decoders import convert
from penstock.errors import RequestError
from penstock.model.values.wrong_value import wrong_value
from penstock.settings.choices import read_choice
from penstock.settings.executor import ExecutorSettings
from penstock.spec.executor import LOCAL


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
    chosen = ExecutorChoice(*read_choice("executors", "executor", name, value, instead=LOCAL))
    if chosen.type == LOCAL:
        _check_local(name, chosen.options)
    elif name == LOCAL:
        raise RequestError(f"executor {name!r} runs on this machine; give {chosen.type!r} another name.")
    return chosen


def _check_local(name: str, options: Mapping[str, Any]) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(ExecutorSettings)}
    for key, value in options.items():
        if key not in fields:
            raise RequestError(
                f"executor {name!r}: {key!r} is no option of it. Known are: {', '.join(sorted(fields))}."
            )
        try:
            convert(value, fields[key])
        except msgspec.ValidationError as error:
            raise RequestError(f"executor {name!r}: {key}: {wrong_value(error, fields[key])}") from None
