"""A try that this worker has: what it is known by, where its output lies, and how far the server has heard of it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from penstock.model.attempt import TryEnd
from penstock.model.run import TaskKey
from penstock.spec.executor import TryRequest


@dataclass(eq=False)
class WorkerTry:
    """One try, from its claim until the server has its end.

    Attributes:
        token: What is shown for it.
        request: What it runs; its log is a file of this machine.
        lease_s: Seconds after a renewal in which it may run on.
        log: That file.
        ended: Called with its end, or None if the server has given it up.
        claimed_s: Monotonic instant at which it was claimed.
        held: What is kept while it is here, such as its source snapshot.
        python: Interpreter of the environment that was fetched for it; "" for one of this machine's own.
        sent: Bytes of the log that the server has, by the server's count.
        read: Bytes of the file that were sent.
        before: What is sent before the next bytes of the file.
        began_s: Monotonic instant at which its process began; None before.
        end: How it ended; None while it runs.
        ended_s: Monotonic instant of that.
        cancel_reason: Why it is to end; "" to go on.
        giving_back: Whether it is to be given back, unless it begins before that.
        given_back: Whether others are to have it: it has ended here without having begun.
        lost_reason: Why it is lost, whatever its end says, as its worker had to leave; "" if it is not.
        gone: Whether the server has given it up.
        refused: Whether the server has refused its end, so that another is told.
    """

    token: str
    request: TryRequest
    lease_s: float
    log: Path
    ended: Callable[[TryEnd | None], None]
    claimed_s: float = 0.0
    held: ExitStack = field(default_factory=ExitStack)
    python: str = ""
    sent: int = 0
    read: int = 0
    before: bytes = b""
    began_s: float | None = None
    end: TryEnd | None = None
    ended_s: float = 0.0
    cancel_reason: str = ""
    giving_back: bool = False
    given_back: bool = False
    lost_reason: str = ""
    gone: bool = False
    refused: bool = False

    @property
    def name(self) -> str:
        """Of its ticket."""
        return self.token.partition(".")[0]

    @property
    def try_name(self) -> tuple[TaskKey, int]:
        """By which the executor knows it."""
        return (self.request.key, self.request.epoch)
