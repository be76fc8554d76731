"""Tries that remote executors offer, workers claim and end, and schedulers hear of.

Each step of a try is one conditional statement: of two who take the same ticket one finds no row, and so does whoever says something
of a try that was given up. A row is deleted once its scheduler has stored what it told.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from sqlalchemy import Dialect, and_, bindparam, delete, exists, or_, select, update

from penstock.model.remote.remote_try import ClaimedTry, HeldTry, OfferedTry, RemoteNews, RemoteState
from penstock.model.run import TaskKey
from penstock.store.sql import bulk
from penstock.store.sql.database import Database
from penstock.store.sql.remote.remote_tables import remote_try, remote_worker
from penstock.store.sql.tables import attempt
from penstock.store.transaction import Transaction, Writer

REMOTE, WORKERS = "remote", "workers"
"""Topics: something has become of an offered try, or a worker has come; a worker is to be told something."""

_t = remote_try.c
_OFFERED = (
    "name", "run", "task_id", "map_index", "epoch", "dag_id", "run_id", "executor", "queue", "owner", "state", "received",
    "request", "lease_s", "offered_at",
)  # fmt: skip
MOST_NAMES = 5_000
"""Names in one statement: each is a parameter, and databases bound their number."""
_NEWS = (_t.name, _t.state, _t.worker, _t.claimed_at, _t.ended_at, _t.ended, _t.received)
_named = _t.name.in_(bindparam("names", expanding=True))
NEWS = (
    select(*_NEWS)
    .where(_t.owner == bindparam("owner"), _t.executor == bindparam("executor"), _t.state != _t.received)
    .limit(1_000)
)
FOUND = select(*_NEWS).where(_named)
OWNED = select(_t.name).where(_t.owner == bindparam("owner"), _t.executor == bindparam("executor"))
OWNERS = select(_t.name, _t.owner).where(_named)
_a = attempt.c
_open = exists().where(
    _a.run == _t.run, _a.task_id == _t.task_id, _a.map_index == _t.map_index, _a.epoch == _t.epoch, _a.outcome.is_(None)
)
LEFT = select(_t.name).where(_t.executor == bindparam("executor"), ~_open)
OPEN = select(_a.run).where(
    _a.run == bindparam("run"), _a.task_id == bindparam("task_id"), _a.map_index == bindparam("map_index"),
    _a.epoch == bindparam("epoch"), _a.outcome.is_(None),
)  # fmt: skip
ADOPT = update(remote_try).where(_named).values(owner=bindparam("new_owner"))
FORGET = delete(remote_try).where(_named)
_owned = _t.owner == bindparam("by_owner")
# A scheduler may not know yet that a DAG has moved: what it does then is done to none of the new owner's tries.
RECEIVED_CLAIM = (
    update(remote_try)
    .where(_named, _owned, _t.worker == bindparam("by"), _t.received == RemoteState.OFFERED)
    .values(received=RemoteState.CLAIMED)
)
RECEIVED_OFFER = (
    update(remote_try).where(_named, _owned, _t.state == RemoteState.OFFERED).values(received=RemoteState.OFFERED)
)
FORGET_RECEIVED = delete(remote_try).where(_named, _owned)
WITHDRAW = delete(remote_try).where(_named, _owned, _t.state == RemoteState.OFFERED).returning(_t.name)
ABANDON = delete(remote_try).where(_named, _owned, _t.state != RemoteState.ENDED).returning(_t.name)
CANCEL = (
    update(remote_try)
    .where(_named, _owned, _t.state == RemoteState.CLAIMED)
    .values(cancelled=bindparam("reason"))
    .returning(_t.name)
)
# A worker whose claim was stored, and which did not hear so, asks again and is told the same.
CLAIM = (
    update(remote_try)
    .where(
        _named,
        or_(
            _t.state == RemoteState.OFFERED,
            and_(_t.state == RemoteState.CLAIMED, _t.claim == bindparam("by_claim"), _t.worker == bindparam("by")),
        ),
    )
    .values(
        state=RemoteState.CLAIMED,
        received=RemoteState.OFFERED,
        claim=bindparam("by_claim"),
        worker=bindparam("by"),
        claimed_at=bindparam("at"),
    )
    .returning(_t.name, _t.request, _t.lease_s, _t.executor)
)
HELD = select(
    _t.name, _t.claim, _t.run, _t.task_id, _t.map_index, _t.epoch, _t.dag_id, _t.run_id, _t.executor, _t.state, _t.cancelled
).where(_named)  # fmt: skip
# Its scheduler is to hear of it even if it has not heard of the claim.
GIVE_BACK = (
    update(remote_try)
    .where(
        _t.name == bindparam("of"), _t.claim == bindparam("by_claim"), _t.state == RemoteState.CLAIMED, _t.cancelled == ""
    )
    .values(state=RemoteState.OFFERED, received=RemoteState.CLAIMED, claim="", worker="", claimed_at=None)
)  # fmt: skip
REQUEST = select(_t.request).where(_t.name == bindparam("of"), _t.claim == bindparam("by_claim"), _t.claim != "")
GIVE_UP = (
    update(remote_try)
    .where(_named, _t.worker == bindparam("by"), _t.state == RemoteState.CLAIMED)
    .values(state=RemoteState.ENDED, ended=bindparam("with"), ended_at=bindparam("at"))
)
NOTE = update(remote_try).where(_t.name == bindparam("of")).values(note=bindparam("note"))
NOTED = select(_t.note).where(
    _t.run == bindparam("run"),
    _t.task_id == bindparam("task_id"),
    _t.map_index == bindparam("map_index"),
    _t.epoch == bindparam("epoch"),
)
OF_WORKER = select(_t.name).where(
    _t.worker == bindparam("worker"), _t.state == RemoteState.CLAIMED, _t.claimed_at < bindparam("before")
)
CANCELLED = select(_t.worker, _t.name, _t.cancelled).where(
    _t.worker.in_(bindparam("workers", expanding=True)), _t.state == RemoteState.CLAIMED, _t.cancelled != ""
)


class _Statements:
    """What each try is written by, made once for a dialect: one round trip carries them out with the end of their transaction."""

    def __init__(self, dialect: Dialect) -> None:
        self.offer = bulk.insert(dialect, remote_try, _OFFERED)
        state, claimed = f"state = '{RemoteState.ENDED}'", f"state = '{RemoteState.CLAIMED}'"
        ended = ("ended", "ended_at", "name", "claim")
        joined = (
            f"FROM {bulk.given_rows(dialect, remote_try, ended)} WHERE t.name = given.name AND t.claim = given.claim"
        )
        self.end = bulk.BulkStatement(
            dialect,
            remote_try,
            ended,
            f"UPDATE remote_try SET {state}, ended = ?, ended_at = ? WHERE name = ? AND claim = ? AND {claimed}",
            f"UPDATE remote_try t SET {state}, ended = given.ended, ended_at = given.ended_at {joined} AND t.{claimed}",
        )
        beat = ("worker", "executor", "started_at", "seen_at")
        rest = {"queues": "''", "host": "''", "version": "''", "slots": "0", "running": "0", "draining": "FALSE",
                "drain_requested": "FALSE", "beats": "1", "period_s": "0"}  # fmt: skip
        into = f"INSERT INTO remote_worker ({', '.join((*beat, *rest))})"
        given = f"{', '.join(beat)}, {', '.join(rest.values())}"
        known = "ON CONFLICT (worker) DO UPDATE SET beats = remote_worker.beats + 1, seen_at = excluded.seen_at"
        self.beat = bulk.BulkStatement(
            dialect,
            remote_worker,
            beat,
            f"{into} VALUES (?, ?, ?, ?, {', '.join(rest.values())}) {known}",
            f"{into} SELECT {given} FROM {bulk.given_rows(dialect, remote_worker, beat)} {known}",
        )


class RemoteTries:
    """Reads and writes them. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    @cached_property
    def _statements(self) -> "_Statements":
        return _Statements(self._database.engine.dialect)

    def offer(self, tries: Sequence[OfferedTry], owner: str, now: datetime) -> None:
        """Offer tries to workers; their scheduler is told what becomes of them under a name of its own."""
        if tries:
            with self._writer.transaction() as tx:
                self.offer_in(tx, tries, owner, now)

    def offer_in(self, tx: Transaction, tries: Sequence[OfferedTry], owner: str, now: datetime) -> None:
        """Offer tries by a transaction that does more; what it cannot store of them is raised at its end."""
        offered = RemoteState.OFFERED
        rows = [
            (t.name, *t.key, t.epoch, t.dag_id, t.run_id, t.executor, t.queue, owner, offered, offered, t.request, t.lease_s, now)
            for t in tries
        ]  # fmt: skip
        tx.add(self._statements.offer, rows)

    def adopt(self, names: Collection[str], owner: str) -> dict[str, RemoteNews]:
        """Have a new owner told of tries; returns what has become of those that are there, by name."""
        if not names:
            return {}
        found: dict[str, RemoteNews] = {}
        with self._writer.transaction() as tx:
            for part in _parts(names):
                tx.execute(ADOPT, {"names": part, "new_owner": owner})
                rows = tx.connection.execute(FOUND, {"names": part})
                found |= {(news := _news(*row)).name: news for row in rows}
        return found

    def owned(self, owner: str, executor: str) -> set[str]:
        """Names of all that an owner is told of."""
        with self._database.read() as connection:
            return set(connection.execute(OWNED, {"owner": owner, "executor": executor}).scalars())

    def owners(self, names: Collection[str]) -> dict[str, str]:
        """Who is told of tries, by name; those that are not there are left out."""
        with self._database.read() as connection:
            return {
                name: owner for part in _parts(names) for name, owner in connection.execute(OWNERS, {"names": part})
            }

    def left(self, executor: str) -> set[str]:
        """Names of an executor's tries that have an outcome, or whose task instances have moved on: nobody waits for them."""
        with self._database.read() as connection:
            return set(connection.execute(LEFT, {"executor": executor}).scalars())

    def is_open(self, key: TaskKey, epoch: int) -> bool:
        """Whether a try has no outcome yet."""
        with self._database.read() as connection:
            return connection.execute(OPEN, {**key._asdict(), "epoch": epoch}).first() is not None

    def remove(self, names: Collection[str]) -> None:
        """Remove tries for which nobody waits; whoever has one is told to end it."""
        if names:
            with self._writer.transaction() as tx:
                for part in _parts(names):
                    tx.execute(FORGET, {"names": part})
                tx.wake(WORKERS)

    def news(self, owner: str, executor: str) -> list[RemoteNews]:
        """What has become of an owner's tries that it has not said it heard; some of it if there is much."""
        with self._database.read() as connection:
            return [_news(*row) for row in connection.execute(NEWS, {"owner": owner, "executor": executor})]

    def received(
        self,
        owner: str,
        claimed: Mapping[str, Collection[str]],
        ended: Collection[str] = (),
        offered: Collection[str] = (),
    ) -> None:
        """Note what an owner was told, and has stored elsewhere.

        Args:
            owner: Whose tries these are; what was moved to another stays as it is.
            claimed: Names of tries that were claimed, by the worker that has them; they are told no more.
            ended: Names of those that have ended; they are gone.
            offered: Names of those that were given back; they are told no more, unless they are claimed.
        """
        if not (claimed or ended or offered):
            return
        with self._writer.transaction() as tx:
            for worker, names in claimed.items():
                for part in _parts(names):
                    tx.execute(RECEIVED_CLAIM, {"names": part, "by": worker, "by_owner": owner})
            for part in _parts(offered):
                tx.execute(RECEIVED_OFFER, {"names": part, "by_owner": owner})
            for part in _parts(ended):
                tx.execute(FORGET_RECEIVED, {"names": part, "by_owner": owner})

    def cancel(self, names: Collection[str], reason: str, owner: str) -> tuple[set[str], set[str]]:
        """Take an owner's tries back; returns those that nobody had claimed, which are gone, and those that their workers are to end."""
        withdrawn: set[str] = set()
        asked: set[str] = set()
        with self._writer.transaction() as tx:
            for part in _parts(names):
                given = {"names": part, "by_owner": owner}
                withdrawn |= set(tx.execute(WITHDRAW, given).scalars())
                asked |= set(tx.execute(CANCEL, {**given, "reason": reason or "cancelled"}).scalars())
            if asked:
                tx.wake(WORKERS)
        return withdrawn, asked

    def abandon(self, names: Collection[str], owner: str) -> set[str]:
        """Give an owner's tries up, whatever worker has them; returns those that had not ended, which are gone."""
        given_up: set[str] = set()
        with self._writer.transaction() as tx:
            for part in _parts(names):
                given_up |= set(tx.execute(ABANDON, {"names": part, "by_owner": owner}).scalars())
            if given_up:
                tx.wake(WORKERS)
        return given_up

    def note(self, notes: Mapping[str, str]) -> None:
        """Keep what tries wait for, by name."""
        if notes:
            with self._writer.transaction() as tx:
                tx.execute_many(NOTE, [{"of": name, "note": note} for name, note in notes.items()])

    def noted(self, key: TaskKey, epoch: int) -> str:
        """What a try waits for at its executor; "" if nothing is known of that."""
        with self._database.read() as connection:
            return connection.execute(NOTED, {**key._asdict(), "epoch": epoch}).scalar() or ""

    def claim(self, names: Collection[str], claim: str, worker: str, now: datetime) -> list[ClaimedTry]:
        """Claim tries for a worker; those that it does not get are left out. It wakes nobody: their ends do.

        Args:
            names: Of the tickets.
            claim: A text of the worker's own, which it repeats when it asks again.
            worker: The worker.
            now: The present.
        """
        with self._writer.transaction() as tx:
            found = tx.execute(CLAIM, {"names": list(names), "by_claim": claim, "by": worker, "at": now}).all()
            if found:
                # From its claim on, a worker's tries have their leases; one that was started for a ticket is not known yet.
                tx.add(self._statements.beat, [(worker, found[0].executor, now, now)])
        return [ClaimedTry(each.name, each.request, each.lease_s) for each in found]

    def held(self, claims: Mapping[str, str]) -> dict[str, HeldTry]:
        """The tries of these claims, by name; those that were given up, or that others have claimed, are left out."""
        with self._database.read() as connection:
            rows = [row for part in _parts(claims) for row in connection.execute(HELD, {"names": part})]
        return {
            name: HeldTry(TaskKey(*key), epoch, dag_id, run_id, executor, state == RemoteState.ENDED, cancelled)
            for name, claim, *key, epoch, dag_id, run_id, executor, state, cancelled in rows
            if claim and claims[name] == claim
        }

    def end(self, ends: Sequence[tuple[str, str, bytes]], now: datetime) -> None:
        """Store how tries ended, by name and claim; one whose end is stored, or that was given up, stays as it is."""
        with self._writer.transaction() as tx:
            tx.add(self._statements.end, [(end, now, name, claim) for name, claim, end in ends])
            tx.wake(REMOTE)

    def give_up(self, names: Collection[str], worker: str, end: bytes, now: datetime) -> None:
        """Store how tries of a worker ended that it does not know of."""
        with self._writer.transaction() as tx:
            tx.execute(GIVE_UP, {"names": list(names), "by": worker, "with": end, "at": now})
            tx.wake(REMOTE)

    def give_back(self, claims: Mapping[str, str]) -> set[str]:
        """Offer tries again that their workers have not begun, by name and claim; returns those that are, the others were cancelled."""
        with self._writer.transaction() as tx:
            offered = {
                name
                for name, claim in claims.items()
                if tx.execute(GIVE_BACK, {"of": name, "by_claim": claim}).rowcount
            }
            tx.wake(REMOTE)
        return offered

    def request(self, name: str, claim: str) -> bytes | None:
        """The request of a try that was claimed so; None if there is none."""
        with self._database.read() as connection:
            found: bytes | None = connection.execute(REQUEST, {"of": name, "by_claim": claim}).scalar()
        return found

    def of_worker(self, worker: str, before: datetime) -> list[str]:
        """The tries that a worker claimed before an instant, and has by what is stored."""
        with self._database.read() as connection:
            return list(connection.execute(OF_WORKER, {"worker": worker, "before": before}).scalars())

    def cancelled(self, workers: Collection[str]) -> dict[str, dict[str, str]]:
        """The tries of workers that are to be ended, with why, by worker and name."""
        found: dict[str, dict[str, str]] = {}
        with self._database.read() as connection:
            for worker, name, reason in connection.execute(CANCELLED, {"workers": list(workers)}):
                found.setdefault(worker, {})[name] = reason
        return found


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    """Names in as many parts as it takes."""
    given = list(names)
    for at in range(0, len(given), MOST_NAMES):
        yield given[at : at + MOST_NAMES]


def _news(
    name: str,
    state: str,
    worker: str,
    claimed_at: datetime | None,
    ended_at: datetime | None,
    ended: bytes | None,
    received: str,
) -> RemoteNews:
    return RemoteNews(name, RemoteState(state), worker, claimed_at, ended_at, ended, received != RemoteState.OFFERED)
