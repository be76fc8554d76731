"""What a provider costs: the time of its import, measured in a process of its own, and the distributions that come along with it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.processes.environ import without_secrets
from penstock.processes.group import describe_exit, kill_group

LIMIT_S = 60.0
"""Seconds that an import may take."""

_MAIN = Path(__file__).with_name("import_main.py")
_MOST_BYTES = 1 << 20


class ImportCost(msgspec.Struct, frozen=True):
    """What an import was found to cost.

    Attributes:
        import_ms: Milliseconds over an interpreter that has imported the core; None if it failed.
        problem: Why it failed; "" if it did not.
        distributions: Name, version and bytes of the provider's distribution and of each that comes along and is none of the core's.
    """

    import_ms: float | None = None
    problem: str = ""
    distributions: list[tuple[str, str, int]] = []


def import_cost(python: str, distribution: str, modules: Sequence[str], limit_s: float = LIMIT_S) -> ImportCost:
    """Import modules in a fresh interpreter, with nothing of this environment's secrets.

    Args:
        python: The interpreter.
        distribution: Whose requirements are looked at; "" for none.
        modules: What is imported, one after the other.
        limit_s: Seconds after which whatever it has started is ended.
    """
    asked = msgspec.json.encode([distribution, list(modules)]).decode()
    try:
        process = subprocess.Popen(
            [python, "-P", str(_MAIN), asked],
            env=without_secrets(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return ImportCost(problem=f"{python} cannot be started: {error.strerror}")
    try:
        answer, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        answer = None
    finally:
        kill_group(process.pid)
        process.communicate()
    if answer is None:
        return ImportCost(problem=f"it was not imported within {limit_s:g} s")
    try:
        return decode_json(answer[:_MOST_BYTES], ImportCost)
    except msgspec.MsgspecError:
        return ImportCost(problem=f"its import ended the process, which {describe_exit(process.returncode)}")
