"""Builds every wheel and looks at what users get, in environments without a source folder or a sibling in sight.

``python tools/wheels.py`` prints the figures and ends with 1 if one of them is out of its budget.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_DISTRIBUTIONS = 25
MOST_MEGABYTES = 50.0
MOST_BESIDE = {"penstock-server": (25, 40.0)}
"""Distributions and megabytes that a package may bring beyond those of the core."""
MOST_IMPORT_MS = 80.0
MOST_VERSION_MS = 120.0
ABSENT = ("sqlalchemy", "jinja2", "rich", "cryptography")
ROUNDS = 20
BUILD = ("build", "--quiet", "--all-packages", "--wheel", "--out-dir")
"""What the README has readers tell uv, before the folder of the wheels."""
UNPUBLISHED = "penstock_testkit"
LEFT_OUT = ("penstock.testing.pytest_plugin", "penstock.testing.suites.")
"""Beginnings of the names of modules that tests import, for which pytest is there."""
OF_EXTRAS = {"penstock-server[oidc]": ("penstock_server.oidc.identity_provider", "penstock_server.oidc.oidc_login")}
"""Beginnings of the names of modules that are imported only where an extra is installed."""

_INSTALLED = "import importlib.metadata as m, json; print(json.dumps(sorted(d.name for d in m.distributions())))"
_EVERYTHING = """
import importlib, pkgutil, sys, warnings
warnings.simplefilter("error")
package = importlib.import_module(sys.argv[1])
assert "site-packages" in package.__file__, package.__file__
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
names = [n for n in names if not n.endswith("__main__") and ".migrations" not in n and not n.startswith(tuple(sys.argv[2:]))]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def build_wheels(root: Path, folder: Path) -> list[Path]:
    """Build the wheel of every package; those that are published are returned."""
    _run(_uv(), *BUILD, str(folder), str(root))
    return sorted(wheel for wheel in folder.glob("*.whl") if not wheel.name.startswith(UNPUBLISHED))


def make_environment(folder: Path, wheels: Path, requirement: str, constraints: Path | None = None) -> Path:
    """Make an environment with one requirement, taken from our wheels and from PyPI; its Python is returned.

    One that is there has that requirement then and what it takes, and nothing else: what both take keeps its byte code.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        _run(_uv(), "venv", "--quiet", "--python", sys.executable, str(folder))
    words = ["--find-links", str(wheels), *(["--constraints", str(constraints)] if constraints else [])]
    _run(_uv(), "pip", "install", "--quiet", "--exact", "--python", str(python), *words, requirement)
    return python


def distributions(python: Path) -> list[str]:
    """Names of the distributions that an environment has."""
    names: list[str] = json.loads(_run(str(python), "-I", "-c", _INSTALLED))
    return names


def megabytes(python: Path) -> float:
    """What the distributions of an environment take on disk, byte code left out."""
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files) / 1e6


def import_everything(python: Path, package: str, folder: Path, *, extras: bool = False) -> int:
    """Import every module of a package from an empty folder, warnings as errors; their number is returned.

    Args:
        python: Of an environment that has the package.
        package: What is imported.
        folder: An empty one.
        extras: Whether the environment has its extras, too.
    """
    left_out = [*LEFT_OUT, *(() if extras else (each for modules in OF_EXTRAS.values() for each in modules))]
    return int(_run(str(python), "-I", "-c", _EVERYTHING, package, *left_out, folder=folder))


def loaded_by(python: Path, package: str) -> set[str]:
    """Top-level modules that the import of a package loads."""
    code = f"import {package}, sys, json; print(json.dumps(sorted(sys.modules)))"
    return {name.partition(".")[0] for name in json.loads(_run(str(python), "-I", "-c", code))}


def milliseconds(command: Sequence[str], bare: Sequence[str], rounds: int = ROUNDS) -> tuple[float, float]:
    """How much longer a command takes than a bare one: medians of wall time and of processor time, run in turns."""
    times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for _ in range(rounds):
        for is_bare, words in ((True, bare), (False, command)):
            times[is_bare].append(_timed(words))
    wall, processor = (
        statistics.median(pair[i] for pair in times[False]) - statistics.median(pair[i] for pair in times[True])
        for i in (0, 1)
    )
    return wall, processor


def _timed(words: Sequence[str]) -> tuple[float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: exit code {process.returncode}")
    return (time.perf_counter() - began) * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise RuntimeError("uv is not there. Run this by `nox -s wheels`, or install uv.")
    return found


def _run(*words: str, folder: Path | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _judge(what: str, found: float, most: float, unit: str) -> bool:
    fits = found <= most
    print(f"  {what}: {found:.1f} {unit} (at most {most:g}){'' if fits else '  <-- too much'}", flush=True)
    return fits


def judge_core(python: Path) -> bool:
    """Print the figures of an environment that has the core alone; whether all are within their budgets."""
    bare = [str(python), "-I", "-c", "pass"]
    import_ms, import_cpu_ms = milliseconds([str(python), "-I", "-c", "import penstock"], bare)
    version_ms, version_cpu_ms = milliseconds([str(python.parent / "penstock"), "--version"], bare)
    author_ms, _ = milliseconds([str(python), "-I", "-c", "from penstock import DAG, task"], bare)
    present = sorted(set(ABSENT) & loaded_by(python, "penstock"))
    print(f"  `import penstock` loads none of {', '.join(ABSENT)}: {not present}")
    print(f"  `from penstock import DAG, task` above bare: {author_ms:.1f} ms")
    print(f"  processor time above bare: import {import_cpu_ms:.1f} ms, version {version_cpu_ms:.1f} ms")
    fits = [
        _judge("distributions", len(distributions(python)), MOST_DISTRIBUTIONS, ""),
        _judge("on disk", megabytes(python), MOST_MEGABYTES, "MB"),
        _judge("`import penstock` above bare", import_ms, MOST_IMPORT_MS, "ms"),
        _judge("`penstock --version` above bare", version_ms, MOST_VERSION_MS, "ms"),
    ]
    return all(fits) and not present


def judge_beside(python: Path, core: tuple[int, float], most: tuple[int, float]) -> bool:
    """Print what an environment has beyond that of the core; whether it is within its budget."""
    return all([
        _judge("distributions above the core", len(distributions(python)) - core[0], most[0], ""),
        _judge("on disk above the core", megabytes(python) - core[1], most[1], "MB"),
    ])  # fmt: skip


def main() -> int:
    """Build, install and judge all wheels; the exit code."""
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels, empty = folder / "wheels", folder / "empty"
        empty.mkdir()
        for wheel in build_wheels(ROOT, wheels):
            distribution = wheel.name.split("-")[0].replace("_", "-")
            python = make_environment(folder / distribution, wheels, distribution)
            package = distribution.replace("-", "_").replace("penstock_providers_", "penstock_")
            package = "penstock" if package == "penstock_core" else package
            count = import_everything(python, package, empty)
            siblings = [each for each in distributions(python) if each.startswith("penstock")]
            print(f"{distribution}: {count} modules imported, beside {', '.join(siblings)}", flush=True)
            if distribution == "penstock-core":
                good = judge_core(python) and good
                core = len(distributions(python)), megabytes(python)
            elif distribution in MOST_BESIDE:
                good = judge_beside(python, core, MOST_BESIDE[distribution]) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
