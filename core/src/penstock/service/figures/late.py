"""What is slow or behind, though nothing is full: pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from penstock.service.figures.advice import duration

BEHIND_S = 600.0
"""Age of the oldest change that a listener has not been told of, from which on it is behind; as its alert rule has it."""
SLOW_IMPORT_S = 5.0
"""Seconds from which on the import of a DAG file is slow."""
_MOST_FILES = 3


def late_listeners(untold: Mapping[str, datetime | None], now: datetime) -> Iterator[str]:
    """Tell of each listener that is behind.

    Args:
        untold: The instant of the oldest change that each has not been told of.
        now: The present.
    """
    for provider, since in sorted(untold.items()):
        if since is not None and (late_s := (now - since).total_seconds()) >= BEHIND_S:
            yield (
                f"the listener of {provider} is {duration(late_s)} behind. See what it raises or waits for: "
                f"penstock providers show {provider}"
            )


def slow_imports(imports_s: Mapping[str, float]) -> Iterator[str]:
    """Tell of the files whose import takes long, the slowest first."""
    slow = sorted(((took_s, file) for file, took_s in imports_s.items() if took_s >= SLOW_IMPORT_S), reverse=True)
    if slow:
        named = ", ".join(f"{file} ({duration(took_s)})" for took_s, file in slow[:_MOST_FILES])
        more = f" and {len(slow) - _MOST_FILES:,} more" if len(slow) > _MOST_FILES else ""
        yield (
            f"{named}{more} took long to import: each change of such a file is seen so much later. "
            "Import what only tasks need inside of them, and ask no service while DAGs are built."
        )
