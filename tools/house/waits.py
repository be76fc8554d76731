"""Tests wait long enough for what other processes and threads do."""

import re
from collections.abc import Iterator

SHORTEST_S = 30
"""Seconds that a test waits at least: what is there is seen at once, and a machine that others fill may take many times as long."""

_NUMBER = r"([1-9]\d?(?:\.\d+)?)"
_WAITS = re.compile(
    rf"\b\w*(?:PATIENCE_S|_START_SECONDS) = {_NUMBER}$"
    rf"|\b(?:wait_until|wait_for)\(.*(?:seconds=|, ){_NUMBER}[,)]"
    rf"|\.(?:join|acquire|result)\((?:timeout=)?{_NUMBER}\)"
    rf"|\b(?:monotonic|perf_counter)\(\) \+ {_NUMBER}$"
)
_NOT_YET = re.compile(r"\bassert not ")


def short_waits(name: str, text: str) -> Iterator[str]:
    """Lines that wait for what another process or thread does, and for less than 30 s.

    A part of a second is a pause between two looks, and what must not happen is waited for in vain: neither counts.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    for number, line in enumerate(text.splitlines(), 1):
        found = _WAITS.search(line)
        if found is None or _NOT_YET.search(line):
            continue
        if float(next(filter(None, found.groups()))) < SHORTEST_S:
            yield f"{name}:{number} waits too short a time for a busy machine: {line.strip()}"
