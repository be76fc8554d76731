"""What may happen to the processes of every storm: each is killed, and stands still for a while."""

import os
import random
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from storm.installation import LEASE_S, Storm

from penstock_testkit.postgres import PostgresServer

Strike = Callable[[random.Random], None]


def stand_still(pids: Collection[int], seconds: float) -> None:
    """Have processes do nothing for some seconds."""
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if number is signal.SIGSTOP:
            time.sleep(seconds)  # real processes stand


def common_strikes(storm: Storm, database: PostgresServer) -> dict[str, tuple[float, Strike]]:
    """What strikes schedulers, server, workers and database, each with its weight."""
    found: dict[str, tuple[float, Strike]] = {
        "the server is killed": (2, lambda _: storm.send("server", signal.SIGKILL)),
        "the server stands still": (1, lambda chance: stand_still([storm.pid("server")], _short_s(chance))),
        **_of_schedulers(storm),
        **_of_database(database),
    }
    return {**(_of_workers(storm) if storm.workers else {}), **found}


def _of_workers(storm: Storm) -> dict[str, tuple[float, Strike]]:
    def strike(number: int) -> Strike:
        return lambda chance: storm.send(chance.choice(storm.workers), number)

    return {
        "a worker is killed": (4, strike(signal.SIGKILL)),
        "a worker is told to leave": (1, strike(signal.SIGTERM)),
        "a worker stands still": (
            1,
            lambda chance: stand_still([storm.pid(chance.choice(storm.workers))], _long_s(chance)),
        ),
    }


def _of_schedulers(storm: Storm) -> dict[str, tuple[float, Strike]]:
    def kill(chance: random.Random) -> None:
        if found := storm.schedulers():
            with suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)

    def still(chance: random.Random) -> None:
        if found := storm.schedulers():
            stand_still([chance.choice(found)], _long_s(chance))

    return {"a scheduler is killed": (2, kill), "a scheduler stands still": (1, still)}


def _of_database(server: PostgresServer) -> dict[str, tuple[float, Strike]]:
    def crash(chance: random.Random) -> None:
        server.kill()
        time.sleep(chance.uniform(0.2, 2.0))
        server.start()

    return {
        "the database crashes": (1, crash),
        "the database stands still": (1, lambda chance: stand_still(server.pids(), _short_s(chance))),
    }


def _long_s(chance: random.Random) -> float:
    """Longer than a lease, or not."""
    return chance.uniform(0.5, 1.5) * LEASE_S


def _short_s(chance: random.Random) -> float:
    """Shorter than a lease, or not by much: whatever runs is lost in a longer one."""
    return chance.uniform(0.1, 1.1) * LEASE_S
