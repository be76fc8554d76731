"""What a test leaves in its process for the next one: modules of its folder, and what the garbage collector has to close."""

import gc
import sys
import warnings
from collections.abc import Collection
from pathlib import Path


def forget_modules(known: Collection[str], folder: Path) -> list[str]:
    """Have modules that were imported from beneath a folder be imported anew by the next who asks.

    Args:
        known: Names of modules that are none of them, whatever their files.
        folder: Where, such as the one below which pytest makes each test's.

    Returns:
        Their names.
    """
    found = [name for name, module in list(sys.modules.items()) if name not in known and _is_beneath(module, folder)]
    for name in found:
        sys.modules.pop(name, None)
    return found


def pass_over_what_is_there() -> None:
    """Have the garbage collector look only at what is made from now on.

    Of all that a process with thousands of tests has kept, a look takes a third of a second, and finds what others have left.
    """
    gc.freeze()


def left_to_the_collector() -> list[str]:
    """Have the garbage collector look, and tell what it had to close: a socket, or a file, in a cycle that nobody can reach."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    return [str(each.message) for each in found if issubclass(each.category, ResourceWarning)]


def _is_beneath(module: object, folder: Path) -> bool:
    attributes = getattr(module, "__dict__", {})
    files = [attributes.get("__file__"), *list(attributes.get("__path__") or ())]
    return any(isinstance(each, str) and Path(each).is_relative_to(folder) for each in files)
