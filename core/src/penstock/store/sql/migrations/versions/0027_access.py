"""Users, teams, grants, tokens, sessions and logins; the audit says from where, and what was before and after."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
    return sa.Column(name, kind, nullable=nullable)


def _text(name: str, *, default: str | None = None, nullable: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable, primary_key=key, server_default=default)


def _user(*, key: bool = False, nullable: bool = False) -> sa.Column[str]:
    reference = sa.ForeignKey("users.name", ondelete="CASCADE")
    return sa.Column("user_name", sa.Text(), reference, primary_key=key, nullable=nullable)


def _team(*, key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(
        "team", sa.Text(), sa.ForeignKey("team.name", ondelete="CASCADE"), primary_key=key, nullable=nullable
    )


def upgrade() -> None:
    """Add the tables, and the columns of the audit; older code knows neither its new actions nor them."""
    for name in ("source", "before", "after"):
        op.add_column("audit", _text(name, default=""))
    _users()
    _grants()
    _secrets()
    _logins()


def _users() -> None:
    op.create_table(
        "users",
        _text("name", key=True),
        _text("password_hash", default=""),
        _text("external", nullable=True),
        sa.Column("service", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        _instant("created_at"),
        _instant("changed_at"),
        sa.UniqueConstraint("external"),
    )
    op.create_table("team", _text("name", key=True), _text("description", default=""), _instant("created_at"))
    op.create_table("team_member", _team(key=True), _user(key=True))
    op.create_index("team_member_user", "team_member", ["user_name"])


def _grants() -> None:
    op.create_table(
        "user_grant",
        sa.Column("number", _number(), primary_key=True, autoincrement=True),
        _user(nullable=True),
        _team(nullable=True),
        _text("body"),
        _instant("created_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("user_grant_user", "user_grant", ["user_name"])
    op.create_index("user_grant_team", "user_grant", ["team"])


def _secrets() -> None:
    op.create_table(
        "token",
        _text("token_id", key=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        _user(),
        _text("name"),
        _text("permissions", nullable=True),
        _instant("created_at"),
        _instant("expires_at", nullable=True),
        _instant("used_at", nullable=True),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("token_user", "token", ["user_name"])
    op.create_table(
        "user_session",
        _text("session_id", key=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        _user(),
        _text("source", default=""),
        _instant("created_at"),
        _instant("seen_at"),
        sa.Column("idle_s", sa.Float(), nullable=False),
        _instant("expires_at"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("user_session_user", "user_session", ["user_name"])


def _logins() -> None:
    op.create_table(
        "login_throttle",
        _text("key", key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("failed_at"),
    )
    op.create_table(
        "login_link",
        sa.Column("hash", sa.LargeBinary(), primary_key=True, nullable=False),
        _text("user_name"),
        _instant("expires_at"),
    )
    op.create_table(
        "kept_answer",
        _text("person", key=True),
        _text("key", key=True),
        _text("operation"),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary()),
        _instant("at"),
    )
