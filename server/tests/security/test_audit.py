"""Every change is in the audit, with who, when, from where and why, in the transaction of the change: both, or neither."""

import logging

import pytest
from sqlalchemy import text

from .two_teams import NOW, OURS, SECRET

UNCHANGED = {
    "add_member": "The user is a member already.",
    "stop_draining": "No scheduler runs.",
    "pause": "It is not paused, as what is asked before it was refused.",
}
"""Changes of the walk that change nothing."""

KEPT_BESIDE = frozenset({"audit", "token", "user_session"})
"""Tables that a request writes before it asks for anything: when a token was last used."""


@pytest.fixture
def changes(requests):
    """What each operation that changes something is asked of the team's things, as an admin may."""
    return [each for each in requests[OURS] if not each.operation.reads]


def because(request):
    """The same request with a reason: in the body, or in the query of what has none."""
    if request.body is None:
        return f"{request.path}{'&' if '?' in request.path else '?'}why=because", None
    return request.path, {**request.body, "why": "because"}


def test_each_change_has_a_row_that_says_who_when_from_where_and_why(world, changes):
    call, wrong = world.call("all_admin"), []
    for each in changes:
        before = world.installation.store.audit.page(limit=1)[0].number
        answer = call(each.operation.method, *because(each))
        rows = [row for row in world.installation.store.audit.page(limit=50) if row.number > before]
        told = {(row.person, row.source, row.why, row.at) for row in rows}
        if (
            answer.status == 200
            and told != {("all_admin", "127.0.0.1", "because", NOW)}
            and each.operation.name not in ("add_member", "stop_draining")
        ):
            wrong.append(f"{each.line}: {told}")
        if SECRET in repr(rows):
            wrong.append(f"{each.line} tells a secret: {rows}")
    assert wrong == []


def dump(store):
    with store.database.read() as connection:
        names = (
            connection.execute(text("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"))
            .scalars()
            .all()
        )
        return {
            name: connection.execute(text(f'select * from "{name}"')).fetchall()
            for name in names
            if name not in KEPT_BESIDE
        }


def test_nothing_is_changed_that_the_audit_cannot_keep(world, changes, caplog):
    store, call = world.installation.store, world.call("all_admin")
    caplog.set_level(logging.CRITICAL)
    with store.transaction() as tx:
        tx.execute(
            text("create trigger no_audit before insert on audit begin select raise(abort, 'the audit is full'); end")
        )
    before, wrong = dump(store), []
    for each in changes:
        answer = call(each.operation.method, each.path, each.body)
        after = dump(store)
        changed = sorted(name for name in after if after[name] != before[name])
        if changed or (answer.status == 200 and each.operation.name not in UNCHANGED):
            wrong.append(f"{each.line} is answered with {answer.status}, and has changed {changed}")
        before = after
    assert wrong == []
