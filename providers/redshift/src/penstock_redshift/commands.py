"""What people do with Redshift from the command line: ``penstock redshift NAME``."""

import json
import sys

from penstock_redshift.hooks.database import split
from penstock_redshift.hooks.tags import read_tags


def tags(*, statement: str = "") -> int:
    """Print the tags of statements as JSON, a line a statement; the exit code is 1 if none has any.

    Args:
        statement: A statement, or several with semicolons; those of the standard input unless given.
    """
    found = [read_tags(each) for each in split(statement or sys.stdin.read())]
    for each in found:
        print(json.dumps(each, ensure_ascii=False, sort_keys=True))  # noqa: T201 - what the command is for
    return 0 if any(found) else 1
