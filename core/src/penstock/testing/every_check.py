"""All checks of a provider, for a program: ``python -m penstock.testing.every_check ID FILE``.

The file becomes a JSON list of what is wrong. What is printed meanwhile is the provider's.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from penstock.errors import PenstockError
from penstock.testing import provider_checks as checks
from penstock.testing import provider_code as code
from penstock.testing import provider_imports as imports

CHECKS: Mapping[str, Callable[[checks.Subject], list[str]]] = {
    "every object of the manifest is there and of its kind": checks.object_problems,
    "the parameters of the manifest are those of the code": checks.parameter_problems,
    "the types of the manifest are those of the code": code.type_problems,
    "the fields of connections are those of the code": code.field_problems,
    "importing it imports no foreign package and reaches out to nothing": imports.import_problems,
    "importing one capability takes little time": imports.cost_problems,
    "it declares what it imports": imports.dependency_problems,
    "everything is documented": checks.document_problems,
    "every hook can test its connection": checks.hook_problems,
    "every task does its work with the arguments of all tasks": code.task_problems,
    "stores and executors are called as their specs say": code.protocol_problems,
    "an unknown argument is refused": checks.argument_problems,
    "uninstalling it leaves nothing behind": checks.file_problems,
    "its modules keep the room plan": checks.room_problems,
}
"""What is checked, by what it proves."""


def every_problem(provider_id: str) -> list[str]:
    """What is wrong with an installed provider, a sentence each."""
    try:
        subject = checks.Subject(provider_id)
    except PenstockError as error:
        return [str(error)]
    return [*subject.problems, *(problem for check in CHECKS.values() for problem in check(subject))]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(every_problem(sys.argv[1])), encoding="utf-8")
