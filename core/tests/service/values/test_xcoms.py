"""What a task has left is shown as it was left, a page at a time, and large values only when they are asked for."""

from dataclasses import dataclass

import msgspec
import pytest

from penstock.errors import NotFoundError, ProviderError, RequestError
from penstock.execute.offload import offloaded
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.attempt import TryFacts, Value
from penstock.model.changes import Changes
from penstock.model.run import TaskInstance, XCom
from penstock.model.state import TaskState
from penstock.model.values.value import decode, encode, length, to_plain
from penstock.plugins.host import PluginHost
from penstock.service import dags
from penstock.service.values.xcoms import list_xcoms
from penstock.settings.xcom import XComSettings
from penstock.spec.executor import FileCode, Offload, TryRequest
from penstock.testing import FakeRuntime

VALUES = [
    ("count", 3), ("dict", {"a": 1}), ("list", [1, (2, {3})]), ("of numbers", {1: "x"}), ("pair", ("x", b"y")), ("text", "x"),
]  # fmt: skip


@dataclass
class Order:
    number: int


@pytest.fixture
def leave(installation, store, now, tmp_path):
    """Has a task leave values; those of more than so many bytes lie in the object store."""
    run = dags.trigger(installation, "sales", run_id="one").run

    def leave(values, threshold=1 << 20, indexes=(-1,)):
        facts = TryFacts("sales", "one", "extract")
        offload = Offload(f"{(tmp_path / 'values').as_uri()}/", "", threshold)
        request = TryRequest(run.run, 1, facts, FileCode("s", "sales.py", {}), "", offload=offload)
        runtime = FakeRuntime(stores={"file": PluginHost([]).object_store("file:///")})
        made = {key: Value(encode(each, typed=True), length(each)) for key, each in values}
        left = offloaded(made, request, runtime)
        xcoms = [
            XCom(run.run, "extract", i, key, each.json, each.length) for i in indexes for key, each in left.items()
        ]
        tasks = [TaskInstance(run.run, "extract", index, TaskState.SUCCESS) for index in indexes]
        store.apply(Changes(tasks=tasks, xcoms=xcoms), now)

    return leave


def test_the_folders_of_a_value_are_told_to_who_may_read_the_installation(installation, leave, tmp_path):
    leave([("big", "x" * 99)], threshold=9)
    grant = Grant(Role.VIEWER, dags=("*",))
    whole = list_xcoms(installation, "sales", "extract").items[0].url
    assert whole.startswith(tmp_path.as_uri())
    for given, told in (
        (msgspec.structs.replace(grant, installation=True), whole),
        (grant, "/".join(whole.split("/")[-2:])),
    ):
        seen = installation.seen_by(Principal("ann", (given,)))
        assert list_xcoms(seen, "sales", "extract").items[0].url == told
        assert list_xcoms(seen, "sales", "extract", key="big").items[0].value == "x" * 99
    settings = installation.settings
    installation.settings = msgspec.structs.replace(settings, xcom=XComSettings(store=(tmp_path / "values").as_uri()))
    seen = installation.seen_by(Principal("ann", (grant,)))
    assert list_xcoms(seen, "sales", "extract").items[0].url == whole.partition("/values/")[2]


def plain(page):
    return {each.key: each.value for each in page.items}


def test_values_are_shown_with_their_number_of_elements(installation, leave):
    leave(VALUES)
    page = list_xcoms(installation, "sales", "extract")
    assert plain(page) == {key: to_plain(value) for key, value in VALUES}
    assert [(each.task, each.length, each.url) for each in page.items[:2]] == [
        ("extract", None, ""),
        ("extract", 1, ""),
    ]
    assert [each.text() for each in page.items] == [repr(value) for _, value in VALUES]


@pytest.mark.parametrize("key", [key for key, _ in VALUES])
def test_a_large_value_is_read_if_its_key_is_named(installation, leave, key):
    leave(VALUES, threshold=0)
    [shown] = [each for each in list_xcoms(installation, "sales", "extract").items if each.key == key]
    assert (shown.value, shown.text()) == (None, f"at {shown.url}")
    [whole] = list_xcoms(installation, "sales", "extract", key=key).items
    assert decode(msgspec.json.encode(whole.value)) == dict(VALUES)[key]
    assert whole.text() == repr(dict(VALUES)[key])


def test_an_instance_of_a_class_is_shown_and_its_class_is_not_imported(installation, leave):
    leave([("orders", {"all": [(Order(7), 1)]})])
    [shown] = list_xcoms(installation, "sales", "extract").items
    assert shown.text() == "{'all': [(Order(number=7), 1)]}"


def test_a_value_that_is_gone_is_an_error_that_names_it(installation, leave, tmp_path):
    leave([("text", "x" * 100)], threshold=0)
    for path in (tmp_path / "values").iterdir():
        path.unlink()
    with pytest.raises(ProviderError, match=r"file://.*values"):
        list_xcoms(installation, "sales", "extract", key="text")


def test_pages_follow_each_other_without_a_gap(installation, leave):
    leave([(key, 1) for key in ("a", "b:c", "d")], indexes=(0, 1, 10))
    found, after = [], ""
    while True:
        page = list_xcoms(installation, "sales", "extract", after=after, limit=2)
        found += [(each.task, each.key) for each in page.items]
        if not page.next:
            break
        after = page.next
    assert found == [(f"extract[{index}]", key) for index in (0, 1, 10) for key in ("a", "b:c", "d")]
    one = list_xcoms(installation, "sales", "extract", map_index=1, key="d")
    assert [(each.task, each.key) for each in one.items] == [("extract[1]", "d")]


def test_a_page_after_none_is_refused(installation, leave):
    leave([])
    with pytest.raises(RequestError, match="no page of this list ended with"):
        list_xcoms(installation, "sales", "extract", after="1")


def test_what_is_not_there_is_named(installation, leave):
    leave([])
    for ask in ({"task_id": "extrct"}, {"task_id": "extract", "map_index": 3}, {"task_id": "extract", "run_id": "two"}):
        with pytest.raises(NotFoundError):
            list_xcoms(installation, "sales", **ask)
    assert list_xcoms(installation, "sales", "extract").items == []
