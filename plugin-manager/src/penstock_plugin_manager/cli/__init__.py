"""The command line, and the quick way of a plain ``list``: its last answer, while nothing that it rests on has changed.

``argparse``, ``json``, ``pathlib`` and ``typing`` together cost more than the whole command may, and each further module is felt:
the quick way stands here, where the console script comes in, and needs ``os`` and one module alone.
"""

import os
import sys

from penstock_plugin_manager.installed.locate import find_root, project_folder, read_list_cache

_TAKING = {"--env", "--python", "--project"}


def main(arguments: list[str] | None = None) -> int:
    """Run the manager.

    Args:
        arguments: The words after the program's name; those of this process when omitted.

    Returns:
        The exit code, one of ``penstock_plugin_manager.errors.EXIT_CODES``.
    """
    words = sys.argv[1:] if arguments is None else arguments
    text = _cached_list(words)
    if text is not None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            pass  # a full disk, or nobody who reads: the long way meets it again, and tells it
        else:
            return 0
    from penstock_plugin_manager.cli.run import run  # noqa: PLC0415  as the first lines say

    return run(words)


def _cached_list(words: list[str]) -> str | None:
    """Return what ``list`` prints, or None where the long way must be gone."""
    if not words or words[0] != "list":
        return None
    options = {"--env": "", "--python": "", "--project": ""}
    form, rest = "text", words[1:]
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            form = "json"
        elif name in _TAKING and (equals or rest):
            options[name] = value if equals else rest.pop(0)
        else:
            return None
    if options["--env"] and options["--python"]:
        return None
    start = options["--project"] or os.getcwd()
    root = find_root(options["--env"], options["--python"], start, os.environ)
    if not root:
        return None
    project = os.path.abspath(options["--project"]) if options["--project"] else project_folder(start) or ""
    text = read_list_cache(root, project, form)
    if text is None or form == "json" or _coloured():
        return text
    first, *parts = text.split("\x1b[")
    return first + "".join(part.partition("m")[2] for part in parts)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
