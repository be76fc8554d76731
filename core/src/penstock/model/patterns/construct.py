"""What a pattern may not hold, so that the cost of a search is known beforehand."""

from enum import StrEnum


class Construct(StrEnum):
    """What a regular expression has, and a search in linear time cannot do; the value says so of the pattern."""

    MALFORMED = "is no regular expression"
    LONG = "is too large"
    DEEP = "is nested too deep"
    GROUP_AGAIN = "matches again what a group has matched, as \\1 and (?P=name) do"
    CONDITIONAL = "asks whether a group has matched, as (?(1)...) does"
    AHEAD = "looks ahead, as (?=...) does"
    NOT_AHEAD = "looks ahead, as (?!...) does"
    BEHIND = "looks behind, as (?<=...) and (?<!...) do"
    ATOMIC = "gives nothing back, as (?>...) and possessive repeats such as a*+ do"


class PatternError(ValueError):
    """A pattern cannot be searched for in linear time.

    Attributes:
        construct: What is in the way.
    """

    def __init__(self, construct: Construct, more: str = "") -> None:
        super().__init__(f"{construct}{more}")
        self.construct = construct
