"""What people have asked for: who, when, what and why."""

from datetime import datetime
from enum import StrEnum

import msgspec

from penstock.model.text import shortened

LONGEST_SUBJECT = 1_000
"""Characters of what an entry says of tasks."""


class AuditAction(StrEnum):
    """What was asked for."""

    TRIGGER = "trigger"
    CANCEL = "cancel"
    CLEAR = "clear"
    MARK = "mark"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    DELETE = "delete"
    BACKFILL = "backfill"
    REPORT = "report"
    STATE = "state"
    ADD = "add"
    SET = "set"
    DISABLE = "disable"
    ENABLE = "enable"
    PASSWORD = "password"  # noqa: S105 - the word
    GRANT = "grant"
    REVOKE = "revoke"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    DRAIN = "drain"
    SETTLE = "settle"
    PRUNE = "prune"
    DATABASE = "database"


class AuditEntry(msgspec.Struct, frozen=True):
    """One thing that was asked for.

    Attributes:
        at: When it was stored, with the request itself.
        action: What it was.
        dag_id: The DAG; "" if it is something else, which the subject names.
        run_id: The run; "" for the DAG as a whole.
        subject: Of what else, or of which tasks, and what they were marked as; "" if it is the run or the DAG.
        person: Who asked; "" if that is not known.
        why: The reason that was given; "" if none was.
        source: The address that it came from; "" if it was asked for beside the database.
        before: What was there before, without secrets; "" if nothing.
        after: What is there since, without secrets; "" if nothing.
        number: Its own number in the database; 0 before it is stored.
    """

    at: datetime
    action: AuditAction
    dag_id: str
    run_id: str = ""
    subject: str = ""
    person: str = ""
    why: str = ""
    source: str = ""
    before: str = ""
    after: str = ""
    number: int = 0


class AskedBy(msgspec.Struct, frozen=True):
    """Who asks for something, why, and from which address; "" for what is not known."""

    person: str = ""
    why: str = ""
    source: str = ""

    def entry(
        self,
        at: datetime,
        action: AuditAction,
        dag_id: str = "",
        run_id: str = "",
        subject: str = "",
        *,
        before: str = "",
        after: str = "",
    ) -> AuditEntry:
        """An entry of the audit of what is asked for here; a long subject is cut, other fields are as in `AuditEntry`."""
        subject = shortened(subject, LONGEST_SUBJECT)
        return AuditEntry(
            at, action, dag_id, run_id, subject, self.person, self.why, self.source, before[:LONGEST_SUBJECT], after[:LONGEST_SUBJECT]
        )  # fmt: skip


NOBODY = AskedBy()
"""Who asks where that is not known."""
