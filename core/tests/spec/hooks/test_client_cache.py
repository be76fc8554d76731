"""Clients are made once, and never by one process for another."""

import os
import threading

import pytest

from penstock.spec.hooks.client_cache import ClientCache


def test_a_client_is_made_once_for_all_threads():
    cache, made, start = ClientCache[object](), [], threading.Barrier(8)

    def ask(found):
        start.wait(30)
        found.append(cache.get("key", lambda: made.append(1) or object()))

    found = []
    threads = [threading.Thread(target=ask, args=(found,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert len(set(map(id, found))) == 1


def test_a_service_that_does_not_answer_holds_up_no_client_of_another():
    cache, asked, go_on = ClientCache[str](), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: cache.get("hangs", lambda: asked.set() or str(go_on.wait(60))))
    thread.start()
    asked.wait(30)
    other, found = threading.Thread(target=lambda: found.append(cache.get("key", lambda: "made"))), []
    other.start()
    other.join(60)
    go_on.set()
    thread.join()
    assert found == ["made"]


def test_a_forgotten_client_is_made_anew():
    cache = ClientCache[object]()
    first = cache.get("key", object)
    cache.forget("key")

    assert cache.get("key", object) is not first


def test_the_oldest_is_dropped_for_one_more():
    cache = ClientCache[object](most=2)
    first = cache.get(1, object)
    cache.get(2, object)
    third = cache.get(3, object)

    assert cache.get(3, object) is third
    assert cache.get(1, object) is not first


def test_what_is_dropped_is_closed_once():
    closed = []
    cache = ClientCache[str](most=2, close=closed.append)
    for each in "abc":
        cache.get(each, lambda each=each: f"client {each}")
    assert closed == ["client a"]

    cache.forget("b")
    cache.forget("b")
    assert closed == ["client a", "client b"]


def test_a_client_that_cannot_be_made_is_tried_anew():
    cache = ClientCache[str]()
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: str(1 / 0))

    assert cache.get("key", lambda: "made") == "made"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # pytest's own threads
def test_a_forked_child_has_clients_of_its_own_though_a_thread_was_making_one():
    cache, asked, go_on = ClientCache[str](), threading.Event(), threading.Event()
    cache.get("old", lambda: "parent's")
    thread = threading.Thread(target=lambda: cache.get("new", lambda: asked.set() or go_on.wait(60) or ""))
    thread.start()
    assert asked.wait(60)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writable, cache.get("old", lambda: "child's").encode())
        finally:
            os._exit(0)  # never into the test's own end
    os.waitpid(child, 0)
    go_on.set()
    thread.join()

    assert os.read(readable, 100) == b"child's"
    assert cache.get("old", lambda: "another") == "parent's"
    os.close(readable)
    os.close(writable)
