"""Sensors: tasks that wait until something is so, without holding a slot while they wait."""

from collections.abc import Awaitable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from penstock.author.construct.signature import accepted_arguments
from penstock.author.construct.task_rules import duration_problems, plain_value
from penstock.author.operator import Operator

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class PokeResult(NamedTuple):
    """What a poke found: whether the wait is over, and the value that the task then leaves for others."""

    done: bool
    value: Any = None


class PokeReturnValue(PokeResult):
    """`PokeResult` by the names that its parts have in Airflow: ``is_done`` and ``xcom_value``."""

    __slots__ = ()

    def __new__(cls, is_done: bool, xcom_value: Any = None) -> "PokeReturnValue":  # noqa: ANN401, FBT001 - Airflow's own
        """Make a `PokeResult`."""
        return super().__new__(cls, is_done, xcom_value)


class Sensor(Operator):
    """A task that waits: `poke` looks once, and is called again after every interval until it says so.

    Waiting sensors share a few processes, so a poke must be short: one request with a timeout. It may be an ``async
    def``.

    Args:
        poke_interval: Time between two pokes, as timedelta or seconds.
        timeout: From the first poke, until the wait is given up.
        soft_fail: Whether giving up marks the task skipped instead of failed.
        mode: ``poke`` or ``reschedule``, accepted for Airflow's sake: no sensor holds a slot here.
        **kwargs: What every task takes.

    Attributes:
        is_job: Whether it waits for work of its own, as `penstock.spec.external_job.ExternalJob` does: then
            ``execution_timeout`` ends the wait, too, and a wait that was given up is tried again as any other failure.
    """

    _OVERRIDABLE: ClassVar[frozenset[str]] = frozenset({"poke", "poke_key", "waits"})
    is_job: ClassVar[bool] = False
    MODES: ClassVar[tuple[str, ...]] = ("poke", "reschedule")

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60.0,
        timeout: timedelta | float = timedelta(days=7),
        soft_fail: bool = False,
        mode: str = "poke",
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval, self.timeout, self.soft_fail, self.mode = poke_interval, timeout, soft_fail, mode

    def poke(self, context: "Context") -> "bool | PokeResult | Awaitable[bool | PokeResult]":
        """Look once: whether the wait is over, or a `PokeResult` that carries a value too."""
        raise NotImplementedError(f"{type(self).__name__} has no poke()")

    def poke_key(self) -> str | None:
        """What identical pokes have in common, so that one stands for all; None if this poke is like no other.

        By default the class and the rendered arguments. A poke that reads its context is never shared, whatever its
        key.
        """
        from penstock.model.values.not_serialisable import NotSerialisableError  # noqa: PLC0415 - as above
        from penstock.model.values.value import encode  # noqa: PLC0415 - only a waiter needs it

        own = accepted_arguments(Sensor)
        arguments = {name: getattr(self, name, value) for name, value in self._arguments.items() if name not in own}
        try:
            return f"{type(self).__module__}:{type(self).__qualname__}:{encode(sorted(arguments.items())).decode()}"
        except NotSerialisableError:
            return None

    @property
    def waits(self) -> bool:
        """Whether this very task waits by pokes; a subclass may have ways to work that do not."""
        return True

    def _fallback(self, arguments: dict[str, Any]) -> None:
        super()._fallback(arguments)
        self.poke_interval, self.timeout, self.soft_fail, self.mode = 60.0, 604800.0, False, "poke"

    def _rule_problems(self) -> Iterator[tuple[str, str]]:
        yield from super()._rule_problems()
        yield from waiting_problems(vars(self))
        for name in self.around() if self.waits else ():
            yield (
                name,
                f"a task that waits is poked again and again, and takes no {name}. Put the code into a task beside it.",
            )


def waiting_problems(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Check the arguments by which a sensor waits, of which some may be missing; the name and a sentence for each fault."""
    for name in ("poke_interval", "timeout"):
        if name in arguments:
            yield from ((name, problem) for problem in duration_problems(plain_value(arguments[name]), name))
    mode = arguments.get("mode", "poke")
    if mode not in Sensor.MODES:
        yield "mode", f"mode is {mode!r}; write 'poke' or 'reschedule'."
