"""Solving a request, with what catalogs know of failures, and with a failure put into words."""

from __future__ import annotations

from collections.abc import Mapping

from penstock_plugin_manager.change.requirements import known_to_fail
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.conflict import explain_conflict
from penstock_plugin_manager.change.solve.not_found import explain_missing
from penstock_plugin_manager.errors import IncompatibleError, MissingError
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.lock import Lock
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import Distribution, allows
from penstock_plugin_manager.resolve.message import UnmetError
from penstock_plugin_manager.resolve.request import Request


def solve(request: Request, intent: Intent, session: Session, present: Mapping[str, Distribution]) -> Lock:
    """Solve a request without what a catalog has seen fail with the core; a failure is put into words.

    Which core it is, a first solve tells. Where nothing else meets the request, what fails is what was asked for.

    Args:
        request: What is asked.
        intent: What names the providers among it.
        session: The call.
        present: What stands in the environment that it is for.

    Raises:
        IncompatibleError: with the smallest conflict and the ways out.
        MissingError: with the nearest names.
    """
    lock = _solved(request, intent, session)
    locked = {each.name: each.version for each in lock.packages}
    core = locked.get(CORE, "")
    failing = known_to_fail(session, intent, core, present)
    if all(allows(f"!={version}", locked[name]) for name, version in failing if name in locked):
        return lock
    limits = [f"{name}!={version}" for name, version in failing]
    limited = request._replace(constraints=(*request.constraints, *limits, f"{CORE}=={core}"))
    try:
        return session.resolver.solve(limited, session.environment, session.sources)
    except (IncompatibleError, MissingError):
        return lock


def _solved(request: Request, intent: Intent, session: Session) -> Lock:
    try:
        return session.resolver.solve(request, session.environment, session.sources)
    except MissingError as error:
        raise explain_missing(error, intent, session) from None
    except UnmetError:
        raise
    except IncompatibleError as error:
        raise explain_conflict(error, request, intent, session) from None
