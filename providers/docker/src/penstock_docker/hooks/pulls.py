"""Pulls of images: each once a process, in a thread of its own, whoever waits for it and however long it takes.

An engine gives a pull up when its client goes away, so a pull that takes minutes is not begun anew at every look: all tasks of
a process that want the same image look at one pull. What it says by the thousand becomes a count of layers.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from penstock_docker.errors import OddAnswerError, json_object

_DONE = ("Pull complete", "Already exists")
_LONGEST_LINE = 1024 * 1024


class PullKey(NamedTuple):
    """What is pulled, and by which connection.

    Attributes:
        fields: The connection's fields.
        image: The image's name with its tag or digest.
        platform: Such as ``linux/arm64``; "" for the engine's own.
    """

    fields: Any
    image: str
    platform: str


class Pull:
    """One pull.

    Attributes:
        error: What it ended with, if it failed.
    """

    def __init__(
        self,
        ask: Callable[[], contextlib.AbstractContextManager[tuple[Any, Callable[[], None]]]],
        failure: Callable[[str], Exception],
    ) -> None:
        self._ask, self._failure = ask, failure
        self._ended = threading.Event()
        self._layers: dict[str, bool] = {}
        self.error: Exception | None = None

    def wait(self, seconds: float) -> bool:
        """Wait for its end, so many seconds at most; whether it has come."""
        return self._ended.wait(seconds)

    @property
    def progress(self) -> str:
        """How far it is, as the rest of a sentence."""
        layers = list(self._layers.values())
        return f"{sum(layers)} of {len(layers)} layers are there" if layers else "the registry is asked"

    def run(self) -> None:
        """Pull, to the end."""
        try:
            with self._ask() as (answer, again):
                for event in events_of(answer):
                    again()
                    self._note(event)
        except Exception as error:  # noqa: BLE001 - it is raised to who waits
            self.error = error
        finally:
            self._ended.set()

    def _note(self, event: dict[str, Any]) -> None:
        if problem := event.get("error") or (event.get("errorDetail") or {}).get("message"):
            raise self._failure(str(problem))
        layer, status = str(event.get("id", "")), str(event.get("status", ""))
        if layer and not status.startswith("Pulling from"):
            self._layers[layer] = self._layers.get(layer, False) or status in _DONE


class Pulls:
    """The pulls that a process has begun; the ended ones are forgotten by who is told of their end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[PullKey, Pull] = {}

    def of(self, key: PullKey, begin: Callable[[], Pull]) -> Pull:
        """The pull that is under way, or one that begins now."""
        with self._lock:
            found = self._under_way.get(key)
            if found is None:
                found = self._under_way[key] = begin()
                threading.Thread(target=found.run, name=f"pull-{key.image}", daemon=True).start()
            return found

    def forget(self, key: PullKey, pull: Pull) -> None:
        """Have the next who asks begin anew."""
        with self._lock:
            if self._under_way.get(key) is pull:
                del self._under_way[key]


def events_of(answer: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a streamed response of requests
    """The JSON objects of an answer that come one by one, a line each; raises ValueError or OddAnswerError for what is none."""
    left = b""
    for piece in answer.iter_content(chunk_size=None):
        *lines, left = (left + piece).split(b"\n")
        yield from (json_object(json.loads(line)) for line in lines if line.strip())
        if len(left) > _LONGEST_LINE:
            raise OddAnswerError("an event of the engine has no end")
    if left.strip():
        yield json_object(json.loads(left))


_pulls: dict[int, Pulls] = {}


def pulls_here() -> Pulls:
    """Those of this process: a fork has none of its parent's threads."""
    return _pulls.setdefault(os.getpid(), Pulls())
