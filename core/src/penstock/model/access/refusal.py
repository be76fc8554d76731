"""What is said to whoever may not do what was asked for: which role may, or that a token is what stands in the way."""

from penstock.errors import ForbiddenError
from penstock.model.access.permission import MEANINGS, ROLES, SCOPES, Permission, Scope
from penstock.model.access.principal import Principal


def refusal(principal: Principal, permission: Permission, what: str = "", thing: str = "") -> ForbiddenError:
    """The error that says so.

    Args:
        principal: Who asks.
        permission: What is needed.
        what: What was asked for, as the end of a sentence that says "may not"; all that the permission allows unless given.
        thing: On what, such as ``DAG 'sales'``; "" for all that there is.
    """
    if principal.only is not None and permission not in principal.only:
        limits = ", ".join(sorted(principal.only))
        remedy = f"The token that asks is limited to {limits}: make one with {permission}, by penstock tokens create."
    else:
        role = next(role for role, allowed in ROLES.items() if permission in allowed)
        whole = " on the installation" if SCOPES[permission] is Scope.INSTALLATION else ""
        remedy = f"The role {role}{whole} may: ask an admin for it, who grants it by penstock users grant."
    return ForbiddenError(principal.name, what or MEANINGS[permission], thing, remedy)
