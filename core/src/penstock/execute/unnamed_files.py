"""Says why a try did not find a file that lies in the DAGs folder: no code of its run names it."""

import re
from pathlib import Path

_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)


def unnamed_file(error: str, copy: Path, folder: Path) -> str:
    """Say that what a try missed lies in the DAGs folder, and what to do; "" if it does not.

    Args:
        error: What the try raised, with its traceback.
        copy: The snapshot that its code ran from.
        folder: The DAGs folder.
    """
    found = re.search(rf"^FileNotFoundError: .*'{re.escape(str(copy))}/([^'\n]+)'", error, re.MULTILINE)
    if found is not None:
        names = [found[1]]
    elif (module := _MODULE.search(error)) is not None:
        path = module[1].replace(".", "/")
        names = [f"{path}.py", f"{path}/__init__.py"]
    else:
        return ""
    for name in names:
        if (folder / name).is_file() and not (copy / name).exists():
            return (
                f"{name} lies in the DAGs folder, but not among the files that this run keeps: the import of its DAG file did not "
                "read it, and no text that the run has names it. Write its name or that of its folder as a text into the code, or "
                "list the folder there."
            )
    return ""
