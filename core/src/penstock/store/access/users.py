"""Users, teams, their members, and the grants of both; one admin at least stays, once there is one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from penstock.decoders import convert
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.model.access.user import HeldGrant, Team, User
from penstock.model.history.audit import AuditEntry
from penstock.store.access.sessions import link_counts
from penstock.store.sql.access.access_tables import login_link, team, team_member, user_grant, user_session, users
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

_u, _t, _m, _g, _s, _l = users.c, team.c, team_member.c, user_grant.c, user_session.c, login_link.c
_USER = (_u.name, _u.created_at, _u.changed_at, _u.password_hash, _u.external, _u.service, _u.disabled)
USER = select(*_USER).where(_u.name == bindparam("of"))
EXTERNAL = select(*_USER).where(_u.external == bindparam("of"))
_TEAMS_OF = select(_m.team).where(_m.user_name == bindparam("of"))
_GRANT = (_g.number, _g.user_name, _g.team, _g.body, _g.created_at)
HELD = select(*_GRANT).where(or_(_g.user_name == bindparam("of"), _g.team.in_(_TEAMS_OF))).order_by(_g.number)
_BY_TEAM = user_grant.join(team_member, _g.team == _m.team)
HELD_FROM_TO = (
    select(_g.user_name.label("holder"), *_GRANT)
    .where(_g.user_name.between(bindparam("first"), bindparam("last")))
    .union_all(
        select(_m.user_name, *_GRANT)
        .select_from(_BY_TEAM)
        .where(_m.user_name.between(bindparam("first"), bindparam("last")))
    )
    .order_by("number")
)
ADMINS = (
    select(_g.body, _u.name)
    .select_from(users)
    .outerjoin(team_member, _m.user_name == _u.name)
    .join(user_grant, or_(_g.user_name == _u.name, _g.team == _m.team))
    .where(_u.disabled.is_(False))
)


class StoredUsers:
    """Reads and writes users, teams and grants.

    Every method raises StoreError if the database cannot serve. One that writes takes the entry of the audit that is kept with it,
    and refuses with a RequestError to take away the last admin.
    """

    def __init__(self, database: Database, writer: Writer, changed: Callable[[], None]) -> None:
        self._database, self._writer, self._changed = database, writer, changed

    def find(self, name: str) -> User | None:
        """A user by name."""
        return self._one(USER, name)

    def find_external(self, external: str) -> User | None:
        """A user by what an identity provider knows the user by."""
        return self._one(EXTERNAL, external)

    def page(self, *, after: str = "", limit: int = 1_000) -> list[User]:
        """Users by name, from the first behind a name on."""
        query = select(*_USER).where(_u.name > after).order_by(_u.name).limit(limit)
        with self._database.read() as connection:
            return [_user(row) for row in connection.execute(query)]

    def password_hash(self, name: str) -> str:
        """The hash of a user's password; "" if there is no such user, or none that may sign in by it."""
        query = select(_u.password_hash).where(_u.name == name, _u.disabled.is_(False))
        with self._database.read() as connection:
            return connection.execute(query).scalar() or ""

    def grants(self, name: str) -> list[HeldGrant]:
        """The grants that a user holds, those of the user's teams included."""
        with self._database.read() as connection:
            return [_held(row) for row in connection.execute(HELD, {"of": name})]

    def grants_of_page(self, first: str, last: str) -> dict[str, list[HeldGrant]]:
        """The grants of each user from one name to another, those of the user's teams included; users who have none are left out."""
        found: dict[str, list[HeldGrant]] = {}
        with self._database.read() as connection:
            for user, *row in connection.execute(HELD_FROM_TO, {"first": first, "last": last}):
                found.setdefault(user, []).append(_held(row))
        return found

    def team_grants(self, name: str) -> list[HeldGrant]:
        """The grants that a team holds."""
        with self._database.read() as connection:
            return [
                _held(row) for row in connection.execute(select(*_GRANT).where(_g.team == name).order_by(_g.number))
            ]

    def grant(self, number: int) -> HeldGrant | None:
        """A grant by its number."""
        with self._database.read() as connection:
            row = connection.execute(select(*_GRANT).where(_g.number == number)).one_or_none()
        return None if row is None else _held(row)

    def has_admin(self) -> bool:
        """Whether somebody who is let in is an admin of the installation."""
        with self._database.read() as connection:
            return _admin_in(connection.execute(ADMINS).all())

    def teams(self) -> list[Team]:
        """Every team by name, with its members."""
        with self._database.read() as connection:
            found = connection.execute(select(_t.name, _t.description, _t.created_at).order_by(_t.name)).all()
            members = connection.execute(select(_m.team, _m.user_name).order_by(_m.user_name)).all()
        return [Team(name, about, at, tuple(user for of, user in members if of == name)) for name, about, at in found]

    def add(self, user: User, password_hash: str, given: Grant | None, *audit: AuditEntry) -> None:
        """Add a user, with a grant or without; raises RequestError if there is one of this name, or of this external name."""
        with self._writing() as tx:
            _add(tx, user, password_hash, given)
            for each in audit:
                tx.audit(each)

    def add_first_admin(self, user: User, password_hash: str, given: Grant, link: bytes, *audit: AuditEntry) -> bool:
        """Add the first admin by the hash of a link, which counts no more.

        Returns:
            False, and nothing has changed, if the link does not count, or there is an admin.

        Raises:
            RequestError: There is a user of this name.
        """
        with self._writing() as tx:
            counts = _l.hash == link, _l.user_name == "", *link_counts(user.created_at)
            if tx.execute(select(_l.hash).where(*counts)).first() is None or _admin_in(tx.execute(ADMINS).all()):
                return False
            _add(tx, user, password_hash, given)
            tx.execute(delete(login_link).where(_l.hash == link))
            for each in audit:
                tx.audit(each)
        return True

    def set_password(self, name: str, password_hash: str, audit: AuditEntry, *, link: bytes | None = None) -> bool:
        """Set a user's password, and end the user's sessions and links.

        Args:
            name: The user.
            password_hash: The hash of the password.
            audit: What is kept of it.
            link: The hash of the link that lets it be set; None for somebody who may.

        Returns:
            False, and nothing has changed, if the link does not count now.

        Raises:
            NotFoundError: There is no such user.
        """
        return self._update(name, {"password_hash": password_hash}, audit, link)

    def set_external(self, name: str, external: str, audit: AuditEntry) -> None:
        """Have an identity provider know a user by this, or, for "", by nothing, and end the user's sessions and links.

        Raises:
            NotFoundError: There is no such user.
            RequestError: Another user is known by it.
        """
        self._update(name, {"external": external or None}, audit)

    def set_disabled(self, name: str, audit: AuditEntry, *, disabled: bool) -> None:
        """Let a user in no more, or again, and end the user's sessions and links; raises NotFoundError."""
        self._update(name, {"disabled": disabled}, audit)

    def remove(self, name: str, audit: AuditEntry) -> None:
        """Delete a user with grants, tokens and sessions; raises NotFoundError."""
        with self._keeping_admin() as tx:
            if not tx.execute(delete(users).where(_u.name == name)).rowcount:
                raise self._no_user(tx, name)
            tx.execute(delete(login_link).where(_l.user_name == name))  # it would let in another one of this name
            tx.audit(audit)

    def add_team(self, made: Team, audit: AuditEntry) -> None:
        """Add a team without members; raises RequestError if there is one of this name."""
        with self._writing() as tx:
            if tx.execute(select(_t.name).where(_t.name == made.name)).first() is not None:
                raise RequestError(f"team {made.name!r} exists already. Choose another name.")
            tx.execute(insert(team).values(name=made.name, description=made.description, created_at=made.created_at))
            tx.audit(audit)

    def remove_team(self, name: str, audit: AuditEntry) -> None:
        """Delete a team with its grants; raises NotFoundError."""
        with self._keeping_admin() as tx:
            _end_sessions(tx, _members(tx, name))
            if not tx.execute(delete(team).where(_t.name == name)).rowcount:
                raise self._no_team(tx, name)
            tx.audit(audit)

    def set_member(self, team_name: str, name: str, audit: AuditEntry, *, member: bool) -> bool:
        """Have a user be in a team, or not; returns whether that changed anything. Raises NotFoundError."""
        with self._keeping_admin() as tx:
            if tx.execute(USER, {"of": name}).first() is None:
                raise self._no_user(tx, name)
            if tx.execute(select(_t.name).where(_t.name == team_name)).first() is None:
                raise self._no_team(tx, team_name)
            if (name in _members(tx, team_name)) == member:
                return False
            if member:
                tx.execute(insert(team_member).values(team=team_name, user_name=name))
            else:
                tx.execute(delete(team_member).where(_m.team == team_name, _m.user_name == name))
            _end_sessions(tx, [name])
            tx.audit(audit)
        return True

    def add_grant(self, given: Grant, now: datetime, audit: AuditEntry, *, user: str = "", of_team: str = "") -> int:
        """Give a grant to a user or a team; returns its number. Raises NotFoundError."""
        with self._writing() as tx:
            if user and tx.execute(USER, {"of": user}).first() is None:
                raise self._no_user(tx, user)
            if of_team and tx.execute(select(_t.name).where(_t.name == of_team)).first() is None:
                raise self._no_team(tx, of_team)
            number = _give(tx, given, now, user=user, of_team=of_team)
            _end_sessions(tx, [user] if user else _members(tx, of_team))
            tx.audit(audit)
        return number

    def revoke(self, number: int, audit: AuditEntry) -> None:
        """Take a grant away; raises NotFoundError."""
        with self._keeping_admin() as tx:
            row = tx.execute(select(*_GRANT).where(_g.number == number)).one_or_none()
            if row is None:
                raise NotFoundError("grant", str(number))
            held = _held(row)
            tx.execute(delete(user_grant).where(_g.number == number))
            _end_sessions(tx, [held.user] if held.user else _members(tx, held.team))
            tx.audit(audit)

    def _one(self, query: Any, value: str) -> User | None:  # noqa: ANN401 - a select of users
        with self._database.read() as connection:
            row = connection.execute(query, {"of": value}).one_or_none()
        return None if row is None else _user(row)

    def _update(self, name: str, given: dict[str, Any], audit: AuditEntry, link: bytes | None = None) -> bool:
        with self._keeping_admin() as tx:
            counts = _l.user_name == name, _l.hash == link, *link_counts(audit.at)
            if link is not None and not tx.execute(delete(login_link).where(*counts)).rowcount:
                return False
            if given.get("external"):
                _require_unknown(tx, name, given["external"])
            if not tx.execute(update(users).where(_u.name == name).values(**given, changed_at=audit.at)).rowcount:
                raise self._no_user(tx, name)
            tx.execute(delete(login_link).where(_l.user_name == name))
            _end_sessions(tx, [name])
            tx.audit(audit)
        return True

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """A transaction, after whose end nobody here goes by what was known before."""
        with self._writer.transaction() as tx:
            tx.keep_order()  # of two that take away the last two admins, the second finds one
            yield tx
        self._changed()

    @contextmanager
    def _keeping_admin(self) -> Iterator[Transaction]:
        """The same, refused if it takes away the last admin."""
        with self._writing() as tx:
            before = _admin_in(tx.execute(ADMINS).all())
            yield tx
            if before and not _admin_in(tx.execute(ADMINS).all()):
                raise RequestError(
                    "this would take away the last admin of the installation, and nobody could give grants any more. "
                    "Grant the role admin to another user first."
                )

    def _no_user(self, tx: Transaction, name: str) -> NotFoundError:
        return NotFoundError("user", name, tx.execute(select(_u.name)).scalars())

    def _no_team(self, tx: Transaction, name: str) -> NotFoundError:
        return NotFoundError("team", name, tx.execute(select(_t.name)).scalars())


def _add(tx: Transaction, user: User, password_hash: str, given: Grant | None) -> None:
    there = tx.execute(select(_u.name).where(func.lower(_u.name) == user.name.lower())).scalar()
    if there == user.name:
        raise RequestError(f"user {user.name!r} exists already. Choose another name.")
    if there is not None:  # people would take the one for the other, and mail addresses are not told apart by it
        raise RequestError(
            f"user {user.name!r}: user {there!r} exists already, whose name differs in small and capital letters alone."
        )
    if user.external is not None:
        _require_unknown(tx, user.name, user.external)
    row = {**msgspec.structs.asdict(user), "password_hash": password_hash}
    del row["password"]
    tx.execute(insert(users).values(row))
    if given is not None:
        _give(tx, given, user.created_at, user=user.name)


def _require_unknown(tx: Transaction, name: str, external: str) -> None:
    row = tx.execute(EXTERNAL, {"of": external}).first()
    if row is not None and row[0] != name:
        raise RequestError(f"user {name!r}: another user is already known as {external!r}.")


def _give(tx: Transaction, given: Grant, now: datetime, *, user: str = "", of_team: str = "") -> int:
    row = {
        "user_name": user or None,
        "team": of_team or None,
        "body": msgspec.to_builtins(given),
        "created_at": now,
    }
    return int(tx.execute(insert(user_grant).values(row).returning(_g.number)).scalar_one())


def _members(tx: Transaction, name: str) -> list[str]:
    return list(tx.execute(select(_m.user_name).where(_m.team == name)).scalars())


def _end_sessions(tx: Transaction, names: Sequence[str]) -> None:
    """What somebody may is decided anew by signing in anew: no session outlives it."""
    tx.execute(delete(user_session).where(_s.user_name.in_(names)))


def _admin_in(rows: Sequence[Any]) -> bool:
    grants = (convert(row[0], Grant) for row in rows)
    return any(each.role is Role.ADMIN and each.installation for each in grants)


def _user(row: Any) -> User:  # noqa: ANN401 - a row of _USER
    name, created_at, changed_at, password_hash, external, service, disabled = row
    return User(name, created_at, changed_at, bool(password_hash), external, service, disabled)


def _held(row: Any) -> HeldGrant:  # noqa: ANN401 - a row of _GRANT
    number, user, of_team, body, at = row
    return HeldGrant(number, user or "", of_team or "", convert(body, Grant), at)
