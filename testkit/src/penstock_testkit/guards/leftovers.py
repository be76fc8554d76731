"""What a test leaves in its process for the next one: modules of its folder, and what the garbage collector has to close."""

import gc
import itertools
import sys
import warnings
from pathlib import Path


def mark_modules() -> None:
    """Have this module stand behind all that are imported: what comes behind it is new.

    A set of all names would take longer than most tests.
    """
    sys.modules[__name__] = sys.modules.pop(__name__)


def forget_modules(folder: Path) -> list[str]:
    """Have modules that were imported since the mark from beneath a folder be imported anew by the next who asks.

    Args:
        folder: Where, such as the one below which pytest makes each test's.

    Returns:
        Their names, the last one first.
    """
    new = itertools.takewhile(lambda name: name != __name__, reversed(list(sys.modules)))
    found = [name for name in new if _is_beneath(sys.modules.get(name), folder)]
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
