"""Whoever loses the right to an answer that lasts gets no more of it: it says so and ends, or is cut."""

import asyncio
import json

import pytest

from penstock.model.feed.delta import TaskDelta
from penstock.model.source import ParsedFile
from penstock.model.state import TaskState
from penstock.service.access.grants import revoke
from penstock.service.access.tokens import end_session, revoke_token
from penstock.service.access.users import set_disabled, set_password
from penstock.store import LoaderCatalog

from .conftest import HASH, LOGS, Sent

LASTING = {
    "events": ("/api/v1/events", {}, "says so"),
    "log stream": (f"{LOGS}/stream", {}, "says so"),
    "log": (f"{LOGS}/content?dispatch=1", {}, "cut"),
    "log in lines": (f"{LOGS}/content?dispatch=1", {"accept": "application/x-ndjson"}, "cut"),
    "export": ("/api/v1/export/runs?dag_ids=sales", {}, "cut"),
    "export in lines": ("/api/v1/export/runs", {"accept": "application/x-ndjson"}, "cut"),
}
"""What lasts: its address, its headers, and what comes of it; what is cut is not read, as it would be over by then."""

TAKEN = {
    "token revoked": ("token", lambda it, user: revoke_token(it, user.token_id)),
    "user disabled": ("token", lambda it, user: set_disabled(it, user.name, disabled=True)),
    "grant taken": ("token", lambda it, user: revoke(it, user.grant)),
    "session ended": ("cookie", lambda it, user: end_session(it, user.session_id)),
    "user disabled, by session": ("cookie", lambda it, user: set_disabled(it, user.name, disabled=True)),
    "password changed": ("cookie", lambda it, user: set_password(it, user.name, HASH)),
    "tag moved": ("token", lambda it, user: move_tag(it)),
}


def move_tag(installation):
    found = installation.store.dags.row("sales").spec
    catalog = LoaderCatalog(installation.store, installation.store.config.variable_values, installation.now)
    others = [installation.store.dags.row("health").spec]
    moved = found.__class__(**{**{name: getattr(found, name) for name in found.__struct_fields__}, "tags": ("other",)})
    catalog.save(ParsedFile("sales.py", "snapshot", {}, {}, None, installation.now(), 0.1, (moved, *others), ()))
    catalog.close()


def known(user, by):
    return {"authorization": f"Bearer {user.token}"} if by == "token" else {"cookie": user.cookie}


CASES = [(lasts, taken) for lasts in LASTING for taken in TAKEN if (lasts, taken) != ("events", "tag moved")]


@pytest.mark.parametrize(("lasts", "taken"), CASES)
def test_an_answer_ends_with_the_right_to_it(serve, installation, lasts, taken):
    (path, headers, how), (by, take) = LASTING[lasts], TAKEN[taken]
    server = serve(20 if how == "says so" else 0.01)
    user = server.user("ann")
    sent = Sent(read=how == "says so")

    async def lose():
        answer = asyncio.create_task(server.ask(path, sent, **headers, **known(user, by)))
        await asyncio.wait_for(sent.begun.wait(), 60)
        await asyncio.to_thread(take, installation, user)
        await asyncio.wait_for(answer, 60)

    asyncio.run(lose())
    assert (sent.status, len(server.answers)) == (200, 0), sent.body
    assert sent.whole == (how == "says so")
    if how == "says so":
        assert sent.body.splitlines()[-1 if path.startswith(LOGS) else -2].startswith(
            (b'{"problem":', b'data: {"reason":')
        )


@pytest.mark.parametrize("lasts", LASTING)
@pytest.mark.parametrize("by", ["token", "cookie"])
def test_an_answer_goes_on_while_nothing_was_taken(server, installation, lasts, by):
    path, headers, _ = LASTING[lasts]
    user, other = server.user("ann"), server.user("bob")
    sent = Sent(read=False)

    async def keep():
        answer = asyncio.create_task(server.ask(path, sent, **headers, **known(user, by)))
        await asyncio.wait_for(sent.begun.wait(), 60)
        looks = []
        in_thread = server.answers.known.in_thread

        async def counted(call):
            looks.append(call)
            return await in_thread(call)

        server.answers.known.in_thread = counted
        await asyncio.to_thread(set_disabled, installation, other.name, disabled=True)  # all are asked about again
        while len(looks) < 3:
            await asyncio.sleep(0.001)
            installation.clock.advance(0.5)
        assert not answer.done()
        answer.cancel()
        await asyncio.wait({answer})

    asyncio.run(keep())
    assert len(server.answers) == 0


def test_a_stream_of_events_is_told_no_more_of_a_dag_that_has_lost_its_tag(serve, installation):
    server = serve(20)
    user, sent = server.user("ann"), Sent(read=True)

    def change(dag_id, task_id):
        with installation.store.transaction() as tx:
            tx.add_deltas(
                [TaskDelta(1, task_id, -1, TaskState.RUNNING, dag_id=dag_id, run_id="one")], installation.now()
            )

    async def hear(text):
        while text not in sent.body:
            await asyncio.sleep(0.001)

    async def lose():
        answer = asyncio.create_task(server.ask("/api/v1/events", sent, **known(user, "token")))
        await asyncio.wait_for(hear(b"ready"), 60)
        change("sales", "before")
        await asyncio.wait_for(hear(b"before"), 60)
        await asyncio.to_thread(move_tag, installation)
        change("sales", "behind")
        await asyncio.to_thread(revoke, installation, user.grant)
        await asyncio.wait_for(answer, 60)

    asyncio.run(lose())
    assert b"behind" not in sent.body
    told = [line for line in sent.body.splitlines() if line.startswith(b"data: ")]
    assert "has ended" in json.loads(told[-1][6:])["reason"]
