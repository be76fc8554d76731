"""The execution API without HTTP: what workers on other machines may ask, each by what it shows."""

import re
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from penstock.errors import NotFoundError, RequestError
from penstock.model.attempt import TryEnd
from penstock.model.remote.execution_messages import (
    MOST_AT_ONCE,
    ClaimAnswer,
    Claimed,
    ClaimTickets,
    Renewal,
    RenewalAnswer,
    ReportAnswer,
    Reported,
    Reports,
    TryQuestion,
    TryReport,
    is_worker,
)
from penstock.model.remote.remote_try import HeldTry, WorkerStatus
from penstock.model.state import Outcome
from penstock.model.text import visible
from penstock.service.execution.asks_once import CHANGES, AsksOnce
from penstock.service.execution.late_wakeup import LateWakeup
from penstock.service.execution.log_folder import LogFolder
from penstock.service.execution.remote_logs import RemoteLogs
from penstock.service.execution.try_files import TryFiles
from penstock.service.installation import Installation
from penstock.spec.wire import Ask, Reply
from penstock.tries.asks import Asks, answered
from penstock.tries.remote.tickets import claim_of, opened, token
from penstock.tries.vault import finished

CLAIMING_S = 30.0
"""Seconds after a claim in which a worker may not know of it."""
MOST_HELD = 5_000
"""Tries of one worker: a renewal names all of them."""
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,120}")
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLAIM = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LARGEST_PERIOD_S, _MOST_SLOTS, _MOST_DONE, _LARGEST = 300.0, 10_000, 2**53, 1e12

_encode = msgspec.msgpack.Encoder().encode
_LOST = _encode(TryEnd(Outcome.LOST, "its worker does not have it: the answer to its claim was lost"))
_LEFT = _encode(TryEnd(Outcome.LOST, "its worker left"))


class _Written(NamedTuple):
    """What a report left: what is told of it, and whether all of its output is here."""

    answer: Reported
    whole: bool


class Execution:
    """Answers workers of one installation.

    A ticket, or a token of a claim, is all that counts: a worker reads and writes nothing but what its own tries may.

    Args:
        installation: The installation.

    Attributes:
        files: What workers fetch for their tries.

    Raises:
        ConfigError: There is no key.
        StoreError: The database failed.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation, self._clock = installation, installation.clock
        self._store = installation.store
        self._keyring, self._tries = self._store.keyring, self._store.remote_tries
        self._vault = installation.vault
        self._asks, self._once = Asks(self._store, self._clock, self._vault), AsksOnce(self._store)
        settings = installation.settings
        self._log_folder = LogFolder(self._store, settings.logs_folder)
        self._logs = RemoteLogs(settings.logs_folder, settings.logs.try_mb << 20)
        self.files = TryFiles(self._keyring, self._tries, settings.state_folder / "snapshots", settings.isolated_file)
        self._one_at_a_time, self._late_wakeup = threading.Lock(), LateWakeup(self._store.wakeups)

    def lets_in(self, shown: str) -> bool:
        """Whether somebody shows a ticket or a token that this installation has made, whatever it is good for now."""
        return bool(opened(self._keyring, shown)) or claim_of(self._keyring, shown) is not None

    def claim(self, asked: ClaimTickets) -> ClaimAnswer:
        """Exchange tickets for tries; who is too late for one does not get it.

        Raises:
            RequestError: The worker, or its text for this claim, is none; or there are too many tickets.
            StoreError: The database failed.
        """
        _check_worker(asked.worker, asked.key)
        _check("claim", asked.claim, _CLAIM)
        _check_number(asked.tickets)
        tickets = {name: ticket for ticket in asked.tickets if (name := opened(self._keyring, ticket))}
        foreign = tuple(set(asked.tickets) - set(tickets.values()))
        if not tickets:
            return ClaimAnswer((), foreign)
        got = self._tries.claim(tickets, asked.claim, asked.worker, self._clock.now())
        if got:
            self._late_wakeup.wake()
        return ClaimAnswer(
            tuple(
                Claimed(tickets[each.name], token(self._keyring, each.name, asked.claim), each.request, each.lease_s)
                for each in got
            ),
            foreign,
        )

    def renew(self, asked: Renewal, *, announced: bool) -> tuple[str, ...]:
        """Note that a worker lives.

        Args:
            asked: What it says.
            announced: Whether it may announce slots: a worker that only has a ticket has none.

        Returns:
            The names of tries that it has by what is stored, and does not name.

        Raises:
            RequestError: It says nothing that can be believed.
            StoreError: The database failed.
        """
        _check_worker(asked.status.worker, asked.key)
        for each in (asked.tokens, asked.claiming, asked.ending, asked.disowned):
            _check_number(each, MOST_HELD)
        worker, now = asked.status.worker, self._clock.now()
        if asked.leaves:
            self._store.remote_workers.forget([worker])
            if left := self._tries.of_worker(worker, now + timedelta(seconds=1)):
                self._tries.give_up(left, worker, _LEFT, now)
            return ()
        held = self._held(asked.tokens)
        status = _bounded(asked.status)
        if not announced:
            if not held:
                return ()
            status = replace(status, executor=next(iter(held.values())).executor, queues=(), slots=0)
        self._store.remote_workers.renew(status, now)
        if asked.disowned:
            self._tries.give_up(asked.disowned, worker, _LOST, now)
        has = {each.partition(".")[0] for each in asked.tokens} | set(asked.claiming)
        # What it claims at this moment it may not have said when it spoke.
        return tuple(
            name for name in self._tries.of_worker(worker, now - timedelta(seconds=CLAIMING_S)) if name not in has
        )

    def answers(self, asked: Sequence[Renewal]) -> list[RenewalAnswer]:
        """What workers are to be told now, each by what it said last; raises StoreError."""
        held = self._held([token for each in asked for token in each.tokens])
        cancelled = self._tries.cancelled([each.status.worker for each in asked])
        draining = self._store.remote_workers.drain_requested()
        return [
            RenewalAnswer(
                tuple(token for token in each.tokens if token not in held),
                {
                    name: reason
                    for name, reason in cancelled.get(each.status.worker, {}).items()
                    if name not in each.ending
                },
                drain=each.status.worker in draining and not each.status.draining,
            )
            for each in asked
        ]

    def ask(self, asked: TryQuestion) -> Reply:
        """Answer what a try asks; the error that it raises there, if it cannot be answered.

        Raises:
            NotFoundError: The try is not the worker's any more.
            RequestError: Its number is none.
            StoreError: The database failed: the question can be asked again.
        """
        held = self._held([asked.token]).get(asked.token)
        if held is None or held.ended:
            raise NotFoundError("try", "of this token", hint="It was given up: end it.")

        def reply() -> Reply:
            found = self._asks.begin(held.key, held.epoch, Ask(asked.method, asked.args))
            return found if isinstance(found, Reply) else finished(found)

        if asked.method in CHANGES and asked.number:
            _check("number", asked.number, _NUMBER)
            name = asked.token.partition(".")[0]
            return self._once.answer(name, asked.number, asked.method, self._clock.now(), lambda: answered(reply))
        if not self._vault.backends:
            return answered(reply)
        with self._one_at_a_time:  # the line to a secrets backend's process is one
            return answered(reply)

    def report(self, asked: Reports) -> ReportAnswer:
        """Write what is new of tries: first their logs, then their ends; raises RequestError or StoreError."""
        _check_number(asked.tries)
        held = self._held([each.token for each in asked.tries])
        if held:
            self._log_folder.note(self._clock.now())
        reported = [self._reported(each, held.get(each.token)) for each in asked.tries]
        ends = {
            each.token: (claim.name, claim.claim, each.end)
            for each, found in zip(asked.tries, reported, strict=True)
            # Whoever has heard of an end sends the log no more: it is stored once all that was sent with it is written.
            if each.end is not None and found.whole and (claim := claim_of(self._keyring, each.token)) is not None
        }
        if ends:
            self._tries.end(list(ends.values()), self._clock.now())
        back = [each.token for each in asked.tries if each.given_back and each.token in held]
        over = ends.keys() | (self._given_back(back) if back else set())
        return ReportAnswer(
            tuple(
                replace(found.answer, ended=found.whole and each.token in over)
                for each, found in zip(asked.tries, reported, strict=True)
            )
        )

    def _given_back(self, tokens: Sequence[str]) -> set[str]:
        """Offer tries again that had not begun; those that were cancelled meanwhile are not."""
        claims = {token: claim for token in tokens if (claim := claim_of(self._keyring, token)) is not None}
        offered = self._tries.give_back({claim.name: claim.claim for claim in claims.values()})
        return {token for token, claim in claims.items() if claim.name in offered}

    def _held(self, tokens: Sequence[str]) -> dict[str, HeldTry]:
        """The tries of tokens that are good, by token."""
        claims = {each: claim for each in tokens if (claim := claim_of(self._keyring, each)) is not None}
        if not claims:
            return {}
        asked = {claim.name: claim.claim for claim in claims.values()}
        found = self._tries.held(asked)
        return {
            each: found[claim.name]
            for each, claim in claims.items()
            if claim.name in found and asked[claim.name] == claim.claim
        }

    def _reported(self, report: TryReport, held: HeldTry | None) -> _Written:
        if held is None:
            return _Written(Reported(known=False), whole=False)
        if report.log is None:
            return _Written(Reported(log_size=self._logs.size(held)), whole=True)
        answer = self._logs.write(held, report.log)
        return _Written(answer, answer.log_size >= report.log.offset + len(report.log.data))


def _check(what: str, text: str, allowed: "re.Pattern[str]") -> None:
    if not allowed.fullmatch(text):
        raise RequestError(f"{what} {text[:100]!r}: it must match {allowed.pattern}")


def _check_worker(name: str, key: str) -> None:
    _check("worker", name, _NAME)
    if not is_worker(name, key):
        raise RequestError(f"worker {name!r}: it is the name of another, whose digest is of another key")


def _check_number(given: Sequence[object], most: int = MOST_AT_ONCE) -> None:
    if len(given) > most:
        raise RequestError(f"{len(given)} at once: send {most} at most")


def _number(given: float) -> float:
    return max(0.0, min(given, _LARGEST)) if given == given else 0.0  # noqa: PLR0124 - what is no number is not itself


def _bounded(status: WorkerStatus) -> WorkerStatus:
    """What a worker says of itself, as it can be stored."""
    return replace(
        status,
        executor=visible(status.executor[:250]),
        queues=tuple(
            visible(each[:250]) for each in status.queues[:100] if each and not any(c.isspace() for c in each)
        ),
        host=visible(status.host[:250]),
        version=visible(status.version[:50]),
        slots=max(0, min(status.slots, _MOST_SLOTS)),
        running=max(0, min(status.running, _MOST_SLOTS)),
        period_s=max(0.0, min(status.period_s, _LARGEST_PERIOD_S)),
        done=max(0, min(status.done, _MOST_DONE)),
        failed=max(0, min(status.failed, status.done, _MOST_DONE)),
        taken_s=_number(status.taken_s),
        load=None if status.load is None else _number(status.load),
    )
