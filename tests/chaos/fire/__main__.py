"""Play scenarios of seeds: ``nox -s chaos -- --seeds 100``, or one of them again with ``--seed 17``.

Every third seed has its database in PostgreSQL, by way of a network that can be cut; every third runs on a small disk that can be full,
which takes root. What a seed that failed has left is kept, and its folder named.
``nox -s chaos -- --tasks 10000`` has so many tasks run under fire instead, and writes down what became of them.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fire.flood import Flood
from fire.installation import Fire
from fire.outages import DISK_BYTES, locked, of_disk, of_network, of_server
from fire.scenario import draw, play

from penstock_testkit.disk import small_disk
from penstock_testkit.network import network_faults
from penstock_testkit.postgres import postgres


def main(argv: Sequence[str] | None = None) -> int:
    """Play; the exit code is 1 if something did not hold.

    Args:
        argv: Arguments of the command line without the program's name; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="chaos", description="Kill and stop an installation's processes, by seeds.")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many seeds to play")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first seed")
    parser.add_argument("--seed", type=int, metavar="N", help="play this one seed")
    parser.add_argument(
        "--tasks", type=int, metavar="N", help="in place of scenarios, so many tasks over PostgreSQL under fire"
    )
    parser.add_argument(
        "--schedulers", type=int, default=1, metavar="N", help="with --tasks: how many schedulers share the DAGs"
    )
    parser.add_argument(
        "--report", type=Path, default=Path("chaos.json"), help="where to write what became of the tasks"
    )
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    if given.tasks:
        return 0 if flood(given.seed or 0, given.tasks, given.report, given.schedulers) else 1
    seeds = range(given.first, given.first + given.seeds) if given.seed is None else [given.seed]
    failed = [seed for seed in seeds if not play_seed(seed)]
    say(f"{len(seeds)} seeds: {len(failed)} failed {failed or ''}")
    return 1 if failed else 0


def flood(seed: int, tasks: int, report: Path, schedulers: int = 1) -> bool:
    """Have many tasks run under fire; whether each succeeded once, and nothing was left."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-flood-"))
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        fire = Fire(folder, server.create_database(), schedulers)
        stack.callback(fire.end_all)
        try:
            say(str(Flood(fire, of_server(server), seed, tasks).play(report)))
            fire.stop()
        except Exception:  # noqa: BLE001 - whatever it is, it is told with the way to see it again
            again = f"nox -s chaos -- --tasks {tasks} --schedulers {schedulers} --seed {seed}"
            say(f"seed {seed} failed, see {folder}; again: {again}\n{traceback.format_exc()}")
            return False
    shutil.rmtree(folder)
    return True


def play_seed(seed: int) -> bool:
    """Play a seed in an installation of its own; whether all held."""
    folder, began = Path(tempfile.mkdtemp(prefix="penstock-chaos-")), time.monotonic()
    with ExitStack() as stack:
        if seed % 3 == 2:
            server = stack.enter_context(postgres())
            proxy = stack.enter_context(network_faults("127.0.0.1", server.port))
            url = server.create_database().replace(f":{server.port}/", f":{proxy.port}/")
            fire, outages = Fire(folder, url), of_server(server) | of_network(proxy)
        elif seed % 3 == 1:
            disk = stack.enter_context(small_disk(folder, DISK_BYTES))
            fire, outages = Fire(folder), of_disk(disk)
        else:
            fire, outages = Fire(folder), {"locked": locked}
        stack.callback(fire.end_all)
        scenario = draw(seed, list(outages))
        try:
            play(fire, scenario, f"seed{seed}", outages)
            fire.stop()
        except Exception:  # noqa: BLE001 - any error is a finding, and the other seeds are to be played
            say(f"seed {seed} failed: {scenario}, see {folder}\n{traceback.format_exc()}")
            return False
    say(f"seed {seed}: {time.monotonic() - began:.1f} s, {scenario}")
    shutil.rmtree(folder)
    return True


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
