"""How the simulator's own code fails inside the scheduler, which takes any Exception for a fault of what it deals with."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CrashError(BaseException):
    """The scheduler's process is killed: no code of it runs on."""


class BrokenError(BaseException):
    """A rule does not hold; its cause says which."""


def held(method: Callable[P, T]) -> Callable[P, T]:
    """Have what a method of the simulator raises end the world."""

    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            raise BrokenError from error

    return guarded
