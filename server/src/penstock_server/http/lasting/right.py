"""By what right an answer goes on."""

import logging
from collections.abc import Callable

from starlette.requests import Request

from penstock.errors import PenstockError, StoreError
from penstock.model.access.principal import Principal
from penstock.service.installation import Installation
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.problems import RefusedError

_log = logging.getLogger(__name__)
_BLIND_S = 10.0
"""Seconds for which a database that does not answer takes nothing away: nobody could have changed anything in it."""


class Right:
    """Who asked for an answer, and what it takes for it to go on.

    Args:
        authenticator: Finds who asks.
        request: What is asked; its headers say by whom.
        principal: Whom it came from when it began.
        installation: Has the clock.

    Attributes:
        principal: As above.
    """

    def __init__(
        self, authenticator: Authenticator, request: Request, principal: Principal, installation: Installation
    ) -> None:
        self._authenticator, self._request, self._clock = authenticator, request, installation.clock
        self.principal = principal
        self._more: list[Callable[[], object]] = []
        self._seen_s = self._clock.read().monotonic_s

    def needs_also(self, more: Callable[[], object] | None) -> None:
        """Have more than the principal count: what raises what stands against it, such as that a DAG may not be seen any more."""
        if more is not None:
            self._more.append(more)

    def lately(self) -> bool:
        """Whether it holds, if that can be said at once, without a look into the database."""
        return not self._more and self._authenticator.remembered(self._request) == self.principal

    def holds(self) -> bool:
        """Whether the same principal with the same grants would be given the answer if it asked now; asks the database."""
        now_s = self._clock.read().monotonic_s
        try:
            if self._authenticator.principal(self._request) != self.principal:
                return False
            for each in self._more:
                each()
        except StoreError:
            return now_s < self._seen_s + _BLIND_S
        except (RefusedError, PenstockError):
            return False
        except Exception:  # noqa: BLE001 - whatever it is, who cannot be known is nobody
            _log.exception("it cannot be told whether %s may go on", self.principal.name or "the owner")
            return False
        self._seen_s = now_s
        return True
