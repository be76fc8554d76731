"""Run many seeds, or replay one: ``python core/tests/engine/simulator --seeds 10000``, ``... --seed 17 --log``."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulator.seeds import Counted, say, simulate


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
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="how many processes share them"
    )
    given = parser.parse_args(argv)
    seeds = [given.seed] if given.seed is not None else [*range(given.first, given.first + given.seeds)]
    began, workers = time.perf_counter(), max(1, min(given.workers, len(seeds)))
    simulated = partial(simulate, max_steps=given.max_steps, log=given.log, always=given.seed is not None)
    shares = [seeds[number::workers] for number in range(workers)]
    if workers == 1:
        found = [simulated(seeds)]
    else:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            found = [*pool.map(simulated, shares)]
    total = Counted(*map(sum, zip(*found, strict=True)))
    told = f"{len(seeds)} seeds, {total.steps} steps, {total.tries} tries, {total.crashes} crashes"
    say(f"{told} in {time.perf_counter() - began:.1f} s: {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
