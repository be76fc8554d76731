"""What is read of one log at once."""

import msgspec

from penstock.model.logs.log_line import LogLine


class LogPage(msgspec.Struct, frozen=True):
    """Some lines of a log that stand one after the other.

    Attributes:
        lines: The lines, without those that are less grave than was asked for.
        start: The byte at which the page begins; what is before it ends there.
        end: The byte from which on to read further, also once the log has grown.
        size: Bytes of the log.
        growing: Whether its try has not ended, or its end is on the way to the log store.
    """

    lines: tuple[LogLine, ...]
    start: int
    end: int
    size: int
    growing: bool


class LogMatch(msgspec.Struct, frozen=True):
    """A line in which something was found.

    Attributes:
        offset: The byte of the log at which the line begins.
        number: Which line of the log it is, from 1 on.
        text: What it says; of a long line, what is around the place.
    """

    offset: int
    number: int
    text: str


class LogMatches(msgspec.Struct, frozen=True):
    """What was found in one log.

    Attributes:
        matches: The lines, in their order.
        offset: The byte from which on to search further.
        lines: How many lines are before that byte; needed to go on there.
        whole: Whether the search came to the end of the log, as it is now.
    """

    matches: tuple[LogMatch, ...]
    offset: int
    lines: int
    whole: bool
