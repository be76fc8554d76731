"""Run many seeds, or replay one: ``python core/tests/engine/simulator --seeds 10000``, ``... --seed 17 --log``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulator.setting import world as world_of


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate; the exit code is 1 if a seed failed.

    Args:
        argv: Arguments of the command line without the program's name; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="simulate", description="Run the engine in seeded worlds that fail.")
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first seed")
    parser.add_argument("--seed", type=int, metavar="N", help="replay this one seed")
    parser.add_argument("--log", action="store_true", help="print the event log of a seed that fails, or of --seed")
    parser.add_argument("--max-steps", type=int, default=6000, metavar="N", help="steps after which a world is stuck")
    given = parser.parse_args(argv)
    seeds = range(given.first, given.first + given.seeds) if given.seed is None else [given.seed]
    began, steps, crashes, tries, failed = time.perf_counter(), 0, 0, 0, []
    for done, seed in enumerate(seeds, 1):
        world = world_of(seed, max_steps=given.max_steps)
        try:
            world.run()
        except Exception as error:  # noqa: BLE001 - any error is a finding, and the other seeds are to run on
            failed.append(seed)
            _print_failure(seed, error)
        if given.log and (given.seed is not None or seed in failed):
            _say("\n".join(world.log))
        steps, crashes, tries = steps + world.steps, crashes + world.crashes, tries + len(world.rows.tries)
        if done % 500 == 0:
            _say(f"{done} of {len(seeds)} seeds, {len(failed)} failed")
    seconds = time.perf_counter() - began
    told = f"{len(seeds)} seeds, {steps} steps, {tries} tries, {crashes} crashes in {seconds:.1f} s"
    _say(f"{told}: {len(failed)} failed")
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command prints


def _print_failure(seed: int, error: Exception) -> None:
    _say(f"seed {seed}: {type(error).__name__}: {error}")
    _say(f"  replay: python core/tests/engine/simulator --seed {seed} --log")


if __name__ == "__main__":
    sys.exit(main())
