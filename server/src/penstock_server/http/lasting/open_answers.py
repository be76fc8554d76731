"""Answers that are open: how many each principal has, and whether each may go on."""

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from http import HTTPStatus

from penstock.errors import ForbiddenError
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.identification import Identification
from penstock_server.http.lasting.right import Right
from penstock_server.http.problems import RefusedError

MOST = 16
"""Answers of a kind that one principal has open, at most."""

AGAIN_S = 0.5
"""Seconds from look to look at who may go on."""

GRACE_S = 0.5
"""Seconds that one which is ended has to say so; then it is cut, whoever does not read."""

TAKEN = "Your login or token has ended, or what you may see has changed. Come again."
"""Why an answer is ended whose right is gone."""


class AnswerKind(StrEnum):
    """What lasts, as whoever has too many is told."""

    EVENTS = "streams of events"
    LINES = "log streams"
    CONTENT = "downloads"


class OpenAnswer:
    """One answer that lasts.

    Args:
        kind: What it is.
        right: By what right it goes on.
        closed: Called when it is over.

    Attributes:
        kind: As above.
        right: As above.
        on_end: Called with the reason when it is to end, beside `ended`.
        ended: Set when nothing more may come of it but why.
        cut: Set when nothing more may come of it at all.
        reason: Why it was ended; "" while it was not.
    """

    def __init__(self, kind: AnswerKind, right: Right, closed: "Callable[[OpenAnswer], None]") -> None:
        self.kind, self.right, self._closed = kind, right, closed
        self.on_end: Callable[[str], None] | None = None
        self.ended, self.cut = asyncio.Event(), asyncio.Event()
        self.reason = ""

    def end(self, reason: str) -> None:
        """Have it say why it ends, and end."""
        self.reason = reason
        self.ended.set()
        if self.on_end is not None:
            self.on_end(reason)

    def require_open(self) -> None:
        """Raise ForbiddenError, with the reason, if it was ended."""
        if self.ended.is_set():
            raise ForbiddenError(self.right.principal.name, "go on with this", remedy=self.reason)

    def close(self) -> None:
        """Count it no more; from any thread, and more than once does no harm."""
        self._closed(self)


class OpenAnswers:
    """All answers of a process that last.

    Args:
        authenticator: Finds who asks.
        most: Answers of a kind that one principal has open, at most.
        again_s: Seconds from look to look at who may go on.
        grace_s: Seconds that one which is ended has to say so.

    Attributes:
        known: Who asks for anything is found by the same threads as whether the right to an answer holds.
    """

    def __init__(
        self, authenticator: Authenticator, *, most: int = MOST, again_s: float = AGAIN_S, grace_s: float = GRACE_S
    ) -> None:
        self.known, self._most = Identification(authenticator), most
        self._again_s, self._grace_s = again_s, grace_s
        self._open: set[OpenAnswer] = set()
        self._watching: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def open(self, kind: AnswerKind, right: Right) -> OpenAnswer:
        """Count one more, which whoever asked for it closes.

        Raises:
            RefusedError: The principal has too many of the kind.
        """
        name = right.principal.name
        if Counter(each.right.principal.name for each in list(self._open) if each.kind is kind)[name] >= self._most:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{name or 'the owner'} has {self._most} {kind} open, and may have no more. Close one.",
                {"Retry-After": "5"},
            )
        made = OpenAnswer(kind, right, self._open.discard)
        self._open.add(made)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return made

    async def _watch(self) -> None:
        """End each answer whose right is gone, for as long as there are any."""
        while self._open:
            await asyncio.sleep(self._again_s)
            asked = [each for each in list(self._open) if not each.ended.is_set() and not each.right.lately()]
            if asked:
                for each in await self.known.in_thread(partial(_gone, asked)):
                    each.end(TAKEN)
                    asyncio.get_running_loop().call_later(self._grace_s, each.cut.set)


def _gone(asked: list[OpenAnswer]) -> list[OpenAnswer]:
    return [each for each in asked if not each.right.holds()]
