from hypothesis import given
from hypothesis import strategies as st

from penstock.model.assets.file_watch import FileWatch
from penstock.watchers.file_look import found_file
from penstock.watchers.watch_progress import WatchProgress

TAGS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


def files(tags):
    return [found_file(f"/in/{name}", 1, str(tag)) for name, tag in tags.items()]


def paths(found):
    return [each.path for each in found]


def watch(known=(), **spec):
    return WatchProgress("a", FileWatch("/in/*", **spec), {each.file: each.fingerprint for each in known})


def test_a_file_is_told_of_once_it_has_not_changed_for_a_while():
    it = watch(interval_s=5.0, settle_s=2.0)
    assert (it.take(files({"a": 0}), 100.0), it.next_s) == ([], 2.0)
    assert (it.take(files({"a": 1}), 102.0), it.next_s) == ([], 2.0)
    assert (it.take(files({"a": 1}), 103.5), it.next_s) == ([], 0.5)
    come = it.take(files({"a": 1}), 104.0)
    assert (paths(come), it.next_s) == (["/in/a"], 5.0)
    it.reported(come)
    assert it.take(files({"a": 1}), 109.0) == []


def test_one_that_goes_and_comes_begins_to_settle_anew_and_one_that_is_replaced_comes_again():
    it = watch(settle_s=2.0)
    for at, tags in ((0.0, {"a": 0}), (1.0, {}), (2.0, {"a": 0})):
        assert it.take(files(tags), at) == []
    it.reported(it.take(files({"a": 0}), 4.0))
    it.take(files({"a": 1}), 5.0)
    assert paths(it.take(files({"a": 1}), 7.0)) == ["/in/a"]


def test_what_was_told_of_before_a_restart_or_comes_back_as_it_was_is_no_news():
    it = watch(files({"a": 0}), settle_s=0.0)
    for tags in ({"a": 0}, {}, {"a": 0}):
        assert it.take(files(tags), 1.0) == []


def test_a_file_is_deleted_only_after_it_was_told_of_and_again_while_it_is_there():
    it = watch(settle_s=0.0, delete=True)
    come = it.take(files({"a": 0}), 0.0)
    assert it.leftover == []
    it.reported(come)
    assert (paths(it.leftover), it.next_s) == (["/in/a"], 0.0)
    it.take(files({"a": 0}), 1.0)
    assert (paths(it.leftover), it.next_s) == (["/in/a"], 5.0)
    it.take(files({"a": 1, "b": 0}), 2.0)
    assert it.leftover == []


@given(looks=st.lists(TAGS, max_size=12), restarts=st.sets(st.integers(0, 11)))
def test_each_state_of_a_file_that_lasts_is_told_of_once_whatever_is_started_again(looks, restarts):
    told, stored, it = [], {}, watch(settle_s=1.0)
    for number, tags in enumerate(looks):
        if number in restarts:
            it = WatchProgress("a", it.spec, dict(stored))
        for _ in range(2):  # a look, and another one once it has settled
            come = it.take(files(tags), number + _)
            told += [(each.path, each.fingerprint) for each in come]
            stored |= {each.file: each.fingerprint for each in come}
            it.reported(come)
    wanted, last = [], {}
    for tags in looks:
        for each in files(tags):
            if last.get(each.path) != each.fingerprint:
                wanted.append((each.path, each.fingerprint))
            last[each.path] = each.fingerprint
    assert sorted(told) == sorted(wanted)
