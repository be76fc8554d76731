"""A provider stands alone: no file outside its folder names it."""

import re
from collections.abc import Iterator


def named_outside(provider_id: str, name: str, text: str) -> Iterator[str]:
    """Lines of a file outside a provider's folder that name its package, its distribution or its folder.

    Args:
        provider_id: The provider.
        name: How the file is called in what is said.
        text: Its content.
    """
    dashed = provider_id.replace("_", "-")
    pattern = re.compile(rf"\bpenstock_{provider_id}\b|\bpenstock-providers-{dashed}\b|\bproviders/{dashed}\b")
    for number, line in enumerate(text.splitlines(), 1):
        if found := pattern.search(line):
            yield f"{name}:{number} names {found.group()}"
