"""An operation is refused to whoever may not, wherever it is called from."""

import pytest

from penstock.errors import ForbiddenError, NotFoundError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, Principal
from penstock.service.dags import list_dags, show_dag, trigger
from penstock.service.operations.table import operations

VIEWER = Principal("ann", (Grant(Role.VIEWER, dags=("sales",)),))


def test_a_thing_that_may_not_be_seen_is_not_there(installation):
    with pytest.raises(NotFoundError, match="no DAG is named 'stock'"):
        show_dag(installation.seen_by(VIEWER), "stock")


def test_what_is_seen_and_may_not_be_done_is_refused_with_the_way_out(installation):
    with pytest.raises(
        ForbiddenError, match=r"user 'ann' may not trigger \(DAG 'sales'\)\. The role operator may: ask an admin"
    ) as refused:
        trigger(installation.seen_by(VIEWER), dag_id="sales")
    assert str(refused.value).endswith("who grants it by penstock users grant.")
    assert installation.store.runs.page(dag_id="sales") == []


def test_what_a_token_may_not_is_said_of_the_token(installation):
    by_token = Principal("bob", VIEWER.grants, frozenset({Permission.LOGS_READ}))
    with pytest.raises(
        ForbiddenError,
        match=r"'bob' may not list dags\. The token that asks is limited to logs:read: make one with dags:read",
    ):
        list_dags(installation.seen_by(by_token))


def test_a_list_leaves_out_what_may_not_be_seen(installation):
    assert [each.dag_id for each in list_dags(installation.seen_by(VIEWER)).items] == ["sales"]
    tagged = Principal("bob", (Grant(Role.VIEWER, tags=("daily",)),))
    assert [each.dag_id for each in list_dags(installation.seen_by(tagged)).items] == ["sales"]


def test_a_list_of_a_kind_that_is_not_granted_at_all_is_refused(installation):
    with pytest.raises(ForbiddenError, match=r"user 'ann' may not list dags\. The role viewer may"):
        list_dags(installation.seen_by(Principal("ann", (Grant(Role.VIEWER, pools=("*",)),))))


def test_a_tag_grants_what_is_asked_by_name(installation):
    tagged = installation.seen_by(Principal("bob", (Grant(Role.OPERATOR, tags=("daily",)),)))
    assert trigger(tagged, "sales", run_id="one").created
    with pytest.raises(NotFoundError):
        trigger(tagged, "stock")


def test_another_installation_is_asked_where_there_is_one(installation):
    class Elsewhere:
        def call(self, operation, arguments):
            return operation.name, operation.method, operation.path, arguments

    installation.remote = Elsewhere()
    asked = show_dag(installation, "sales")
    assert asked == ("show_dag", "GET", "/dags/{dag_id}", {"dag_id": "sales"})


def test_each_operation_has_a_name_and_a_route_of_its_own():
    table = operations()
    assert len({each.name for each in table}) == len(table) == len({(each.method, each.path) for each in table})
