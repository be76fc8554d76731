"""Solving a request without what does not fit the core, and with a failure put into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.conflict import explain_conflict
from penstock_plugin_manager.change.solve.not_found import explain_missing
from penstock_plugin_manager.change.solve.unfit import Judge
from penstock_plugin_manager.errors import IncompatibleError, MissingError
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.lock import Lock
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import Distribution
from penstock_plugin_manager.resolve.message import UnmetError
from penstock_plugin_manager.resolve.request import Request

_MOST = 30
"""How many releases of providers may turn out to be for another spec before the first answer is taken."""


class Solution(NamedTuple):
    """What came of a solve.

    Attributes:
        left_out: A sentence for each newer release of a provider that was not chosen, and why.
    """

    lock: Lock
    left_out: tuple[str, ...] = ()


def solve(request: Request, intent: Intent, session: Session, present: Mapping[str, Distribution]) -> Solution:
    """Solve a request without releases of providers that do not fit the core; a failure is put into words.

    Which core it is, a first solve tells. Where nothing else meets the request, what does not fit is what was asked for.

    Args:
        request: What is asked.
        intent: What names the providers among it.
        session: The call.
        present: What stands in the environment that it is for.

    Raises:
        IncompatibleError: with the smallest conflict and the ways out.
        MissingError: with the nearest names.
    """
    first = lock = _solved(request, intent, session)
    judge = Judge(intent, lock, session, present)
    unfit = judge.known()
    for _ in range(_MOST):
        if not any(each.stands_in(lock) for each in unfit):
            found = judge.chosen(lock)
            if not found:
                return Solution(lock, tuple(judge.left_out(unfit, lock)))
            unfit += found
        limits = [f"{each.distribution}!={each.version}" for each in unfit]
        limited = request._replace(constraints=(*request.constraints, *limits, f"{CORE}=={judge.core}"))
        try:
            lock = session.resolver.solve(limited, session.environment, session.sources)
        except (IncompatibleError, MissingError):
            break
    return Solution(first)


def _solved(request: Request, intent: Intent, session: Session) -> Lock:
    try:
        return session.resolver.solve(request, session.environment, session.sources)
    except MissingError as error:
        raise explain_missing(error, intent, session) from None
    except UnmetError:
        raise
    except IncompatibleError as error:
        raise explain_conflict(error, request, intent, session) from None
