"""Work of one task in several threads: few ahead, nothing lost in silence, and what the code may ask is there in each."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextvars import copy_context
from threading import Event
from typing import TypeVar

_AHEAD = 2  # items that were taken and wait, for each that is worked on

T = TypeVar("T")
R = TypeVar("R")


def at_once(
    work: Callable[[T], R], items: Iterable[T], count: int, *, stop: Event | None = None
) -> Generator[R, None, None]:
    """The results of a function for each item, in the order in which they are there, some at a time.

    Connections and all else that user code may ask are there in each thread. The first failure is raised once the calls that
    are under way have ended; no other is begun. To close the generator ends it alike.

    Args:
        work: The function, which several threads call.
        items: Taken as they are needed, by the thread that takes the results.
        count: How many calls at once.
        stop: Set at the first failure, so that calls under way can give up.
    """
    running: set[Future[R]] = set()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                if len(running) >= count * _AHEAD:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
                running.add(pool.submit(copy_context().run, work, item))
            yield from (each.result() for each in as_completed(running))
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
