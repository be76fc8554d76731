"""What a task asks of the machine that runs it, and what it tells executors: their check and their values."""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from penstock.author.construct.task_rules import is_number
from penstock.errors import did_you_mean

LEAST_BYTES = 1 << 20
MOST_BYTES, MOST_CPU = 1 << 50, 4096
MOST_DEEP, MOST_VALUES, LONGEST_TEXT = 30, 5_000, 100_000
"""What executors can be told: the depth of lists and dicts, the values in all, and the characters of one text."""
_UNITS = {"": 1} | {name: 1000**power for power, name in enumerate("KMGT", 1)}
_UNITS |= {"k": 1000} | {f"{name}i": 1024**power for power, name in enumerate("KMGT", 1)}
_MEMORY = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,6})?) ?([kKMGT]i?)?", re.ASCII)
_CPU = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?)(m?)", re.ASCII)
_NAMES = ("cpu", "memory")
_CPU_FORMS = f'a number, or text such as "500m" for half a processor; at most {MOST_CPU}'
_MEMORY_FORMS = 'text such as "512Mi" or "4G" (K, M, G, T, Ki, Mi, Gi, Ti), or bytes as a whole number; 1Mi to 1024Ti'


class TaskResources(NamedTuple):
    """What a task asks for.

    Attributes:
        cpu: Processors; 0 for no matter how many.
        memory_bytes: Bytes of memory; 0 for no matter how many.
    """

    cpu: float = 0.0
    memory_bytes: int = 0


def resources_of(given: Any) -> TaskResources:  # noqa: ANN401 - what an author wrote, checked
    """Read the resources of a task that has no problem with them."""
    given = given or {}
    return TaskResources(_cpu(given.get("cpu")) or 0.0, _memory(given.get("memory")) or 0)


def resource_problems(given: Any) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check the resources of a task."""
    if given is None:
        return
    if not isinstance(given, dict):
        yield f'resources is {given!r:.200}; write a dict such as {{"cpu": 2, "memory": "4Gi"}}.'
        return
    for name in given:
        if name not in _NAMES:
            advice = did_you_mean(str(name), _NAMES, otherwise="It takes cpu and memory.")
            yield f"resources takes no {name!r:.100}. {advice}"
    for name, read, forms in (("cpu", _cpu, _CPU_FORMS), ("memory", _memory, _MEMORY_FORMS)):
        if given.get(name) is not None and read(given[name]) is None:
            yield f"the {name} of resources is {given[name]!r:.100}; write {forms}."


def config_problems(given: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Check what a task tells executors."""
    if given is None:
        return
    if not isinstance(given, dict):
        yield f'executor_config is {given!r:.200}; write a dict such as {{"kubernetes": {{...}}}}.'
        return
    try:
        executor_config_of(given)
    except ValueError as error:
        yield f"executor_config {error}"


def executor_config_of(given: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """What a task tells executors, as values of JSON; raises ValueError with what is wrong with one of them."""
    found: dict[str, Any] = _plain(given or {}, 0, [0])
    return found


def memory_text(size: int) -> str:
    """Write a number of bytes as people ask for it, such as ``512Mi``."""
    for unit, factor in (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.4g}{unit}"
    return f"{size} bytes"


def _cpu(value: Any) -> float | None:  # noqa: ANN401 - as above
    """Processors as a number; None if the value says none."""
    if value is None:
        return None
    if is_number(value):
        found = float(value) if abs(value) <= MOST_CPU else math.inf
    else:
        match = _CPU.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return None
        found = float(match[1]) / (1000 if match[2] else 1)
    return found if 0 < found <= MOST_CPU else None


def _memory(value: Any) -> int | None:  # noqa: ANN401 - as above
    """Bytes; None if the value says none."""
    if isinstance(value, str):
        match = _MEMORY.fullmatch(value)
        if match is None:
            return None
        factor = _UNITS.get(match[2] or "")
        if factor is None:
            return None
        value = int(match[1]) * factor if match[1].isdigit() else int(float(match[1]) * factor)
    if not isinstance(value, int) or isinstance(value, bool) or not LEAST_BYTES <= value <= MOST_BYTES:
        return None
    return int(value)


def _plain(value: Any, depth: int, count: list[int]) -> Any:  # noqa: ANN401 - as above
    count[0] += 1
    if depth > MOST_DEEP or count[0] > MOST_VALUES:
        raise ValueError(f"holds more than {MOST_VALUES:,} values, or more than {MOST_DEEP} in each other.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if (
        isinstance(value, str)
        and len(value) <= LONGEST_TEXT
        and not any("\ud800" <= each <= "\udfff" for each in value)
    ):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(each, depth + 1, count) for each in value]
    if isinstance(value, dict):
        wrong = next((name for name in value if not isinstance(name, str)), None)
        if wrong is not None:
            raise ValueError(f"has the key {wrong!r:.100}; write text.")
        return {str(name): _plain(each, depth + 1, count) for name, each in value.items()}
    raise ValueError(f"holds {value!r:.100}, a {type(value).__qualname__}; write text, numbers, lists and dicts alone.")
