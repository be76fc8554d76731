"""The index of logs finds chunks by their words, alike on both databases, and stays within its bounds."""

from datetime import timedelta

import pytest

from penstock.model.logs.log_index import ChunkPlace, IndexedChunk, IndexedPart, LogFilter, LogPosition, LogSubject
from penstock.store import LogSearch

TOP = 1 << 60
MOST = 1 << 30


def subject(run=1, dag_id="sales", task_id="load", epoch=1):
    return LogSubject(run, task_id, -1, epoch, dag_id, f"r{run}")


@pytest.fixture
def search(store, tmp_path):
    assert LogSearch.find(store, tmp_path) is None
    made = LogSearch.make(store, tmp_path)
    yield made
    made.close()


@pytest.fixture
def part(now):
    """Makes a part of a log: one chunk of words, from one byte to another."""

    def made(words, start=0, end=100, whose=None, at=now, top=2):
        chunk = IndexedChunk(start, end - start, 0, at, top, at, at, frozenset(words.split()))
        return IndexedPart(whose or subject(), LogPosition(start), LogPosition(end, top, at), (chunk,))

    return made


def found(search, *words, period=1, before=TOP, most=9, **only):
    return [(c.subject.run, c.start) for c in search.chunks(ChunkPlace(period, before), words, LogFilter(**only), most)]


def test_chunks_are_found_by_the_beginnings_of_all_words_the_newest_first(search, part, now):
    search.index([part("deadlock detected"), part("deadlock orders 日本", whose=subject(2))], now, MOST)
    search.index([part("dead and buried", 100, 200)], now, MOST)
    assert found(search, "dead") == [(1, 100), (2, 0), (1, 0)]
    assert found(search, "deadlock", "ord") == [(2, 0)]
    assert found(search, "日") == [(2, 0)]
    assert found(search, "lock") == found(search, "buried", "orders") == []
    assert found(search, "dead", before=3) == [(2, 0), (1, 0)]
    assert found(search, "dead", most=1) == [(1, 100)]
    assert found(search, "dead", period=7) == [], "it is dropped, or none of ours"


@pytest.mark.parametrize("word", ["and", "or", "not", "near", "null"])
def test_words_of_the_databases_own_language_are_words(search, part, now, word):
    search.index([part(f"x {word}"), part("x", whose=subject(2))], now, MOST)
    assert found(search, word) == [(1, 0)]


def test_only_logs_that_are_asked_for_are_searched(search, part, now):
    later = now + timedelta(hours=1)
    search.index([part("x"), part("x", whose=subject(2, "stock", "count"), at=later, top=4)], now, MOST)
    for only, runs in [
        ({"dags": ("stock", "other")}, [2]), ({"dags": ()}, []), ({"task_id": "load"}, [1]), ({"level": 3}, [2]), ({"since": later}, [2]),
        ({"until": later}, [1]), ({"since": now, "until": later + timedelta(seconds=1)}, [2, 1]),
    ]:  # fmt: skip
        assert [run for run, _ in found(search, "x", **only)] == runs, only
    assert search.dag_ids() == ["sales", "stock"]


def test_what_is_indexed_twice_counts_once(search, part, now):
    search.index([part("x")], now, MOST)
    search.index([part("x")], now, MOST)
    search.index([part("x", 50, 200)], now, MOST)
    assert found(search, "x") == [(1, 0)]
    assert search.positions(1) == {("load", -1, 1): LogPosition(100, 2, now)}
    search.index([part("x", 100, 120)], now, MOST)
    assert found(search, "x") == [(1, 100), (1, 0)]


def test_each_day_is_a_period_and_old_ones_are_dropped_with_what_they_know(search, part, now):
    for day in range(4):
        search.index(
            [part("x", whose=subject(day)), part("x", 100 * day, 100 * day + 100, subject(9))],
            now + timedelta(days=day),
            MOST,
        )
    assert [each.period for each in search.periods()] == [4, 3, 2, 1]
    assert search.trim(now + timedelta(days=3), MOST, 2) == 1
    assert (search.horizon(), search.trim(now + timedelta(days=3), MOST, 0)) == (now + timedelta(days=1), 0)
    assert (search.positions(0), search.positions(1) != {}, search.positions(9) != {}) == ({}, True, True)
    assert found(search, "x", period=1) == []
    assert len(found(search, "x", period=2)) == 2


def test_it_stays_within_its_bytes_and_the_oldest_goes_first(search, part, now):
    most = search.size() + 400_000
    for number in range(120):
        words = " ".join(f"w{number}n{each}" for each in range(1000))
        search.index([part(words, whose=subject(number))], now, most)
        search.trim(now, most, 0)
        assert search.size() <= most
    assert len(search.periods()) > 1
    newest, oldest = search.periods()[0].period, search.periods()[-1].period
    assert oldest > 1
    assert found(search, "w119n7", period=newest) == [(119, 0)]


def test_an_index_is_found_once_it_is_made(search, store, tmp_path, part, now):
    search.index([part("x")], now, MOST)
    other = LogSearch.find(store, tmp_path)
    assert found(other, "x") == [(1, 0)]
    other.close()
