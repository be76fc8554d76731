"""What the notifier reads and notes: changes of states, and how far each listener has heard them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select, text

from penstock.model.notice import Notice
from penstock.store import outbox, tables
from penstock.store.rows import Codec
from penstock.store.writer import Writer

_NOTE = text(
    "UPDATE listener SET heard = CASE WHEN heard < :heard THEN :heard ELSE heard END, missed = missed + :missed, "
    "failed = :failed, broken = :broken, failure = :failure, failed_at = :failed_at WHERE provider = :provider"
)


class Listener(msgspec.Struct, frozen=True):
    """A provider that listens, and how it fares.

    Attributes:
        heard: Number of the last notice that it needs to hear no more.
        failed: Changes at which its impl raised, took too long, or ended its process.
        missed: Changes that it was never told: they were dropped because it was too far behind, or its module cannot
            be loaded.
        broken: Why its plugin module cannot be loaded, as a sentence; "" if it can.
        failure: What went wrong at the last change that failed, as a sentence.
        failed_at: When that was.
        waiting: Changes that it has yet to hear.
    """

    provider: str
    heard: int = 0
    failed: int = 0
    missed: int = 0
    broken: str = ""
    failure: str = ""
    failed_at: datetime | None = None
    waiting: int = 0


class Notices(Writer):
    """The notifier's side of the outbox; a part of `penstock.store.Store`."""

    codec: Codec

    def attend(self, providers: Sequence[str]) -> list[Listener]:
        """Note who listens, and forget all others; a new one begins with the oldest change that is kept."""
        with self.transaction() as tx:
            tx.execute(delete(tables.listener).where(tables.listener.c.provider.not_in(providers)))
            tx.insert_absent(tables.listener, [{"provider": each} for each in providers])
        return self.listeners()

    def listeners(self) -> list[Listener]:
        """Everybody who listens, by provider id."""
        listener, notice = tables.listener.c, tables.notice.c
        waiting = select(func.count()).where(notice.number > listener.heard).scalar_subquery().label("waiting")
        names = [listener[name] for name in Listener.__struct_fields__[:-1]]
        with self.database.read() as connection:
            found = connection.execute(select(*names, waiting).order_by("provider")).mappings()
            return [Listener(**{str(name): value for name, value in row.items()}) for row in found]

    def notices(self, after: int, limit: int) -> list[tuple[int, Notice]]:
        """The oldest notices with a number above ``after``, in their order, ``limit`` at most."""
        n = tables.notice.c
        query = select(n.number, n.body).where(n.number > after).order_by(n.number).limit(limit)
        with self.database.read() as connection:
            return [(number, outbox.read(body)) for number, body in connection.execute(query)]

    def note_heard(self, listeners: Sequence[Listener]) -> dict[str, int]:
        """Note how far listeners have come, and delete what all of them have heard.

        Args:
            listeners: Their rows, with ``missed`` counting only what came to it since the last call.

        Returns:
            How many changes each listener of the database has missed in all.
        """
        heard = tables.listener.c.heard
        with self.transaction() as tx:
            for each in listeners:
                given = {**msgspec.structs.asdict(each), "failed_at": self.codec.at(each.failed_at)}
                del given["waiting"]
                tx.execute(_NOTE.bindparams(**given))
            everybody = select(func.coalesce(func.min(heard), 0)).scalar_subquery()
            tx.execute(delete(tables.notice).where(tables.notice.c.number <= everybody))
            found = tx.execute(select(tables.listener.c.provider, tables.listener.c.missed))
            return {row.provider: row.missed for row in found}

    def drop_notices(self, before: datetime) -> int:
        """Drop notices from before an instant, heard or not; returns how many went."""
        with self.database.read() as connection:
            last = outbox.last_before(connection, self.codec, before)
        if not last:
            return 0
        with self.transaction() as tx:
            return tx.drop_notices(last)
