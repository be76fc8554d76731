"""What no file of the repository says: paths of a machine, hosts of a registry, headers of a licence."""

import re
from collections.abc import Iterator

_RULES = (
    (re.compile(r"(?<![\w.$}-])/(?:work|root|Users|home/\w+)/[\w.]"), "a path of one machine"),
    (
        re.compile(r"pypi\.org|pythonhosted\.org|\bregistry\.npmjs\b", re.IGNORECASE),
        "the host of a registry; write PyPI",
    ),
    (
        re.compile(r"SPDX-License-Identifier|Licensed under the Apache License, Version"),
        "a licence header; LICENSE says it once",
    ),
    (re.compile(r"\b(?:TODO|FIXME|XXX)\b"), "work left for later; do it, or open an issue"),
)


def unwanted(name: str, text: str) -> Iterator[str]:
    """Lines of a file that say what no file should.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, what in _RULES:
            if found := pattern.search(line):
                yield f"{name}:{number} has {what}: {found.group()!r}"
