"""What became of a try whose code raised: whatever was raised, there is a verdict, and it says why."""

import math
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from msgspec.structs import replace

from penstock.author.construct.retry_policy import RetryAction, RetryDecision
from penstock.author.construct.task_rules import seconds
from penstock.errors import AuthoringError, FailTask, ProviderError, SkipTask, TaskCancelled
from penstock.model.attempt import TryEnd
from penstock.model.names import error_sentence, error_text, well_formed
from penstock.model.state import Outcome
from penstock.model.values.not_serialisable import NotSerialisableError

_HOME = str(Path(__file__).parents[2]) + "/"


_ITS_OWN = (SkipTask, TaskCancelled, FailTask, AuthoringError, NotSerialisableError)
"""What says itself what becomes of the task, so that no policy is asked."""


def failed(error: BaseException, decide: Callable[[BaseException], RetryDecision] | None = None) -> TryEnd:
    """End a try whose code raised this; an error's own code may raise in its turn, and the verdict is the first one's.

    Args:
        error: What was raised.
        decide: The task's policy, if it has one.
    """
    try:
        end = _verdict(error)
        return end if decide is None or isinstance(error, _ITS_OWN) else _decided(end, error, decide)
    except BaseException as second:  # noqa: BLE001 - what the error's own code raised when it was looked at
        return TryEnd(Outcome.FAILED, f"{error_sentence(error)} ({type(second).__name__} when it was looked at)")


def _verdict(error: BaseException) -> TryEnd:
    if isinstance(error, SkipTask):
        return TryEnd(Outcome.SKIPPED, error_text(error))
    if isinstance(error, TaskCancelled):
        return TryEnd(Outcome.CANCELLED, describe(error))
    final = isinstance(error, FailTask | AuthoringError | NotSerialisableError)
    if isinstance(error, ProviderError):
        final = not error.retryable
    if isinstance(error, SystemExit):
        sentence = f"the task called sys.exit({error.code!r}); return, or raise SkipTask or FailTask"
        error = RuntimeError(sentence).with_traceback(error.__traceback__)
    return TryEnd(Outcome.FAILED, describe(error), retryable=not final, retry_after_s=_seconds_to_wait(error))


def _decided(end: TryEnd, error: BaseException, decide: Callable[[BaseException], RetryDecision]) -> TryEnd:
    """The end as the task's policy has it; a policy that fails is named, and changes nothing."""
    first, _, rest = end.error.partition("\n")
    try:
        action, delay, reason = decide(error)
        pause = None if delay is None else seconds(delay)
        words = "" if reason is None else f" ({reason})"
        retryable = {RetryAction.RETRY: True, RetryAction.FAIL: False}.get(RetryAction(str(action)), end.retryable)
    except Exception as fault:  # noqa: BLE001 - a policy is code of the author's
        return replace(end, error=f"{first} (its retry_policy failed: {error_sentence(fault)})\n{rest}".rstrip())
    return replace(end, error=f"{first}{well_formed(words)}\n{rest}".rstrip(), retryable=retryable, retry_delay_s=pause)


def _seconds_to_wait(error: BaseException) -> float | None:
    after = getattr(error, "retry_after_s", None)
    usable = isinstance(after, int | float) and math.isfinite(after) and after >= 0
    return float(after) if usable and after is not None else None


def describe(error: BaseException) -> str:
    """Describe an error on one line, which lists show, then the traceback from the author's first frame on."""
    sentence, frames = error_sentence(error), _authors(error.__traceback__)
    first = " ".join(line.strip() for line in sentence.splitlines() if line.strip())
    if frames is None:
        whole = [sentence] if first != sentence else []  # as its author laid it out, for the log
        return "\n".join([first, *whole, *map(well_formed, getattr(error, "__notes__", ()))])
    formatted = traceback.TracebackException(type(error), error, frames)
    while isinstance(error, TaskCancelled) and formatted.stack and formatted.stack[-1].filename.startswith(_HOME):
        formatted.stack.pop()  # where it stood, not how it was told to end
    return first + "\n" + well_formed("".join(formatted.format())).rstrip()


def _authors(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_HOME):
        frames = frames.tb_next
    return frames
