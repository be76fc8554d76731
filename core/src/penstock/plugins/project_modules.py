"""Modules of the project that answer plug-in specs: each is described by a bounded process of its own.

What such a module answers becomes a manifest, judged by the rules of all manifests, so that it is a provider like any other: the
host registers it as a plugin that answers from data, and its code is imported where an object of it is used. A module
that raises, hangs or ends its process is a broken provider and nothing worse.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple
from uuid import uuid4

import msgspec

from penstock.decoders import decode_json
from penstock.processes.descendants import end_marked
from penstock.processes.environ import without_secrets
from penstock.processes.group import describe_exit, kill_group
from penstock.spec.plugin import SERVED_SPECS
from penstock_manifest.judge import read_data
from penstock_manifest.providers import Provider

_MARK = "PENSTOCK_DESCRIBED_BY"
"""Variable of the environment that marks every process that a module has started."""

_KILL_S = 2.0
_LARGEST = 64 << 20
"""Bytes of an answer that are read."""


def id_of_module(module: str) -> str:
    """Return the provider id of a module of the project: its name, ``_`` for each dot."""
    return module.replace(".", "_")


def distribution_of(module: str) -> tuple[str]:
    """Return the label that is listed in place of a distribution."""
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


class _ModuleProcess(NamedTuple):
    """A process that describes a module, what it answers, and the mark by which all that it starts is found."""

    process: subprocess.Popen[bytes]
    answer: IO[bytes]
    mark: str


class _Answer(msgspec.Struct, frozen=True):
    """What the process answers: the data of a manifest, notes on the module and its file, or why there is none."""

    manifest: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    file: str = ""
    problem: str = ""


def _start(module: str, folder: Path, memory_mb: int) -> _ModuleProcess:
    # A file and no pipe: what the module forks would keep a pipe open, and its end is awaited no longer than its process'.
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - `_finished` closes it
    mark = uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "penstock.plugins.describe", module, str(folder), str(memory_mb)],
        stdin=subprocess.DEVNULL,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**without_secrets(os.environ), _MARK: mark},
    )
    return _ModuleProcess(process, answer, mark)


def _finished(module: str, described: _ModuleProcess, timeout_s: float) -> Provider:
    process = described.process
    with described.answer:
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            problem = f"importing it and asking it takes more than {timeout_s:g} s; the bound is timeout_s in [loader]"
            return _provider(module, _Answer(problem=problem))
        finally:
            # The module may have started processes; they end with the one that describes it.
            kill_group(process.pid)
            process.wait()
            end_marked(_MARK, described.mark, _KILL_S)
        described.answer.seek(0)
        try:
            return _provider(module, decode_json(described.answer.read(_LARGEST + 1), _Answer))
        except (msgspec.MsgspecError, RecursionError):
            ended = describe_exit(process.returncode)
            return _provider(module, _Answer(problem=f"its process ended before it answered: {ended}"))


def _provider(module: str, answer: _Answer) -> Provider:
    name, distributions = id_of_module(module), distribution_of(module)
    if answer.problem:
        return Provider(name, distributions, None, (answer.problem,))
    manifest, problems, notes = read_data(answer.manifest, name, served=SERVED_SPECS, strict=True)
    return Provider(name, distributions, manifest, problems, (*notes, *answer.notes), answer.file)
