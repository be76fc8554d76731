"""What became of a try whose code raised: whatever was raised, there is a verdict, and it says why."""

import math
import traceback
from pathlib import Path
from types import TracebackType

from penstock.errors import AuthoringError, FailTask, ProviderError, SkipTask, TaskCancelled
from penstock.model.attempt import TryEnd
from penstock.model.names import error_sentence, error_text, well_formed
from penstock.model.state import Outcome
from penstock.model.values.not_serialisable import NotSerialisableError

_HOME = str(Path(__file__).parents[2]) + "/"


def failed(error: BaseException) -> TryEnd:
    """End a try whose code raised this; an error's own code may raise in its turn, and the verdict is the first one's."""
    try:
        return _verdict(error)
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
