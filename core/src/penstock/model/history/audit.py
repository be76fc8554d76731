"""What people have asked for: who, when, what and why."""

from datetime import datetime
from enum import StrEnum

import msgspec

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


class AskedBy(msgspec.Struct, frozen=True):
    """Who asks for something, and why; "" for what is not known."""

    person: str = ""
    why: str = ""


NOBODY = AskedBy()
"""Who asks where that is not known."""


class AuditEntry(msgspec.Struct, frozen=True):
    """One thing that was asked for.

    Attributes:
        at: When it was stored, with the request itself.
        action: What it was.
        dag_id: The DAG.
        run_id: The run; "" for the DAG as a whole.
        subject: Of which tasks, and what they were marked as; "" if it is the run or the DAG.
        person: Who asked; "" if that is not known.
        why: The reason that was given; "" if none was.
        number: Its own number in the database; 0 before it is stored.
    """

    at: datetime
    action: AuditAction
    dag_id: str
    run_id: str = ""
    subject: str = ""
    person: str = ""
    why: str = ""
    number: int = 0
