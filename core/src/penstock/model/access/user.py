"""Users, teams, and what each of them holds: grants, tokens and sessions."""

from datetime import datetime, timedelta

import msgspec

from penstock.model.access.permission import Permission
from penstock.model.access.principal import Grant
from penstock.model.limits.clock_difference import MOST_DIFFERENCE

LONGEST_LINK = timedelta(hours=1)
"""For how long a link that lets somebody in counts at most."""


class User(msgspec.Struct, frozen=True):
    """Somebody who may sign in, or a service that has tokens only.

    Attributes:
        name: The name, which no other user has.
        created_at: When it was made.
        changed_at: When it was last changed.
        password: Whether it has a password here.
        external: What an identity provider knows it by; None without one.
        service: Whether it is a service account, which never signs in.
        disabled: Whether it is let in no more; its grants and tokens stay.
    """

    name: str
    created_at: datetime
    changed_at: datetime
    password: bool = False
    external: str | None = None
    service: bool = False
    disabled: bool = False


class Team(msgspec.Struct, frozen=True):
    """Users who are given grants together."""

    name: str
    description: str
    created_at: datetime
    members: tuple[str, ...] = ()


class HeldGrant(msgspec.Struct, frozen=True):
    """A grant, and who holds it.

    Attributes:
        number: Its own number.
        user: The user; "" if a team holds it.
        team: The team; "" if a user holds it.
        grant: What it allows.
        created_at: When it was given.
    """

    number: int
    user: str
    team: str
    grant: Grant
    created_at: datetime

    def __str__(self) -> str:
        return f"grant {self.number} of {f'team {self.team!r}' if self.team else f'user {self.user!r}'}"


class Token(msgspec.Struct, frozen=True):
    """A token, without its secret, which nobody keeps.

    Attributes:
        token_id: Its own id, which is no secret.
        user: Whose it is: it may what that user may, at most.
        name: What it is for, in the user's words.
        permissions: What it is limited to; None for all that its user may.
        created_at: When it was made.
        expires_at: When it ends; None for never.
        used_at: When it was last used, to the minute; None for never.
    """

    token_id: str
    user: str
    name: str
    permissions: tuple[Permission, ...] | None
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Whether it counts; one that ends does not either, if it was made while the clock was ahead: it would end late."""
        return self.expires_at is None or _within(self.created_at, self.expires_at, now)


class Session(msgspec.Struct, frozen=True):
    """A browser that has signed in, without its secret.

    Attributes:
        session_id: Its own id, which is no secret.
        user: Who has signed in.
        source: The address that it came from.
        created_at: When.
        seen_at: When it last asked for something, to the minute.
        idle_s: Seconds without a request after which it ends.
        expires_at: When it ends in any case.
    """

    session_id: str
    user: str
    source: str
    created_at: datetime
    seen_at: datetime
    idle_s: float
    expires_at: datetime

    def counts(self, now: datetime) -> bool:
        """Whether it counts; one that was made while the clock was ahead does not, as it would end late."""
        return _within(self.created_at, min(self.expires_at, self.seen_at + timedelta(seconds=self.idle_s)), now)


def _within(since: datetime, until: datetime, now: datetime) -> bool:
    return since - MOST_DIFFERENCE <= now < until
