"""Handlers of signals, set in forks, where each page that is written to costs a copy of it.

The functions of the module `signal` make enums of numbers and handlers: as much work as the rest of settling a fork.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of has no stub
from collections.abc import Callable
from types import FrameType


def handle(number: int, handler: Callable[[int, FrameType | None], object]) -> None:
    """Have a function called when a signal comes."""
    _signal.signal(number, handler)


def ignore(*numbers: int) -> None:
    """Let signals do nothing."""
    for number in numbers:
        _signal.signal(number, _signal.SIG_IGN)


def restore(*numbers: int) -> None:
    """Let signals do what they do in a process that has said nothing about them."""
    for number in numbers:
        _signal.signal(number, _signal.SIG_DFL)
