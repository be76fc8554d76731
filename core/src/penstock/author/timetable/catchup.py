"""What an author may write for ``catchup`` and ``overlap``: what is run of the past, and of what falls due too often."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from penstock.author.construct.task_rules import duration_problems, plain_value

WORDS: dict[Any, tuple[bool, float | None]] = {
    True: (True, None),
    False: (False, None),
    "all": (True, None),
    "latest": (False, None),
    "none": (True, 0.0),
}
"""What a flag or a word means: whether runs of the past are caught up, and within how many seconds."""


def to_catchup(value: Any) -> tuple[bool, float | None]:  # noqa: ANN401 - what an author wrote
    """Convert what an author wrote for ``catchup`` to whether runs of the past are caught up, and within how many seconds."""
    plain = plain_value(value)
    return (True, plain.total_seconds()) if isinstance(plain, timedelta) else WORDS[plain]


def catchup_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Check what an author wrote for ``catchup``."""
    plain = plain_value(value)
    if isinstance(plain, timedelta):
        yield from duration_problems(plain, "catchup")
    elif not isinstance(plain, bool | str) or plain not in WORDS:
        yield f"catchup is {value!r:.200}; write True, False, 'all', 'latest', 'none', or a timedelta."


def runs_all(value: Any) -> bool:  # noqa: ANN401 - as above
    """Return whether ``catchup`` asks for all runs of the past."""
    plain = plain_value(value)
    return isinstance(plain, bool | str) and WORDS.get(plain) == (True, None)


def overlap_problems(value: Any, catchup: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Check what an author wrote for ``overlap``, beside his ``catchup``."""
    from penstock.model.schedule import Overlap  # noqa: PLC0415 - only a build needs msgspec

    words = [each.value for each in Overlap]
    if not isinstance(value, str) or value not in words:
        yield f"overlap is {value!r:.200}; write one of {', '.join(words)}."
    elif value != Overlap.QUEUE and runs_all(catchup):
        yield (
            f"overlap is {value!r}, which leaves runs out, and catchup={catchup!r} runs all of them. "
            "Write overlap='queue', or a timedelta as catchup."
        )
