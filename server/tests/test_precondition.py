"""A change is made only if a thing is as it was read, where a request says how that was: in the change's own transaction."""

import pytest
from msgspec.structs import replace
from starlette.requests import Request

from penstock.errors import ForbiddenError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Principal, everywhere
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.limits.rate import RateUsed
from penstock.service.access.grants import add_team
from penstock.service.access.users import add_user
from penstock.service.config.connections import set_connection
from penstock.service.config.pools import set_pool
from penstock.service.config.variables import set_variable
from penstock.service.operations.table import operations
from penstock_server.http.api import Api
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.changes.precondition import precondition, readers
from penstock_server.http.lasting.open_answers import OpenAnswers


@pytest.fixture
def things(installation):
    """One thing of each kind that people change."""
    set_variable(installation, "k", "v")
    set_pool(installation, "narrow", 3)
    set_connection(installation, "db", Connection("db", "http", host="h"))
    add_team(installation, "team")
    add_user(installation, "ann")


CHANGES = {
    "a Variable": ("variables/k", ("PUT", "variables/k", {"value": "new"})),
    "a Variable that goes": ("variables/k", ("DELETE", "variables/k", None)),
    "a pool": ("pools/narrow", ("PUT", "pools/narrow", {"slots": 5})),
    "a pool that goes": ("pools/narrow", ("DELETE", "pools/narrow", None)),
    "a connection": (
        "connections/db",
        ("PUT", "connections/db", {"connection": {"conn_id": "db", "conn_type": "http", "host": "new"}}),
    ),
    "members of a team": ("teams/team", ("PUT", "teams/team/members/ann", {})),
    "a team that goes": ("teams/team", ("DELETE", "teams/team", None)),
    "a user": ("users/ann", ("PUT", "users/ann/disabled", {"disabled": True})),
    "a DAG's pause": ("dags/sales/paused", ("PUT", "dags/sales/paused", {"paused": True})),
}


@pytest.mark.parametrize("key", ["", "a-key"], ids=["without a key", "with a key"])
@pytest.mark.parametrize(("read", "change"), CHANGES.values(), ids=CHANGES)
def test_what_has_changed_since_it_was_read_is_not_changed(call, things, read, change, key):
    def ask(tag, key=key):
        method, path, body = change
        return call(method, f"/api/v1/{path}", body, if_match=tag, **({"idempotency_key": key} if key else {}))

    tag = call("GET", f"/api/v1/{read}").headers["etag"]
    before = call("GET", f"/api/v1/{read}").body
    refused = ask('"of-before"')
    assert (refused.status, refused.headers["content-type"]) == (412, "application/problem+json")
    assert "Read it again, and decide anew" in refused.json["detail"]
    assert call("GET", f"/api/v1/{read}").body == before
    assert ask(f'"other", W/{tag}').status == 200
    assert ask(f'"other", W/{tag}', key and "another-key").status == 412
    if key:
        assert ask(f'"other", W/{tag}').status == 200, "what was answered is answered again"


def test_a_secret_that_was_changed_meanwhile_is_a_change_and_its_tag_tells_nothing_of_it(call, things, installation):
    path = "/api/v1/connections/db"
    set_connection(installation, "db", Connection("db", "http", host="h", password="one", extra={"token": "a"}))
    first = call("GET", path)
    told = [first.json]
    for later in ({"password": "two", "extra": {"token": "a"}}, {"password": "one", "extra": {"token": "b"}}):
        set_connection(installation, "db", Connection("db", "http", host="h", **later))
        told.append(call("GET", path).json)
        asked = {"connection": {"conn_id": "db", "conn_type": "http", "host": "new"}}
        assert call("PUT", path, asked, if_match=first.headers["etag"]).status == 412
    assert len({each.pop("stamp") for each in told}) == len(told) == 3
    assert told[0] == told[1] == told[2], "all else is as it was"


def test_a_pool_is_the_same_while_the_scheduler_lets_tasks_begin_by_its_rate(call, installation):
    set_pool(installation, "narrow", 3, rate="10/min")
    tag = call("GET", "/api/v1/pools/narrow").headers["etag"]
    installation.store.apply(Changes(rates=[RateUsed("narrow", installation.now())]), installation.now())
    assert call("PUT", "/api/v1/pools/narrow", {"slots": 4, "rate": "10/min"}, if_match=tag).status == 200


def test_of_a_thing_that_is_not_there_none_is_the_one_that_was_read(call):
    path, body = "/api/v1/variables/k", {"value": "v"}
    assert call("PUT", path, body, if_match="*").status == 412
    assert call("PUT", path, body, if_none_match="*").status == 200
    assert call("PUT", path, body, if_none_match="*").status == 412
    assert call("PUT", path, body, if_match="*").status == 200


def test_a_token_that_may_not_see_a_thing_does_not_learn_nor_overwrite_what_is_there_by_a_condition(installation):
    routes = readers(Api(installation, OpenAnswers(OwnerToken("none")))._table)
    request = Request({"type": "http", "headers": [(b"if-none-match", b"*")]})
    writer = Principal("ann", (everywhere(Role.ADMIN),), frozenset({Permission.VARIABLES_WRITE}))
    with pytest.raises(ForbiddenError, match=r"compare what it changes .* Use a token that has variables:read, too\."):
        precondition(request, writer, routes["set_variable"], {"key": "k"}, lambda *_: b"")
    reader = replace(writer, only=writer.only | {Permission.VARIABLES_READ})
    assert precondition(request, reader, routes["set_variable"], {"key": "k"}, lambda *_: b"") is not None


def test_what_is_no_one_thing_has_no_tag(call):
    asked = call("POST", "/api/v1/bulk/dags/pause", {"dag_ids": ["sales"], "paused": True}, if_match="*")
    assert (asked.status, "no one thing" in asked.json["detail"]) == (400, True)


def test_what_is_changed_between_the_look_and_the_write_is_seen(call, things, installation):
    tag = call("GET", "/api/v1/pools/narrow").headers["etag"]
    held = installation.store.access.answers.together

    def late(used, check):
        set_pool(installation, "narrow", 4)
        return held(used, check)

    object.__setattr__(installation.store.access.answers, "together", late)
    assert call("PUT", "/api/v1/pools/narrow", {"slots": 5}, if_match=tag).status == 412
    assert [each.slots for each in installation.store.config.pools() if each.name == "narrow"] == [4]


def test_each_change_of_a_thing_that_is_read_by_its_path_has_a_tag(installation):
    table = Api(installation, OpenAnswers(OwnerToken("none")))._table
    found = {name: read.operation.name for name, read in readers(table).items()}
    assert found["set_state"] == found["delete_state"] == "show_state"
    assert (found["pause"], found["set_disabled"], found["grant_team"]) == (
        "is_paused",
        "show_user",
        "list_team_grants",
    )
    assert {each.name for each in operations() if each.reads or each.resumes}.isdisjoint(found)
