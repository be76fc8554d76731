"""Simulates seeds, and says which failed; what a process that shares them with others runs."""

import gc
from collections.abc import Sequence
from operator import add
from typing import NamedTuple

from simulator.setting import world as world_of


class Counted(NamedTuple):
    """What there was in some worlds."""

    steps: int = 0
    tries: int = 0
    crashes: int = 0
    failed: int = 0


def simulate(seeds: Sequence[int], max_steps: int, *, log: bool, always: bool) -> Counted:
    """Simulate seeds one after the other.

    Args:
        seeds: The seeds.
        max_steps: Turns after which a world counts as stuck.
        log: Whether the event log of a seed that fails is printed.
        always: Whether that of each is.
    """
    counted = Counted()
    gc.freeze()  # what is imported stays: to look through it again and again costs a tenth of a world
    for done, seed in enumerate(seeds, 1):
        world, failed = world_of(seed, max_steps=max_steps), False
        try:
            world.run()
        except Exception as error:  # noqa: BLE001 - any error is a finding, and the other seeds are to run on
            failed = True
            _print_failure(seed, error)
        if log and (always or failed):
            say("\n".join(world.log))
        more = (world.steps, len(world.rows.tries), world.crashes, failed)
        counted = Counted(*map(add, counted, more))
        if done % 250 == 0:
            say(f"{done} of {len(seeds)} seeds, {counted.failed} failed")
    return counted


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command prints


def _print_failure(seed: int, error: Exception) -> None:
    say(f"seed {seed}: {type(error).__name__}: {error}")
    say(f"  replay: python core/tests/engine/simulator --seed {seed} --log")
