"""Tickets: what a provider's executor is told of a try."""

from penstock.model.attempt import TryFacts
from penstock.spec.executor import PlanCode, TryRequest
from penstock.store import Keyring, new_key
from penstock.tries.remote.tickets import LONGEST_NAME, opened, ticket, ticket_name


def test_a_ticket_carries_what_its_author_asks_for_and_tells_executors():
    keyring = Keyring([new_key()], "test")
    request = TryRequest(
        7, 3, TryFacts("sales", "r", "load", 2, try_number=2), PlanCode("x.y"), "file:///log", queue="large",
        cpu=1.5, memory_bytes=1 << 30, executor_config={"dask": {"worker": "a"}},
    )  # fmt: skip
    name = ticket_name("installation", request)
    made = ticket(keyring, name, request)
    assert (made.queue, made.run, made.epoch, made.map_index, made.try_number) == ("large", 7, 3, 2, 2)
    assert (made.cpu, made.memory_bytes, made.executor_config) == (1.5, 1 << 30, {"dask": {"worker": "a"}})
    assert opened(keyring, made.secret) == name
    assert len(name) <= LONGEST_NAME
