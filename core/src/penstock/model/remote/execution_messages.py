"""What workers and servers say to each other at the execution API, version 1: MessagePack (msgpack.org) in bodies of POST.

Every message may be sent again: a claim by the text that the worker chose for it, a report by the claim and the offset of its log, a
question by its number.
"""

import hashlib
from typing import Any

import msgspec

from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.values.content_hashes import content_hash

PREFIX = "/execution/v1"
"""Path below which the API is; a change that an older worker does not understand has another."""
CONTENT_TYPE = "application/msgpack"
LARGEST = 16 << 20
"""Bytes of a message."""
MOST_AT_ONCE = 500
"""Tickets or tries of one message."""
LARGEST_PACK = 256 << 20
"""Bytes of an answer, such as a packed source snapshot or distribution."""
_DIGEST = 16


def worker_name(place: str, key: str) -> str:
    """The name of a worker: words for people, and the digest of a text that only it knows, by which it proves that the name is its own."""
    return f"{place}-{hashlib.sha256(key.encode()).hexdigest()[:_DIGEST]}"


def is_worker(name: str, key: str) -> bool:
    """Whether a worker that knows a text has this name."""
    place, dash, _ = name.rpartition("-")
    return bool(dash and key) and worker_name(place, key) == name


class ClaimTickets(msgspec.Struct, frozen=True):
    """``/claims``: exchange tickets for tries.

    Attributes:
        worker: The worker's name.
        key: The text whose digest is in that name (`worker_name`).
        claim: A text of this message's own: letters, digits, ``-`` and ``_``.
        tickets: Secrets of tickets.
    """

    worker: str
    key: str
    claim: str
    tickets: tuple[str, ...]


class Claimed(msgspec.Struct, frozen=True):
    """A try that is the worker's now.

    Attributes:
        ticket: The secret that it was claimed with.
        token: What the worker shows from now on.
        request: A `penstock.spec.executor.TryRequest` as MessagePack.
        lease_s: Seconds after a renewal in which it may run on without another.
    """

    ticket: str
    token: str
    request: bytes
    lease_s: float


class ClaimAnswer(msgspec.Struct, frozen=True):
    """What became of tickets.

    Attributes:
        tries: The tries that the worker has got; the others are somebody else's, or nobody's any more.
        foreign: Tickets that this installation has not made.
    """

    tries: tuple[Claimed, ...]
    foreign: tuple[str, ...] = ()


class Renewal(msgspec.Struct, frozen=True):
    """``/renewals``: say that a worker lives, and what it has; answered when something is to be told, or when ``wait_s`` is over.

    Attributes:
        status: What it says of itself.
        key: The text whose digest is in its name.
        tokens: Of the tries that it has.
        claiming: Names of tickets that it is claiming, of which it may not know yet that they are its own.
        ending: Names of those that it was told to end, and has not ended yet.
        disowned: Names that `RenewalAnswer.doubtful` asked for, and of which it has none: it never heard that it had claimed them.
        wait_s: Seconds to wait with the answer.
        leaves: Whether it has no try, and says nothing more.
    """

    status: WorkerStatus
    key: str
    tokens: tuple[str, ...] = ()
    claiming: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    disowned: tuple[str, ...] = ()
    wait_s: float = 0.0
    leaves: bool = False


class RenewalAnswer(msgspec.Struct, frozen=True):
    """What a worker is told.

    Attributes:
        gone: Tokens of tries that are not its own any more: they are to be ended, and nothing is to be said of them.
        cancelled: Why tries are to be ended, by the names of their tickets.
        doubtful: Names of tries that it has by what is stored, and did not name: it is to disown those that it does not have. It is
            asked, since what it had said may have been on its way when it claimed them.
        drain: Whether it is to take no try any more, and to leave when it has none.
    """

    gone: tuple[str, ...] = ()
    cancelled: dict[str, str] = {}
    doubtful: tuple[str, ...] = ()
    drain: bool = False

    @property
    def empty(self) -> bool:
        """Whether it tells nothing."""
        return not (self.gone or self.cancelled or self.doubtful or self.drain)


class TryQuestion(msgspec.Struct, frozen=True):
    """``/asks``: what a try asks; answered by a `penstock.spec.wire.Reply`.

    Attributes:
        method: Of `penstock.spec.wire.Ask`.
        args: Its arguments.
        number: Tells it from all others of its try, and stays the same when it is asked again, as its answer was lost: nothing is
            done twice. "" if it is not known which it is.
    """

    token: str
    method: str
    args: tuple[Any, ...] = ()
    number: str = ""


class LogPiece(msgspec.Struct, frozen=True):
    """Output of a try, secrets hidden.

    Attributes:
        offset: Where it stands in the log that the server has.
        data: The bytes.
    """

    offset: int
    data: bytes


class TryReport(msgspec.Struct, frozen=True):
    """What is new of a try.

    Attributes:
        log: Output that the server may not have.
        end: How it ended, a `penstock.model.attempt.TryEnd` as MessagePack; None while it runs. It is stored after the output.
        given_back: Whether others are to have it: it has not begun here, and never will.
    """

    token: str
    log: LogPiece | None = None
    end: bytes | None = None
    given_back: bool = False


class Reports(msgspec.Struct, frozen=True):
    """``/reports``: what is new of a worker's tries."""

    tries: tuple[TryReport, ...]


class Reported(msgspec.Struct, frozen=True):
    """What the server has of a try.

    Attributes:
        known: Whether the try is the worker's; one that is not is to be ended.
        log_size: Bytes of its log that the server has; what was reported beyond it was not taken.
        ended: Whether its end is stored, or that it was given back: there is nothing more to say of it.
        problem: Why its log cannot be written; "" if it can.
    """

    known: bool = True
    log_size: int = 0
    ended: bool = False
    problem: str = ""


class ReportAnswer(msgspec.Struct, frozen=True):
    """What the server has of each try, in their order."""

    tries: tuple[Reported, ...]


class LockedDistribution(msgspec.Struct, frozen=True):
    """A distribution of an environment.

    Attributes:
        name: Its name.
        version: Its version.
        digest: Content hash of the list of its files, each with its own.
        size: Bytes of its files.
    """

    name: str
    version: str
    digest: str
    size: int


class EnvironmentLock(msgspec.Struct, frozen=True):
    """``/environments``: what the environment of an isolated provider holds, to the last file.

    Attributes:
        provider: Id of the provider.
        python: Version of its Python, without the last number, such as ``3.11``.
        abi: What compiled files of it are made for (``SOABI`` of `sysconfig`), such as ``cpython-311-x86_64-linux-gnu``.
        distributions: All of it, sorted.
        libc: The oldest glibc by which its compiled files can be loaded, such as ``(2, 28)``, by their wheels' tags; none for any.
    """

    provider: str
    python: str
    abi: str
    distributions: tuple[LockedDistribution, ...]
    libc: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """What the environment is known by: that of all that it says, so that an environment with another file has another."""
        return content_hash(msgspec.json.encode(self))
