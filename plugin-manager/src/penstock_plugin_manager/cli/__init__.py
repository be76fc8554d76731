"""The command line.

Nothing is imported here: the console script imports this package, and a plain ``list`` must answer within 60 ms.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the manager.

    Args:
        arguments: The words after the program's name; those of this process when omitted.

    Returns:
        The exit code, one of ``penstock_plugin_manager.errors.EXIT_CODES``.
    """
    from penstock_plugin_manager.cli.list_cache import cached_list  # noqa: PLC0415  as the module says

    words = sys.argv[1:] if arguments is None else arguments
    text = cached_list(words)
    if text is not None:
        sys.stdout.write(text)
        return 0
    from penstock_plugin_manager.cli.run import run  # noqa: PLC0415  as the module says

    return run(words)
