"""How long the manager takes: list with 100 providers, scan of 1,000 DAG files, install against bare uv.

    python bench/plugin_manager_speed.py [list] [scan] [install --find-links DIR]

Prints medians in milliseconds with the range, each beside a floor measured in the same run, and `airflow providers list`
as the peer of list, measured where Airflow is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock_testkit.wheels import write_provider, write_wheel

ROUNDS = 15
QUOTED_AIRFLOW = "3,030 ms"
"""Airflow 3.3.2 on two cores. Source: "Measurements of the peer orchestrators", 2026-11-21."""
MANAGER = str(Path(sys.executable).parent / "plugin-manager")


def timed(action: Callable[[], object], rounds: int = ROUNDS, before: Callable[[], object] = lambda: None) -> str:
    """Return median and range of an action in milliseconds; `before` runs outside the clock."""
    spans = []
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        action()
        spans.append((time.perf_counter() - start) * 1000)
    return told(spans)


def told(spans: list[float]) -> str:
    """Return the median and the range of some milliseconds."""
    return f"{statistics.median(spans):8.1f} ms  ({min(spans):.1f} - {max(spans):.1f}; {len(spans)})"


def run(*words: str, cwd: Path | None = None) -> None:
    """Run a command quietly and fail with what it said."""
    subprocess.run(words, check=True, cwd=cwd, stdout=subprocess.DEVNULL)


def bench_list(folder: Path) -> None:
    """100 providers among 300 distributions: list, cold process, index fresh."""
    wheels = folder / "wheels"
    for number in range(100):
        write_provider(wheels, f"p{number}", requires=[])
    for number in range(200):
        write_wheel(wheels, f"lib-{number}", "1.0", files={f"lib_{number}.py": ""})
    env = folder / "venv"
    run(sys.executable, "-m", "uv", "venv", "-q", str(env))
    paths = [str(path) for path in wheels.glob("*.whl")]
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--python", str(env / "bin/python"), *paths)
    listing = [MANAGER, "list", "--env", str(env)]
    run(*listing)
    print("list, 100 providers, index fresh  ", timed(lambda: run(*listing)))
    state = env / ".penstock"
    print("list, 100 providers, no index     ", timed(lambda: run(*listing), 5, lambda: shutil.rmtree(state)))
    print("floor: python -c pass             ", timed(lambda: run(sys.executable, "-c", "pass")))
    if airflow := shutil.which("airflow"):
        print("peer: airflow providers list      ", timed(lambda: run(airflow, "providers", "list"), 3))
    else:
        print(f"peer: airflow providers list        {QUOTED_AIRFLOW} (quoted, it is not installed here)")


def bench_scan(folder: Path) -> None:
    """1,000 DAG files of 200 lines."""
    dags = folder / "dags"
    dags.mkdir()
    task = (
        'task_{n} = operator(\n    "aws.s3_copy",\n    task_id="t{n}",\n    source=f"s3://in/{{ds}}/{n}",\n'
        "    retries={n},\n)\n# {n}\n"
    )
    body = "".join(task.format(n=n, ds="ds") for n in range(28))
    for number in range(1000):
        (dags / f"dag_{number}.py").write_text(
            f"from penstock import dag, operator\nimport penstock_aws\n\n# {number}\n{body}"
        )
    env = folder / "scan-venv"
    run(sys.executable, "-m", "uv", "venv", "-q", str(env))
    os.environ["PENSTOCK_CACHE"] = str(folder / "cache")
    scan = [MANAGER, "scan", str(dags), "--env", str(env), "--project", str(folder)]
    print(
        "scan, 1,000 files, cold           ",
        timed(lambda: run(*scan), 3, lambda: shutil.rmtree(folder / "cache", ignore_errors=True)),
    )
    print("scan, 1,000 files, warm           ", timed(lambda: run(*scan), 5))
    code = "import ast,pathlib,sys\nfor p in pathlib.Path(sys.argv[1]).iterdir(): ast.parse(p.read_text())"
    print("floor: ast.parse of the same files", timed(lambda: run(sys.executable, "-c", code, str(dags)), 3))


def bench_install(folder: Path, links: str) -> None:
    """Install of aws into an empty environment with a warm cache, against bare uv."""
    env, project = folder / "install-venv", folder / "project"
    project.mkdir()

    def fresh() -> None:
        shutil.rmtree(project)
        project.mkdir()
        run(sys.executable, "-m", "uv", "venv", "-q", "-c", str(env))

    uv = [
        str(Path(sys.executable).parent / "uv"),
        "pip",
        "install",
        "-q",
        "--python",
        str(env / "bin/python"),
        "--find-links",
        links,
    ]
    ours = [MANAGER, "install", "aws", "--env", str(env), "--project", str(project), "--find-links", links]
    bare = [*uv, "penstock-providers-aws"]
    for command in (bare, ours):
        fresh()
        run(*command)
    spans: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(9):
        for name, command in (("ours", ours), ("floor", bare)):
            fresh()
            start = time.perf_counter()
            run(*command)
            spans[name].append((time.perf_counter() - start) * 1000)
    print("install aws, plugin-manager       ", told(spans["ours"]))
    print("floor: uv pip install, in turn    ", told(spans["floor"]))
    ratio = statistics.median(spans["ours"]) / statistics.median(spans["floor"])
    print(f"                                      {ratio:.2f} x floor")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["list", "scan"])
    parser.add_argument("--find-links", metavar="DIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        if "list" in options.what:
            bench_list(folder)
        if "scan" in options.what:
            bench_scan(folder)
        if "install" in options.what:
            bench_install(folder, options.find_links)


if __name__ == "__main__":
    main()
