"""What is kept from run to run is listed, shown, set and deleted by people."""

import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.model.history.audit import AskedBy
from penstock.service.values.kept_state import delete_state, list_state, owner_of, set_state, show_state

TASK, ASSET = {"dag_id": "sales", "task_id": "load"}, {"asset": "s3://lake"}


def test_values_are_set_shown_listed_and_deleted(installation, store, now):
    set_state(installation, "page", "7", **TASK, by=AskedBy("ann", "begin anew"))
    set_state(installation, "until", '{"$penstock":"datetime","value":"2026-01-02T00:00:00+00:00"}', **ASSET)
    found = show_state(installation, "page", **TASK)
    assert (found.dag_id, found.task_id, found.asset, found.value, found.text()) == ("sales", "load", "", 7, "7")
    assert (found.changed_at, found.changed_by) == (now, "ann")
    assert "datetime" in show_state(installation, "until", **ASSET).text()
    assert [each.key for each in list_state(installation).items] == ["until", "page"]
    assert [each.key for each in list_state(installation, dag_id="sales").items] == ["page"]
    assert [each.key for each in list_state(installation, asset="s3://lake").items] == ["until"]
    assert list_state(installation, limit=1).next
    delete_state(installation, "page", **TASK, by=AskedBy("ann"))
    assert list_state(installation, dag_id="sales", task_id="load").items == []
    assert [(each.subject, each.why) for each in store.audit.page(dag_id="sales")] == [
        ("deleted 'page' of task 'load' of DAG 'sales'", ""),
        ("set 'page' of task 'load' of DAG 'sales'", "begin anew"),
    ]


REFUSED = {
    "no owner": (RequestError, "name a DAG and a task of it, or an asset", lambda i: owner_of(i, "", "", "")),
    "a task alone": (RequestError, "name a DAG and a task", lambda i: owner_of(i, "", "load", "")),
    "two owners": (RequestError, "or an asset", lambda i: owner_of(i, "sales", "load", "s3://lake")),
    "a DAG and an asset": (RequestError, "or an asset", lambda i: owner_of(i, "sales", "", "s3://lake")),
    "no such DAG": (NotFoundError, "no DAG is named 'sale'", lambda i: owner_of(i, "sale", "load", "")),
    "no such task": (NotFoundError, "Did you mean 'load'", lambda i: owner_of(i, "sales", "lod", "")),
    "nothing kept": (NotFoundError, "'page'", lambda i: show_state(i, "page", **TASK)),
    "nothing to delete": (NotFoundError, "'page'", lambda i: delete_state(i, "page", **TASK)),
    "no JSON": (RequestError, "Keep what has a JSON form", lambda i: set_state(i, "page", "seven", **TASK)),
    "no key": (RequestError, "state ''", lambda i: set_state(i, "", "7", **TASK)),
    "too large": (RequestError, "at most 65,536", lambda i: set_state(i, "page", f'"{"x" * 65_535}"', **TASK)),
}


@pytest.mark.parametrize(("error", "told", "ask"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused_with_a_sentence(installation, error, told, ask):
    with pytest.raises(error, match=told):
        ask(installation)
