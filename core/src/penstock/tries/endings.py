"""The scheduler's door for ends of tries: what cannot be stored fails its own try, and nothing else."""

from msgspec.structs import replace

from penstock.model.attempt import TryEnd
from penstock.model.names import xcom_key_problem
from penstock.model.state import Outcome

LONGEST_ERROR = 100_000
"""Characters of an error that are kept; the middle of a longer one is left out."""


def accepted(end: TryEnd) -> TryEnd:
    """The end as it can be stored: a failure that says why if what the try left cannot be."""
    for key in end.xcoms:
        problem = xcom_key_problem(key)
        if problem:
            return TryEnd(
                Outcome.FAILED, f"what it left cannot be kept: {problem}. Choose another key.", retryable=False
            )
    if len(end.error) > LONGEST_ERROR:
        half = LONGEST_ERROR // 2
        left_out = len(end.error) - 2 * half
        return replace(end, error=f"{end.error[:half]}\n[{left_out:,} characters left out]\n{end.error[-half:]}")
    return end
