"""The rules of a task (retries, limits, trigger rule) as the author gave them, their check and their values."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.errors import did_you_mean
from penstock.model.state import TriggerRule

if TYPE_CHECKING:
    from penstock.model.retry import RetryPolicy


class TaskRules(NamedTuple):
    """What every task takes besides its own arguments; see `penstock.Operator` for their meanings and defaults."""

    retries: int
    retry_delay: timedelta | float
    retry_exponential_backoff: bool | float
    max_retry_delay: timedelta | float | None
    retry_jitter: float | None
    execution_timeout: timedelta | float | None
    trigger_rule: str
    pool: str
    pool_slots: int
    priority_weight: int
    queue: str
    max_active_tis_per_dagrun: int | None

    def problems(self) -> Iterator[str]:
        """Check them; a sentence for each that is wrong."""
        yield from integer_problems(self.retries, "retries", least=0)
        yield from integer_problems(self.pool_slots, "pool_slots", least=1)
        yield from integer_problems(self.priority_weight, "priority_weight", least=None)
        yield from duration_problems(self.retry_delay, "retry_delay", zero=True)
        if self.max_retry_delay is not None:
            yield from duration_problems(self.max_retry_delay, "max_retry_delay")
        if self.execution_timeout is not None:
            yield from duration_problems(self.execution_timeout, "execution_timeout")
        if self.max_active_tis_per_dagrun is not None:
            yield from integer_problems(self.max_active_tis_per_dagrun, "max_active_tis_per_dagrun", least=1)
        for name in ("pool", "queue"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                yield f"{name} is {getattr(self, name)!r}; write the name of a {name}."
        if self.retry_jitter is not None and not (is_number(self.retry_jitter) and 0 <= self.retry_jitter <= 1):
            yield f"retry_jitter is {self.retry_jitter!r}; write a number from 0 to 1."
        backoff = self.retry_exponential_backoff
        if not isinstance(backoff, bool) and (not is_number(backoff) or backoff < 1):
            yield f"retry_exponential_backoff is {backoff!r}; write True, False, or a factor of at least 1."
        known = list(map(str, TriggerRule))
        if self.trigger_rule not in known:
            advice = did_you_mean(self.trigger_rule, known, otherwise=f"The rules are: {', '.join(known)}.")
            yield f"there is no trigger rule {self.trigger_rule!r}. {advice}"

    def timeout_s(self) -> float | None:
        """Return the time that a try may run, in seconds."""
        return None if self.execution_timeout is None else seconds(self.execution_timeout)

    def retry_policy(self) -> "RetryPolicy":
        """Convert the retries to a value of the model."""
        from penstock.model.retry import GROWING_JITTER, RetryPolicy  # noqa: PLC0415 - only a build needs msgspec

        growth = self.retry_exponential_backoff
        backoff = (2.0 if growth else 1.0) if isinstance(growth, bool) else float(growth)
        jitter = self.retry_jitter
        return RetryPolicy(
            retries=self.retries,
            delay_s=seconds(self.retry_delay),
            backoff=backoff,
            max_delay_s=None if self.max_retry_delay is None else seconds(self.max_retry_delay),
            jitter=float(jitter) if jitter is not None else GROWING_JITTER if backoff > 1 else 0.0,
        )


def seconds(value: timedelta | float) -> float:
    """Convert a duration to seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def is_number(value: Any) -> bool:  # noqa: ANN401 - what an author wrote
    """Return whether a value is an int or float and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer_problems(value: Any, name: str, *, least: int | None) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        yield f"{name} is {value!r}; write a whole number{bound}."


def duration_problems(value: Any, name: str, *, zero: bool = False) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value is a duration, longer than zero unless ``zero`` is allowed."""
    if not isinstance(value, timedelta) and not is_number(value):
        yield f"{name} is {value!r}; write a timedelta or a number of seconds."
    elif seconds(value) < 0 or (seconds(value) == 0 and not zero):
        yield f"{name} is {value!r}; write a time {'of zero or more' if zero else 'longer than zero'}."
