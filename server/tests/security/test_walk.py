"""The walk: every operation is asked by everybody, for the own team's things and for another's, and no answer holds what it must not."""

import logging
import os

import pytest
from sqlalchemy import event

from penstock.model.access.permission import Permission
from penstock.model.access.principal import Principal
from penstock_testkit.nightly import thinned

from .asking import UNKNOWN, expected
from .two_teams import HASH, OURS, PEOPLE, REFUSED, SECRET, THEIRS

pytestmark = pytest.mark.xdist_group("two teams")

ALIKE = [name for name in PEOPLE if name.startswith(("only", "all"))]
"""Whose answers do not depend on whose things are asked for."""

ASKED = [(name, team) for name in PEOPLE for team in (OURS, THEIRS) if team == THEIRS or name not in ALIKE]


@pytest.mark.parametrize("name", REFUSED)
def test_who_is_not_let_in_is_told_the_same_by_every_route(world, requests, name):
    answers = {(answer.status, answer.body) for _, answer in world.asked(name, requests[THEIRS])}
    assert [status for status, _ in answers] == [UNKNOWN]


@pytest.mark.parametrize(("name", "team"), thinned([pytest.param(*each, id=" of ".join(each)) for each in ASKED], 3))
def test_everybody_may_what_is_granted_and_nothing_else_and_no_answer_tells_more(
    world, requests, shared_folder, name, team, caplog
):
    caplog.set_level(logging.DEBUG)
    grants, only = PEOPLE[name]
    wrong, sees_all = [], not name.startswith("ours")
    # Where things lie on the machine is for who may read the installation, and no error says so to anybody.
    folders = [str(each) for each in (shared_folder[0], world.installation.settings.root)]
    sees_folders = Principal(name, grants, only).may(Permission.INSTALLATION_READ)
    for request, answer in world.asked(name, requests[team]):
        wanted = expected(request, Principal(name, grants, only), (team,))
        if answer.status != wanted:
            wrong.append(
                f"{request.line} is answered with {answer.status}, and not with {wanted}: {answer.body[:300]!r}"
            )
        if answer.headers["x-content-type-options"] != "nosniff" or "html" in answer.headers["content-type"]:
            wrong.append(f"{request.line} may be taken for a page: {answer.headers}")
        text = f"{answer.headers} {answer.body.decode()}"
        if hidden := [each for each in (SECRET, HASH) if each in text]:
            wrong.append(f"{request.line} tells {hidden}: {text[:2000]}")
        if (not sees_folders or answer.status >= 400) and (told := [each for each in folders if each in text]):
            wrong.append(f"{request.line} tells of {told}: {text[:2000]}")
        if not sees_all and THEIRS in request.without_own_words(text):
            wrong.append(f"{request.line} tells of the other team: {text[:2000]}")
    assert wrong == []
    assert SECRET not in caplog.text
    assert SECRET not in repr(world.installation.store.audit.page(limit=10_000))


NOTES = {"list_changes": "It notes that somebody follows the changes, so that they are told."}
"""What reads and writes a row all the same, each with its reason."""


def test_what_reads_tells_no_process_anything_and_writes_nothing(world, requests, monkeypatch):
    told, found = [], set()
    for name in ("kill", "killpg"):
        monkeypatch.setattr(os, name, lambda *given: told.append(given))

    def note(_connection, _cursor, statement, *_):
        if not statement.lstrip().upper().startswith(("SELECT", "WITH", "PRAGMA", "BEGIN", "COMMIT", "ROLLBACK")):
            told.append(statement)

    world.call("all_admin")("GET", "/api/v1/dags")  # notes that the token is used
    engine = world.installation.store.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        for request, answer in world.asked("all_admin", [each for each in requests[OURS] if each.operation.reads]):
            if told:
                found.add(request.operation.name)
                told.clear()
            assert answer.status == expected(request, Principal("all_admin", *PEOPLE["all_admin"]), (OURS,))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert found == NOTES.keys()


def test_figures_name_what_may_be_seen(world):
    everything, ours = (world.call(name)("GET", "/metrics").body.decode() for name in ("all_viewer", "ours_looks"))
    for name in (OURS, THEIRS):
        assert f'"{name}.py"' in everything
        assert f'"{name}_pool"' in everything
    assert f'"{OURS}.py"' in ours
    assert f'"{OURS}_pool"' in ours
    assert THEIRS not in ours
    assert 'file="other"' in ours
    assert world.call("ours_viewer")("GET", "/metrics").status == 403
    assert world.call("nobody")("GET", "/metrics").status == 401
