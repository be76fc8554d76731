"""The scheduler's door for ends of tries: what cannot be stored fails its own try, and nothing else."""

from msgspec.structs import replace

from penstock.errors import RequestError, as_sentence
from penstock.model.assets.event import LARGEST_EXTRA
from penstock.model.attempt import TryEnd
from penstock.model.names import check_conf, xcom_key_problem
from penstock.model.state import Outcome
from penstock.model.value import encoded_length

MOST_RENDERED = 200_000
"""Characters of rendered fields that are kept; of more, none are: a try's process has cut them before."""

LONGEST_ERROR = 100_000
"""Characters of an error that are kept; the middle of a longer one is left out."""


def accepted(end: TryEnd) -> TryEnd:
    """The end as it can be stored: a failure that says why if what the try left cannot be."""
    for key, left in end.xcoms.items():
        problem = xcom_key_problem(key)
        if problem:
            return _refused(f"{as_sentence(problem)} Choose another key")
        try:
            length = encoded_length(left.json)
        except (ValueError, RecursionError) as error:
            return _refused(f"under the XCom key {key!r}, {error}")
        # A mapping over it is expanded by this number, and it must not differ from what its tries then find.
        if left.length not in (None, length):
            return _refused(
                f"the value under the XCom key {key!r} is said to have {left.length} elements; it has {length}"
            )
    for uri, extra in end.extras.items():
        try:
            check_conf(extra, "extra", LARGEST_EXTRA)
        except RequestError as error:
            return _refused(f"of the event of outlet {uri!r:.300}, {error}")
    if sum(map(len, (*end.rendered, *end.rendered.values()))) > MOST_RENDERED:
        end = replace(end, rendered={})
    if len(end.error) > LONGEST_ERROR:
        half = LONGEST_ERROR // 2
        left_out = len(end.error) - 2 * half
        return replace(end, error=f"{end.error[:half]}\n[{left_out:,} characters left out]\n{end.error[-half:]}")
    return end


def _refused(problem: str) -> TryEnd:
    return TryEnd(Outcome.FAILED, f"what it left cannot be kept: {as_sentence(problem)}", retryable=False)
