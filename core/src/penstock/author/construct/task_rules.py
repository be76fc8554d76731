"""The rules of a task (retries, limits, trigger rule) as the author gave them, their check and their values."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.author.construct.weight_rule import WeightRule
from penstock.author.construct.weight_strategy import PriorityWeightStrategy
from penstock.errors import did_you_mean
from penstock.model.state import TriggerRule

if TYPE_CHECKING:
    from penstock.model.retry import RetrySpec

LONGEST_S = 100 * 366 * 86400.0
_LONGEST_SHOWN_BITS = 64
MOST = 2**31 - 1
"""The largest whole number that a rule may be: what an INTEGER column of PostgreSQL holds."""
_MAY_BE_ABSENT = (
    "retry_jitter", "max_retry_delay", "execution_timeout", "max_active_tis_per_dag", "max_active_tis_per_dagrun",
)  # fmt: skip
_PLAIN = frozenset({str, int, float, bool, type(None), timedelta})
_RULES, _WEIGHTS = tuple(map(str, TriggerRule)), tuple(map(str, WeightRule))


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
    weight_rule: Any
    queue: str
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    depends_on_past: bool
    wait_for_downstream: bool

    @classmethod
    def of(cls, task: object) -> "TaskRules":
        """Read the rules of a task from its attributes, as plain values."""
        found = cls._make(_read(task))
        return found if _PLAIN.issuperset(map(type, found)) else cls._make(map(plain_value, found))

    def problems(self) -> Iterable[tuple[str, str]]:
        """Check them; the name and a sentence for each that is wrong."""
        return _problems(*self) if _PLAIN.issuperset(map(type, self)) else self._checked()

    def _checked(self) -> Iterator[tuple[str, str]]:
        checks: list[tuple[str, Iterator[str]]] = [
            ("retries", integer_problems(self.retries, "retries", least=0)),
            ("pool_slots", integer_problems(self.pool_slots, "pool_slots", least=1)),
            ("priority_weight", integer_problems(self.priority_weight, "priority_weight", least=None)),
            ("retry_delay", duration_problems(self.retry_delay, "retry_delay", zero=True)),
            *((name, name_problems(getattr(self, name), name)) for name in ("pool", "queue")),
            ("retry_jitter", _jitter_problems(self.retry_jitter)),
            ("retry_exponential_backoff", _backoff_problems(self.retry_exponential_backoff)),
            ("trigger_rule", _trigger_rule_problems(self.trigger_rule)),
            ("max_retry_delay", duration_problems(self.max_retry_delay, "max_retry_delay")),
            ("execution_timeout", duration_problems(self.execution_timeout, "execution_timeout")),
            *(
                (name, _truth_problems(getattr(self, name), name))
                for name in ("depends_on_past", "wait_for_downstream")
            ),
            ("weight_rule", _weight_rule_problems(self.weight_rule)),
            *(
                (name, integer_problems(getattr(self, name), name, least=1))
                for name in ("max_active_tis_per_dag", "max_active_tis_per_dagrun")
            ),
        ]
        absent = [name for name in _MAY_BE_ABSENT if getattr(self, name) is None]
        return ((name, problem) for name, problems in checks if name not in absent for problem in problems)

    def timeout_s(self) -> float | None:
        """Return the time that a try may run, in seconds."""
        return None if self.execution_timeout is None else seconds(self.execution_timeout)

    def retry_spec(self) -> "RetrySpec":
        """Convert the retries to a value of the model."""
        from penstock.model.retry import GROWING_JITTER, RetrySpec  # noqa: PLC0415 - only a build needs msgspec

        growth = self.retry_exponential_backoff
        backoff = (2.0 if growth else 1.0) if isinstance(growth, bool) else float(growth)
        jitter = self.retry_jitter
        return RetrySpec(
            retries=self.retries,
            delay_s=seconds(self.retry_delay),
            backoff=backoff,
            max_delay_s=None if self.max_retry_delay is None else seconds(self.max_retry_delay),
            jitter=float(jitter) if jitter is not None else GROWING_JITTER if backoff > 1 else 0.0,
        )


_read = attrgetter(*TaskRules._fields)


@lru_cache(maxsize=1024, typed=True)
def _problems(*rules: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - plain values
    """The problems of rules, kept: most tasks of an import have the same."""
    return tuple(TaskRules._make(rules)._checked())  # noqa: SLF001 - the same module


def seconds(value: timedelta | float) -> float:
    """Convert a duration to seconds."""
    return timedelta.total_seconds(value) if isinstance(value, timedelta) else float(value)


def plain_value(value: Any) -> Any:  # noqa: ANN401 - what an author wrote
    """Convert a value of a foreign type to the equal one of Python's own; one that has none stays as it is."""
    if type(value) in _PLAIN:
        return value
    from penstock.model.values.plain_value import plain_value  # noqa: PLC0415 - most values are plain

    found = plain_value(value)
    return value if found is None else found


def name_problems(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value is a name."""
    if not isinstance(value, str) or not value:
        yield f"{name} is {value!r}; write the name of a {name}."


def _jitter_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if not is_number(value) or not 0 <= value <= 1:
        yield f"retry_jitter is {value!r}; write a number from 0 to 1."


def _backoff_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if not isinstance(value, bool) and (not is_number(value) or not value >= 1):
        yield f"retry_exponential_backoff is {value!r}; write True, False, or a factor of at least 1."


def _truth_problems(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - as above
    if not isinstance(value, bool):
        yield f"{name} is {value!r:.100}; write True or False."


def _trigger_rule_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if value not in _RULES:
        advice = did_you_mean(str(value), _RULES, otherwise=f"The rules are: {', '.join(_RULES)}.")
        yield f"there is no trigger rule {value!r}. {advice}"


def _weight_rule_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if not isinstance(value, PriorityWeightStrategy) and not (
        isinstance(value, str) and (value in _WEIGHTS or "." in value)
    ):
        yield f"weight_rule is {value!r:.100}; write one of {', '.join(_WEIGHTS)}."


def is_number(value: Any) -> bool:  # noqa: ANN401 - what an author wrote
    """Return whether a value is an int or float and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer_problems(value: Any, name: str, *, least: int | None) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value is a whole number of at least ``least``."""
    lowest = -MOST if least is None else least
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= MOST:
        bound = "" if least is None else f" of at least {least}"
        most = f", at most {MOST}" if isinstance(value, int) and value > MOST else ""
        yield f"{name} is {value!r:.100}; write a whole number{bound}{most}."


def duration_problems(value: Any, name: str, *, zero: bool = False) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value is a duration, longer than zero unless ``zero`` is allowed."""
    if not isinstance(value, timedelta) and not is_number(value):
        yield f"{name} is {value!r}; write a timedelta or a number of seconds."
    elif (
        isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN_BITS
    ):  # may be too long for a float, and for people
        yield f"{name} is a number of {value.bit_length()} bits; write at most 100 years."
    elif not seconds(value) <= LONGEST_S:
        yield f"{name} is {value!r}; write at most 100 years."
    elif seconds(value) < 0 or (seconds(value) == 0 and not zero):
        yield f"{name} is {value!r}; write a time {'of zero or more' if zero else 'longer than zero'}."


def text_problems(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value is text that can be stored."""
    if not isinstance(value, str):
        yield f"{name} is {value!r:.200}; write text."
    elif not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        yield f"{name} is no Unicode text: {value!r:.200}."
