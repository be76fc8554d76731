"""Priorities in code: a class that says what a task's priority is at each try."""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, NamedTuple

from penstock.errors import AuthoringError, as_sentence
from penstock.model.names import error_sentence

MOST_ASKED = 100
"""Tries of a task that a strategy is asked about; later ones have the priority of the last."""


class WeightRequest(NamedTuple):
    """What a strategy is asked about.

    Attributes:
        try_number: Number of tries that have begun.
        priority_weight: As it is written.
    """

    dag_id: str
    task_id: str
    try_number: int
    priority_weight: int


class PriorityWeightStrategy(ABC):
    """Says what a task's priority is; an object of it is given as ``weight_rule``, or the path of its class as text.

    It is asked while the DAG file is imported, for each try that the task may have: the scheduler runs no code of a DAG file. What it
    raises is a problem of the file.
    """

    @abstractmethod
    def get_weight(self, ti: WeightRequest) -> Any:  # noqa: ANN401 - judged by who asks
        """The priority of the next try of a task."""


def strategy_of(rule: Any) -> PriorityWeightStrategy | None:  # noqa: ANN401 - what an author wrote
    """The strategy that a weight rule is, or the path of whose class it is; None if it is neither.

    Raises:
        AuthoringError: There is no such class.
    """
    if not isinstance(rule, str) or "." not in rule:
        return rule if isinstance(rule, PriorityWeightStrategy) else None
    module, _, name = rule.rpartition(".")
    try:
        made = getattr(import_module(module), name)()
    except Exception as error:
        raise AuthoringError(
            [as_sentence(f"weight_rule is {rule!r}, of which nothing could be made: {error_sentence(error)}")]
        ) from error
    if not isinstance(made, PriorityWeightStrategy):
        raise AuthoringError([f"weight_rule is {rule!r}, and that is no PriorityWeightStrategy."])
    return made


def weights_by_try(rule: Any, dag_id: str, task_id: str, weight: int, retries: int) -> tuple[int, ...]:  # noqa: ANN401 - as above
    """The priority of each try of a task by its strategy; empty if its rule is none.

    Raises:
        AuthoringError: The strategy raises, or answers no whole number.
    """
    strategy = strategy_of(rule)
    if strategy is None:
        return ()
    found = tuple(_asked(strategy, WeightRequest(dag_id, task_id, number, weight)) for number in range(_tries(retries)))
    return found if len(set(found)) > 1 else found[:1]


def _tries(retries: int) -> int:
    return min(retries + 1, MOST_ASKED)


def _asked(strategy: PriorityWeightStrategy, ti: WeightRequest) -> int:
    who = f"the weight_rule {type(strategy).__name__}, asked about task {ti.task_id!r} after {ti.try_number} tries,"
    try:
        answer = strategy.get_weight(ti)
    except Exception as error:
        raise AuthoringError([as_sentence(f"{who} raised {error_sentence(error)}")]) from error
    if isinstance(answer, bool) or not isinstance(answer, int) or abs(answer) >= 2**31:
        raise AuthoringError([f"{who} answered {answer!r:.100}; it must be a whole number of up to 2,147,483,647."])
    return answer
