"""The tables of users, teams, grants, tokens, sessions, logins and kept answers. See `penstock.store.sql.tables`."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from penstock.store.sql.column_types import FreeText, Instant, Json
from penstock.store.sql.tables import NUMBER, metadata


def _user(*, key: bool = False, nullable: bool = False) -> Column[str]:
    reference = ForeignKey("users.name", ondelete="CASCADE")
    return Column("user_name", Text, reference, primary_key=key, nullable=nullable)


def _team(*, key: bool = False, nullable: bool = False) -> Column[str]:
    return Column("team", Text, ForeignKey("team.name", ondelete="CASCADE"), primary_key=key, nullable=nullable)


# `user` is a word of SQL itself.
users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password_hash", Text, nullable=False, server_default=""),
    Column("external", Text, unique=True),
    Column("service", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

team = Table(
    "team",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", FreeText, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
)

team_member = Table(
    "team_member",
    metadata,
    _team(key=True),
    _user(key=True),
    Index("team_member_user", "user_name"),
)

user_grant = Table(
    "user_grant",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    _user(nullable=True),
    _team(nullable=True),
    Column("body", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("user_grant_user", "user_name"),
    Index("user_grant_team", "team"),
    sqlite_autoincrement=True,
)
"""Of a user or of a team; the other one is null."""

token = Table(
    "token",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    _user(),
    Column("name", FreeText, nullable=False),
    Column("permissions", Json),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("used_at", Instant),
    Index("token_user", "user_name"),
)

user_session = Table(
    "user_session",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    _user(),
    Column("source", FreeText, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("idle_s", Float, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("user_session_user", "user_name"),
)

login_throttle = Table(
    "login_throttle",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Instant, nullable=False),
)
"""``key`` is an account or an address."""

login_link = Table(
    "login_link",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
"""``user_name`` is whom the link lets in, or "" if it makes the first admin."""

kept_answer = Table(
    "kept_answer",
    metadata,
    Column("person", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("operation", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("at", Instant, nullable=False),
)
"""By ``Idempotency-Key``; ``answer`` is null if what was asked for is done, and its answer was lost."""
