"""The scheduler's door for ends of tries: what cannot be stored fails its own try, and nothing else."""

from msgspec.structs import replace

from penstock.errors import RequestError, as_sentence
from penstock.model.assets.asset_condition import ALIAS, uri_problem
from penstock.model.assets.event import LARGEST_EXTRA, MOST_RESOLVED
from penstock.model.attempt import TryEnd
from penstock.model.names import check_conf, map_key_of, xcom_key_problem
from penstock.model.state import Outcome
from penstock.model.values.value import encoded_length

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
    if problem := _event_problem(end):
        return _refused(problem)
    if sum(map(len, (*end.rendered, *end.rendered.values()))) > MOST_RENDERED:
        end = replace(end, rendered={})
    if end.map_key:
        end = replace(end, map_key=map_key_of(end.map_key))
    if len(end.error) > LONGEST_ERROR:
        half = LONGEST_ERROR // 2
        left_out = len(end.error) - 2 * half
        return replace(end, error=f"{end.error[:half]}\n[{left_out:,} characters left out]\n{end.error[-half:]}")
    return end


def _event_problem(end: TryEnd) -> str:
    """Say why what the try gave its events, or the assets for which aliases stood, cannot be stored; "" if they can."""
    extras = [(f"outlet {uri!r:.300}", extra) for uri, extra in end.extras.items()]
    for alias, made in end.resolved.items():
        if len(made) > MOST_RESOLVED:
            return f"{alias:.300} stands for {len(made):,} assets; at most {MOST_RESOLVED:,} are kept"
        for uri, extra in made.items():
            if problem := uri_problem(uri) or (f"{uri:.300} is an alias" if uri.startswith(ALIAS) else ""):
                return f"{alias:.300} stands for what is no asset: {problem}"
            extras.append((f"asset {uri!r:.300}", extra))
    for name, extra in extras:
        try:
            check_conf(extra, "extra", LARGEST_EXTRA)
        except RequestError as error:
            return f"of the event of {name}, {error}"
    return ""


def _refused(problem: str) -> TryEnd:
    return TryEnd(Outcome.FAILED, f"what it left cannot be kept: {as_sentence(problem)}", retryable=False)
