"""Who a request comes from: the principal of a token's or a session's secret, remembered for a second at most."""

from collections.abc import Callable
from datetime import timedelta
from secrets import token_hex, token_urlsafe
from typing import NamedTuple

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.access.principal import Principal
from penstock.model.access.user import LONGEST_LINK, Session
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.service.access.backoff import guards
from penstock.service.access.tokens import PREFIX, digest
from penstock.service.access.users import add_first_admin
from penstock.service.installation import Installation

FIRST_LINK_MINUTES = LONGEST_LINK / timedelta(minutes=1)
"""For how long the link that makes the first admin counts."""

_KEPT_S = 1.0
_MOST = 10_000


class NewSession(NamedTuple):
    """A session that was just made; its secret is told this once.

    Attributes:
        secret: What the browser keeps.
        session: The session.
    """

    secret: str
    session: Session


class _Known(NamedTuple):
    principal: Principal | None
    session: Session | None
    at: float
    changes: int


class Principals:
    """Finds principals, and lets users in; for several threads.

    What was found is remembered for a second, and forgotten at once if this process has changed who may do what: another
    server's change counts here within a second.

    Args:
        installation: The installation, whose own principal does not matter.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._known: dict[bytes, _Known] = {}

    def of_token(self, secret: str, source: str = "") -> Principal | None:
        """The principal of a token's secret, or None if it does not count; raises StoreError."""
        if not secret.startswith(PREFIX):
            return None
        found = self._remembered(digest(secret), self._by_token).principal
        return None if found is None else _from(found, source)

    def of_session(self, secret: str, source: str = "") -> tuple[Principal, Session] | None:
        """The principal of a session's secret and the session, or None if it does not count; raises StoreError."""
        found = self._remembered(digest(secret), self._by_session)
        if found.principal is None or found.session is None:
            return None
        return _from(found.principal, source), found.session

    def remembered_token(self, secret: str, source: str = "") -> Principal | None:
        """The principal of a token's secret, if it was found within the last second and nothing says otherwise since."""
        found = self._lately(digest(secret)) if secret.startswith(PREFIX) else None
        return None if found is None or found.principal is None else _from(found.principal, source)

    def remembered_session(self, secret: str, source: str = "") -> Principal | None:
        """The principal of a session's secret, likewise."""
        found = self._lately(digest(secret))
        if found is None or found.principal is None or found.session is None:
            return None
        return _from(found.principal, source)

    def sign_in(
        self, name: str, source: str = "", *, idle_s: float = 86_400.0, longest_s: float = 604_800.0
    ) -> NewSession:
        """Make a session of a user who has shown who that is, with a secret of its own.

        Args:
            name: The user.
            source: The address.
            idle_s: Seconds without a request after which it ends.
            longest_s: Seconds after which it ends in any case.

        Raises:
            NotFoundError: There is no such user.
            StoreError: The database failed.
        """
        now, sessions = self._installation.now(), self._installation.store.access.sessions
        made = Session(token_hex(6), name, source, now, now, idle_s, now + timedelta(seconds=longest_s))
        secret = token_urlsafe(32)
        entry = AskedBy(name, source=source).entry(now, AuditAction.LOGIN, subject=f"session {made.session_id}")
        sessions.add(made, digest(secret), entry)
        self.passed(name, source)
        return NewSession(secret, made)

    def failed(self, name: str, source: str = "") -> None:
        """Note that somebody did not show to be a user, whether or not there is one of this name; raises StoreError."""
        entry = AskedBy(source=source).entry(
            self._installation.now(), AuditAction.LOGIN_FAILED, subject=f"user {name!r}"
        )
        self._installation.store.access.sessions.failed(entry)

    def attempt(self, name: str, source: str = "") -> float:
        """Count a try to sign in, by an account and from an address, before it is decided: of many at once, none is overlooked.

        It counts as a failure until `passed` says otherwise. How long it waits for those before it is decided in
        `penstock.service.access.backoff`.

        Returns:
            Seconds that it has to wait, in which case it is not counted; 0 if it may be made.

        Raises:
            StoreError: The database failed.
        """
        now, sessions = self._installation.now(), self._installation.store.access.sessions
        of = {guard.key: guard for guard in guards(name, source, sessions.sources(name, now))}
        return sessions.attempted(tuple(of), now, lambda key, failures, at: of[key].pause(failures, at, now))

    def passed(self, name: str, source: str = "") -> None:
        """Forget the tries of an account and an address that did not succeed; raises StoreError."""
        keys = tuple(guard.key for guard in guards(name, source))
        self._installation.store.access.sessions.succeeded(keys)

    def first_link(self) -> str:
        """The secret of a link that makes the first admin, once; "" if there is an admin already. Raises StoreError."""
        access, now = self._installation.store.access, self._installation.now()
        if access.users.has_admin():
            return ""
        secret = token_urlsafe(32)
        access.sessions.add_link(digest(secret), "", now, now + LONGEST_LINK)
        return secret

    def use_first_link(self, secret: str, user: str, password_hash: str, source: str = "") -> None:
        """Make the first admin by the secret of its link, which counts no more.

        Raises:
            RequestError: The link does not count, there is an admin already, or name or hash cannot be used.
            StoreError: The database failed.
        """
        by = AskedBy(user, "the link of the first start", source)
        if not add_first_admin(self._installation, digest(secret), user, password_hash, by):
            raise RequestError(
                "this link was used, or its time is over. Have another: penstock server link, if there is no admin yet."
            )

    def _remembered(self, key: bytes, find: Callable[[bytes], tuple[Principal | None, Session | None]]) -> _Known:
        changes, at = self._installation.store.access.changes, self._installation.clock.read().monotonic_s
        known = self._lately(key)
        if known is not None:
            return known
        if len(self._known) >= _MOST:
            self._known.clear()
        found = self._known[key] = _Known(*find(key), at, changes)
        return found

    def _lately(self, key: bytes) -> _Known | None:
        known = self._known.get(key)
        if known is None or known.changes != self._installation.store.access.changes:
            return None
        return known if self._installation.clock.read().monotonic_s < known.at + _KEPT_S else None

    def _by_token(self, key: bytes) -> tuple[Principal | None, Session | None]:
        token = self._installation.store.access.tokens.used(key, self._installation.now())
        if token is None:
            return None, None
        return self._of(token.user, None if token.permissions is None else frozenset(token.permissions)), None

    def _by_session(self, key: bytes) -> tuple[Principal | None, Session | None]:
        session = self._installation.store.access.sessions.seen(key, self._installation.now())
        return (None, None) if session is None else (self._of(session.user, None), session)

    def _of(self, name: str, only: frozenset[Permission] | None) -> Principal | None:
        users = self._installation.store.access.users
        user = users.find(name)
        if user is None or user.disabled:
            return None
        return Principal(name, tuple(held.grant for held in users.grants(name)), only)


def _from(principal: Principal, source: str) -> Principal:
    return Principal(principal.name, principal.grants, principal.only, source)
