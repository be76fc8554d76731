"""Run as a program of its own, beside nothing: says what it costs to import some modules, and which distributions they bring along.

``python import_main.py '["DISTRIBUTION", ["MODULE", ...]]'`` prints JSON; whatever is imported may print what it likes elsewhere.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from importlib import metadata

CORE = "penstock-core"


def reach(name: str) -> Iterator[metadata.Distribution]:
    """A distribution and all that it requires, as far as that is installed; what only an extra brings is left out."""
    waiting, seen = [name], set()
    while waiting:
        wanted = _key(waiting.pop())
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            found = metadata.distribution(wanted)
        except metadata.PackageNotFoundError:
            continue
        yield found
        for text in found.requires or ():
            requirement, _, marker = text.partition(";")
            if not re.search(r"\bextra\b", marker):
                waiting.append(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0])


def size(found: metadata.Distribution) -> int:
    """Bytes of its files, as they were written down when it was installed."""
    return sum(each.size or 0 for each in found.files or ())


def main(asked: str) -> dict[str, object]:
    """Import what is asked for; returns what is printed."""
    distribution, modules = json.loads(asked)
    own = {_key(each.name) for each in reach(CORE)}
    brings = [each for each in reach(distribution) if _key(each.name) not in own] if distribution else []
    rows = [[each.name, each.version, size(each)] for each in brings]
    __import__("penstock")  # the core is there before any provider, and is no cost of one
    began = time.perf_counter()
    try:
        for module in modules:
            __import__(module)
    except BaseException as error:  # noqa: BLE001 - it is a stranger's, and may raise anything
        from penstock.model.names import error_sentence  # noqa: PLC0415 - none of it is a cost of the provider

        return {"problem": error_sentence(error)[:500], "distributions": rows}
    return {"import_ms": (time.perf_counter() - began) * 1000, "distributions": rows}


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    answer = os.dup(1)
    os.dup2(2, 1)
    os.write(answer, json.dumps(main(sys.argv[1])).encode())
