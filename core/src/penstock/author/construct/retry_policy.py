"""Whether a failed try is tried again, and when, by what was raised: Airflow's retry policies."""

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.author.construct.checked import Checked
from penstock.author.construct.task_rules import duration_problems
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class RetryAction(StrEnum):
    """What becomes of a try that failed.

    Attributes:
        RETRY: It is tried again, as often as ``retries`` says.
        FAIL: It is not tried again.
        DEFAULT: What would become of it without a policy.
    """

    RETRY = "retry"
    FAIL = "fail"
    DEFAULT = "default"


class RetryDecision(NamedTuple):
    """What a policy says of a try that failed.

    Attributes:
        action: What becomes of it.
        retry_delay: How long to wait before the next one, in place of what the task's ``retry_delay`` comes to.
        reason: Why, for people.
    """

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: timedelta | None = None
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> "RetryDecision":
        """It is not tried again."""
        return cls(RetryAction.FAIL, None, reason)

    @classmethod
    def retry(cls, delay: timedelta | None = None, reason: str | None = None) -> "RetryDecision":
        """It is tried again."""
        return cls(RetryAction.RETRY, delay, reason)

    @classmethod
    def default(cls) -> "RetryDecision":
        """What would become of it without a policy."""
        return cls()


class RetryPolicy(Checked):
    """Decides about failed tries of a task; subclasses have an `evaluate` of their own, which runs where the task does."""

    _OVERRIDABLE = frozenset({"evaluate"})

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: "Context | None" = None
    ) -> RetryDecision:
        """Decide about a try that raised this.

        Args:
            exception: What was raised; never a `FailTask` or `SkipTask`, which say themselves what becomes of the task.
            try_number: Which try it was, from 1.
            max_tries: How many retries there are in all.
            context: The context of the task.
        """
        raise NotImplementedError(f"{type(self).__name__} has no evaluate()")


class RetryRule(Checked):
    """One rule of an `ExceptionRetryPolicy`.

    Args:
        exception: What was raised: a class, the path of one (``"requests.exceptions.HTTPError"``), which is not imported, or a
            list of these.
        action: What becomes of the try.
        retry_delay: How long to wait before the next one; as the task says unless given.
        reason: Why, for people.
        match_subclasses: Whether a subclass counts as well.
    """

    def __init__(
        self,
        exception: type[BaseException] | str | Sequence[type[BaseException] | str],
        action: RetryAction = RetryAction.RETRY,
        retry_delay: timedelta | None = None,
        reason: str | None = None,
        match_subclasses: bool = True,  # noqa: FBT001, FBT002 - Airflow's own
    ) -> None:
        self.exceptions = tuple(exception) if isinstance(exception, list | tuple) else (exception,)
        self.action, self.retry_delay = RetryAction(str(action)), retry_delay
        self.reason, self.match_subclasses = reason, match_subclasses
        problems = [problem for each in self.exceptions for problem in _exception_problems(each)]
        if retry_delay is not None:
            problems += duration_problems(retry_delay, "retry_delay", zero=True)
        if problems:
            raise AuthoringError(problems)

    def matches(self, error: BaseException) -> bool:
        """Return whether it is about what was raised."""
        classes = type(error).__mro__ if self.match_subclasses else (type(error),)
        return any(_names(each, classes) for each in self.exceptions)

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.exceptions, self.action, self.retry_delay, self.reason = (), RetryAction.DEFAULT, None, None
        self.match_subclasses = True


class ExceptionRetryPolicy(RetryPolicy):
    """Decides by rules, of which the first that is about what was raised counts.

    Args:
        rules: The rules.
        default: What becomes of a try that no rule is about.
    """

    def __init__(self, rules: Sequence[RetryRule], default: RetryAction = RetryAction.DEFAULT) -> None:
        self.rules, self.default = tuple(rules), RetryAction(str(default))
        for each in self.rules:
            if not isinstance(each, RetryRule):
                raise AuthoringError([f"rules hold {each!r:.200}; write RetryRule(ConnectionError, ...)."])

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - the base's
        max_tries: int,  # noqa: ARG002 - as above
        context: "Context | None" = None,  # noqa: ARG002 - as above
    ) -> RetryDecision:
        """Decide by the first rule that is about what was raised."""
        for rule in self.rules:
            if rule.matches(exception):
                return RetryDecision(rule.action, rule.retry_delay, rule.reason)
        return RetryDecision(self.default)

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.rules, self.default = (), RetryAction.DEFAULT


def _exception_problems(given: Any) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    is_class = isinstance(given, type) and issubclass(given, BaseException)
    if not is_class and not (isinstance(given, str) and "." in given):
        yield f"exception is {given!r:.200}; write a class such as ConnectionError, or a path such as 'requests.exceptions.HTTPError'."


def _names(given: type[BaseException] | str, classes: Sequence[type]) -> bool:
    """Return whether a class, or the path of one, is among some classes: what was raised has been imported, and no more is."""
    if not isinstance(given, str):
        return given in classes
    if any(given == f"{each.__module__}.{each.__qualname__}" for each in classes):
        return True
    module, _, name = given.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)  # one name of several, as `requests.HTTPError`
    return isinstance(found, type) and found in classes
