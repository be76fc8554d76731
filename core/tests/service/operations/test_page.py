"""Pages of lists: whole, without a gap and without a double while rows come and go; nothing but an end of theirs continues them."""

import typing

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.errors import PageError
from penstock.service.operations.operation import Operation
from penstock.service.operations.page import Page, PagedList, PageSize, every
from penstock.service.operations.table import operations

BOUNDED = {
    "known_names": "It offers 200 at most, and those that begin as a word does.",
    "latest_runs": "It answers for the DAGs that it is told of.",
    "list_changes": "It is a stream, in parts: its position goes on for ever, and is that of the events.",
    "list_connection_types": "They are installed.",
    "list_executors": "The settings name them.",
    "list_permissions": "The code names them.",
    "list_providers": "They are installed.",
    "list_queues": "The settings and DAGs name them, as queues of executors.",
    "list_rendered": "They are those of one task, and of one instance if it is named.",
    "list_schedulers": "They are processes.",
    "list_services": "The settings name them.",
    "list_tenants": "The settings and DAGs name them.",
    "list_workers": "They are processes.",
    "list_worker_tasks": "A thousand at most.",
    "next_runs": "Its parameter `count` bounds it.",
    "pause_all": "It answers for the DAGs that it is told of.",
    "show_calendar": "A year has so many days.",
    "show_task_durations": "They are the tasks of a version of a DAG.",
    "show_durations": "Its parameter `limit` bounds it.",
    "task_logs": "They are those of the tries of one task, and of one instance if it is named.",
    "why": "They are the instances of one task, and one of them if it is named.",
}
"""Operations that answer a list whole, each with what bounds it."""


def hints(operation):
    return typing.get_type_hints(typing.cast("typing.Any", operation.function).__wrapped__, include_extras=True)


def is_list(operation):
    answer = hints(operation)["return"]
    return typing.get_origin(answer) in (list, tuple, dict, set) or operation.name.startswith("list_")


def is_paged(operation: Operation):
    answer = hints(operation)["return"]
    fields = getattr(typing.get_origin(answer) or answer, "__struct_fields__", ())
    return {"items", "next"}.issubset(fields)


PAGED = [each for each in operations() if is_paged(each)]


def test_each_list_is_answered_page_by_page_or_says_what_bounds_it():
    whole = {each.name for each in operations() if is_list(each) and not is_paged(each)}
    assert whole - BOUNDED.keys() == set(), "page it, or say what bounds it"
    assert {"list_runs", "list_dags", "show_grid", "search_logs"} <= {each.name for each in PAGED}
    known = {each.name for each in operations()} - {each.name for each in PAGED}
    assert BOUNDED.keys() <= known, "a reason that nothing needs any more"


@pytest.mark.parametrize("operation", PAGED, ids=lambda each: each.name)
def test_each_page_is_asked_for_in_one_way(operation):
    found = hints(operation)
    assert (found["after"], found["limit"]) == (str, PageSize)
    assert not {"before", "cursor", "offset", "page"} & found.keys()


LISTED = [each for each in PAGED if "{" not in each.path and each.name not in ("search_logs", "list_sessions")]


@pytest.mark.parametrize("operation", LISTED, ids=lambda each: each.name)
@pytest.mark.parametrize(
    "after", ["x", "\u00e9", "e30", "WyJydW5zIl0", "A" * 10_000, PagedList("another", int).next(1)]
)
def test_what_no_page_of_a_list_ended_with_is_refused(installation, operation, after):
    with pytest.raises(PageError, match="is what no page of this list ended with"):
        operation.function(installation, after=after)


def test_an_end_counts_for_the_thing_whose_list_it_is_of():
    paged = PagedList("tasks", tuple[str, int])
    end = paged.next(("a", 3), of=7)
    assert paged.key(end, of=7) == ("a", 3)
    assert paged.key("", of=7) is None
    with pytest.raises(PageError, match="another one's list"):
        paged.key(end, of=8)


@pytest.mark.parametrize("key", [(2**63, "a"), (1, "\0"), (-(2**64), "a")])
def test_no_end_has_what_a_database_cannot_compare_with(key):
    paged = PagedList("things", tuple[int, str])
    with pytest.raises(PageError):
        paged.key(paged.next(key))


@given(st.text(max_size=80))
def test_whatever_is_given_for_an_end_is_refused_in_a_sentence(after):
    assume(after)
    with pytest.raises(PageError, match="is what no page of this list ended with"):
        PagedList("things", tuple[int, str]).key(after)


@given(
    st.sets(st.integers(0, 60), max_size=30),
    st.integers(1, 7),
    st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=30),
)
def test_rows_that_stay_are_seen_once_while_others_come_and_go(numbers, limit, changes):
    paged, rows, touched, todo = PagedList("things", int), set(numbers), set(), list(changes)

    def ask(after):
        for here, number in [todo.pop() for _ in range(min(2, len(todo)))]:
            touched.add(number)
            rows.add(number) if here else rows.discard(number)
        return paged.page_of_all(rows, after, limit, lambda number: number)

    seen = list(every(ask))
    assert seen == sorted(set(seen)), "none twice, and in the list's order"
    assert set(numbers) - touched <= set(seen), "each that stayed"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=20), st.integers(1, 4))
def test_a_page_is_as_long_as_asked_and_the_last_one_ends_the_list(changes, limit):
    paged = PagedList("things", int)
    items = sorted({number for _, number in changes})
    lengths = [len(page.items) for page in _pages(paged, items, limit)]
    assert sum(lengths) == len(items)
    assert all(length == limit for length in lengths[:-1])


def _pages(paged, items, limit):
    after = ""
    while True:
        page: Page[int] = paged.page_of_all(items, after, limit, lambda number: number)
        yield page
        if not (after := page.next):
            return
