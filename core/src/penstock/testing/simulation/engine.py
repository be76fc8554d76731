"""The real engine, watched: what it is given, and what it says."""

from collections.abc import Iterable
from typing import Any, Protocol

from penstock.engine.engine import Engine
from penstock.engine.messages import Event, Step
from penstock.model.now import Now
from penstock.testing.simulation.held import held


class Watch(Protocol):
    """Who watches."""

    def forgot(self) -> None:
        """The engine knows nothing any more."""

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
        self._report_forgotten()

    def step(self, events: Iterable[Event], now: Now) -> Step:
        """Take in what happened, and decide."""
        given = list(events)
        step = super().step(given, now)
        self._report(step, given, now)
        return step

    @held
    def _report_forgotten(self) -> None:
        self._watch.forgot()

    @held
    def _report(self, step: Step, events: list[Event], now: Now) -> None:
        self._watch.stepped(step, events, now)
