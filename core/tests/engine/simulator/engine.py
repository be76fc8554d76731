"""The real engine, watched: what it is told, and what it says."""

from collections.abc import Iterable
from typing import Any, Protocol

from simulator.held import held

from penstock.engine.engine import Engine
from penstock.engine.messages import Event, Step
from penstock.model.now import Now


class Watch(Protocol):
    """Who watches."""

    def forgot(self) -> None:
        """The engine knows nothing any more."""

    def heard(self, events: list[Event], now: Now) -> None:
        """The engine is told of these."""

    def stepped(self, step: Step, events: list[Event], now: Now) -> None:
        """It has decided."""


class WatchedEngine(Engine):
    """An engine that tells who watches it."""

    def __init__(self, watch: Watch, **settings: Any) -> None:
        self._watch = watch
        super().__init__(**settings)

    def forget(self) -> None:
        """Forget all that lives."""
        super().forget()
        held(self._watch.forgot)()

    def step(self, events: Iterable[Event], now: Now) -> Step:
        """Take in what happened, and decide."""
        told = list(events)
        step = super().step(told, now)
        held(self._watch.heard)(told, now)
        held(self._watch.stepped)(step, told, now)
        return step
