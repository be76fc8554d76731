"""Answers that last are counted by who asked, and keep nobody else waiting."""

import asyncio
import threading

import msgspec
import pytest

from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock_server.http.lasting.open_answers import MOST

from .conftest import LOGS, Sent

KINDS = {
    "events": ("/api/v1/events", "streams of events"),
    "log stream": (f"{LOGS}/stream", "log streams"),
    "log": (f"{LOGS}/content?dispatch=1", "downloads"),
    "export": ("/api/v1/export/runs", "downloads"),
}


def bearer(user):
    return {"authorization": f"Bearer {user.token}"}


class Begun:
    """Answers that nobody reads, until the end of the block."""

    def __init__(self, server):
        self._server, self._tasks, self.sent = server, [], []

    async def ask(self, path, **headers):
        self.sent.append(Sent(read=False))
        self._tasks.append(asyncio.create_task(self._server.ask(path, self.sent[-1], **headers)))

    async def all(self):
        await asyncio.gather(*(each.begun.wait() for each in self.sent))

    async def leave(self, number):
        self._tasks[number].cancel()
        await asyncio.wait({self._tasks[number]})

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for each in self._tasks:
            each.cancel()
        await asyncio.wait(self._tasks)


@pytest.mark.parametrize("kind", KINDS)
def test_one_user_has_so_many_open_and_the_next_is_told_to_come_later(server, kind):
    (path, told), ann, bob = KINDS[kind], server.user("ann"), server.user("bob")

    async def many():
        async with Begun(server) as begun:
            for _ in range(100):
                await begun.ask(path, **bearer(ann))
            await begun.all()
            refused = [each for each in begun.sent if each.status != 200]
            assert {each.status for each in refused} == {429}
            assert len(refused) == 100 - MOST
            assert f"ann has {MOST} {told} open, and may have no more. Close one.".encode() in refused[0].body
            assert refused[0].headers["retry-after"] == "5"
            await begun.leave(next(number for number, each in enumerate(begun.sent) if each.status == 200))
            for user in (ann, bob):
                await begun.ask(path, **bearer(user))
            await begun.all()
            assert [each.status for each in begun.sent[-2:]] == [200, 200]
        assert len(server.answers) == 0

    asyncio.run(many())


def test_a_problem_before_the_first_bit_is_no_open_answer(server):
    ann = server.user("ann")
    for path, status in ((f"{LOGS}/content?dispatch=9", 404), (f"{LOGS}/stream?dispatch=x", 400), (LOGS + "x", 404)):
        assert asyncio.run(server.get(path, **bearer(ann))).status == status
    assert len(server.answers) == 0


class Silent:
    """A log store that does not answer until it is let."""

    def __init__(self):
        self.answer = threading.Event()

    def read(self, _name, _offset):
        assert self.answer.wait(60)
        return iter(())

    def sealed(self, _name):
        return None


@pytest.fixture
def silent(installation, log, monkeypatch):
    """The log of the try is in a store that does not answer."""
    log.unlink()
    store = Silent()
    kept = msgspec.structs.replace(installation.settings.logs, store="kept://here")
    monkeypatch.setattr(installation, "_settings", msgspec.structs.replace(installation.settings, logs=kept))
    monkeypatch.setattr(type(installation.host), "log_store", lambda *_: store)
    yield store
    store.answer.set()


def test_whoever_asks_beside_answers_that_stand_still_waits_for_none_of_them(server, silent):
    people = [server.user(f"user{number}", Grant(Role.VIEWER, dags=("*",))) for number in range(50)]

    async def beside():
        tasks = [asyncio.create_task(server.get(f"{LOGS}/stream", **bearer(each))) for each in people]
        while len(server.answers) < len(people):
            await asyncio.sleep(0.001)
        new = server.user("new")
        health, listed = await asyncio.wait_for(
            asyncio.gather(server.get("/health/ready"), server.get("/api/v1/dags", **bearer(new))), 20
        )
        assert (health.status, listed.status) == (200, 200)
        assert not any(each.done() for each in tasks)
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
        silent.answer.set()

    asyncio.run(beside())
