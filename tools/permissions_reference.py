"""The page of permissions: which roles have them, and which operations need them, from the tables of both."""

from collections.abc import Iterator

from penstock.model.access.permission import MEANINGS, ROLES, SCOPES, Permission, Role, Scope
from penstock.service.operations.table import operations

_ASKED_OF = {
    Scope.DAG: "DAGs",
    Scope.CONNECTION: "connections",
    Scope.VARIABLE: "Variables",
    Scope.POOL: "pools",
    Scope.INSTALLATION: "the installation",
}


def page(note: str) -> str:
    """The text of the page."""
    return "\n".join([*_about(note), *_roles(), "", *_operations(), ""])


def _about(note: str) -> Iterator[str]:
    yield "# Permissions\n"
    yield note
    yield "A *grant* gives a user or a team a role on some things: DAGs by glob or tag, connections, Variables and pools by glob,"
    yield "and the installation. Nothing else is allowed. What may not be seen is not there: it is answered as what does not exist."
    yield "A token may what its user may, or the part of it that it is limited to. [How to give them](../how-to/users-and-teams.md).\n"
    yield "## Roles\n"


def _roles() -> Iterator[str]:
    yield f"| permission | asked of | allows to | {' | '.join(Role)} |"
    yield f"|---|---|---|{'---|' * len(Role)}"
    for each in Permission:
        marks = " | ".join("yes" if each in ROLES[role] else "" for role in Role)
        yield f"| `{each}` | {_ASKED_OF[SCOPES[each]]} | {MEANINGS[each]} | {marks} |"


def _operations() -> Iterator[str]:
    yield "## What operations need\n"
    yield "Some ask for more: an event of an asset is reported by whoever may trigger every DAG that waits for it.\n"
    yield "| operation | route | permission | roles |"
    yield "|---|---|---|---|"
    for each in sorted(operations(), key=lambda found: found.name):
        needs = f"`{each.needs}`" if each.needs else "none: whoever is known"
        roles = ", ".join(role for role in Role if each.needs is None or each.needs in ROLES[role])
        yield f"| `{each.name}` | `{each.method} {each.path}` | {needs} | {roles} |"
