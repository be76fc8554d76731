"""Modules of the project that answer plug-in specs: each is described by a bounded process of its own.

What such a module answers becomes a manifest, judged by the rules of all manifests, so that it is a provider like any other: the
host registers it as a plugin that answers from data, and its code is imported where an object of it is used. A module
that raises, hangs or ends its process is a broken provider and nothing worse.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.processes.group import describe_exit, kill_group
from penstock.spec.plugin import SPEC_VERSION
from penstock_manifest.judge import read_data
from penstock_manifest.providers import Provider


def id_of_module(module: str) -> str:
    """Return the provider id of a module of the project: its name, ``_`` for each dot."""
    return module.replace(".", "_")


def distribution_of(module: str) -> tuple[str]:
    """Return what stands in place of a distribution where providers are listed."""
    return (f"module {module} of this project",)


def read_modules(modules: Sequence[str], folder: Path, *, timeout_s: float, memory_mb: int) -> list[Provider]:
    """Have each module described by a process of its own, all at once.

    Args:
        modules: Names of modules, importable from the folder or from this environment.
        folder: The project's folder.
        timeout_s: Seconds that importing and asking one may take.
        memory_mb: Megabytes of memory that it may take.
    """
    started = [(module, _start(module, folder, memory_mb)) for module in modules]
    return [_finished(module, process, timeout_s) for module, process in started]


def _start(module: str, folder: Path, memory_mb: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "penstock.plugins.describe", module, str(folder), str(memory_mb)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _finished(module: str, process: subprocess.Popen[bytes], timeout_s: float) -> Provider:
    try:
        answer, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        problem = f"importing it and asking it takes more than {timeout_s:g} s; the bound is timeout_s in [loader]"
        return _provider(module, {"problem": problem})
    finally:
        # The module may have started processes; they end with the one that describes it.
        with contextlib.suppress(ProcessLookupError):
            kill_group(process.pid)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    try:
        return _provider(module, json.loads(answer))
    except ValueError:
        return _provider(
            module, {"problem": f"its process ended before it answered: {describe_exit(process.returncode)}"}
        )


def _provider(module: str, answer: dict[str, Any]) -> Provider:
    name, distributions = id_of_module(module), distribution_of(module)
    if "problem" in answer:
        return Provider(name, distributions, None, (answer["problem"],))
    manifest, problems, notes = read_data(answer["manifest"], name, spec_version=SPEC_VERSION, strict=True)
    return Provider(name, distributions, manifest, problems, notes, answer["file"])
