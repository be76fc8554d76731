"""Runs random DAGs and schedules in Airflow and in Penstock, and tells what differs and is documented nowhere.

    PYTHONPATH=bench python -m differential --airflow PYTHON [--dags 2000] [--schedules 500] [--seed 1]

PYTHON is that of an environment with Apache Airflow. DAGs that Airflow refuses are replaced by further ones.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from differential import compare, schedules
from differential.plans import make_plan

SPARE = 1.12  # how many plans are made for each that is to be compared: some are refused by Airflow
SIDES = 2  # processes of Airflow


def main() -> int:
    """Compare; the exit code is 1 if anything differs that is not documented."""
    options = _options()
    plans = [make_plan(options.seed, number) for number in range(int(options.dags * SPARE))]
    due = [schedules.make_schedule(options.seed, number) for number in range(options.schedules)]
    with tempfile.TemporaryDirectory() as home:
        airflow = _airflow(options.airflow, [*due, *plans], Path(home))
        penstock = _results([sys.executable, "-m", "differential.penstock_side"], [*due, *plans])
    problems, met, counts = [], Counter[str](), Counter[str]()
    for plan in [*due, *plans]:
        name = plan.get("dag_id", plan.get("number"))
        there, here = airflow[name], penstock[name]
        kind = "schedules" if "zone" in plan else "DAGs"
        if "refused" in there or (kind == "DAGs" and counts[kind] == options.dags):
            counts[f"{kind} refused by Airflow"] += "refused" in there
            continue
        counts[kind] += 1
        if kind == "schedules":
            found, documented = schedules.differences(plan, there["due"], here["due"])
        else:
            found, documented = compare.differences(plan, there, here)
        met.update(documented)
        problems += [f"{json.dumps(plan)}\n  {text}" for text in found]
    print("\n".join(problems))
    print("; ".join(f"{count} {what}" for what, count in counts.items()), "compared")
    print("documented differences met:", ", ".join(f"{name} {count}" for name, count in met.most_common()) or "none")
    print(f"{len(problems)} undocumented differences")
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow", required=True, help="the Python of an environment with Apache Airflow")
    parser.add_argument("--dags", type=int, default=200, help="how many DAGs to compare")
    parser.add_argument("--schedules", type=int, default=200, help="how many schedules to compare")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other DAGs")
    return parser.parse_args()


def _airflow(python: str, plans: list[dict[str, Any]], home: Path) -> dict[Any, dict[str, Any]]:
    """Run plans in several processes of Airflow, each with a database of its own."""
    running = []
    for side in range(SIDES):
        folder = home / str(side)
        folder.mkdir()
        (folder / "plans").write_text("".join(json.dumps(plan) + "\n" for plan in plans[side::SIDES]))
        with (
            (folder / "plans").open() as given,
            (folder / "results").open("w") as out,
            (folder / "errors").open("w") as errors,
        ):
            command = [python, "-m", "differential.airflow_side", str(folder)]
            running.append(subprocess.Popen(command, stdin=given, stdout=out, stderr=errors, env=_environment()))
    found: dict[Any, dict[str, Any]] = {}
    for side, process in enumerate(running):
        if process.wait():
            raise SystemExit(
                f"Airflow ended with exit code {process.returncode}:\n{(home / str(side) / 'errors').read_text()[-3000:]}"
            )
        found |= _by_name((home / str(side) / "results").read_text().splitlines())
    return found


def _results(command: list[str], plans: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    given = "".join(json.dumps(plan) + "\n" for plan in plans)
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True, env=_environment())
    return _by_name(done.stdout.splitlines())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def _by_name(lines: Iterable[str]) -> dict[Any, dict[str, Any]]:
    results = map(json.loads, lines)
    return {each.get("dag_id", each.get("number")): each for each in results}


if __name__ == "__main__":
    sys.exit(main())
