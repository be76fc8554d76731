"""What the scheduler could not handle and has put aside, so that everything else goes on."""

from datetime import datetime
from enum import StrEnum

import msgspec


class QuarantineKind(StrEnum):
    """What is in quarantine, and what has become of it."""

    REQUEST = "request", "it was not carried out"
    DAG = "DAG", "no run of it is created until its file changes or `penstock quarantine retry` is called"
    RUN = "run", "it has failed"
    TRY = "try", "it has failed"
    HEARTBEAT = "heartbeat", "it renewed nothing"

    fate: str

    def __new__(cls, word: str, fate: str) -> "QuarantineKind":
        """The kind with what has become of such a thing."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.fate = fate
        return made


class Quarantined(msgspec.Struct, frozen=True):
    """One thing that the scheduler could not handle.

    Attributes:
        kind: What it is.
        subject: Its name for people.
        reason: Why it could not be handled.
        at: When it was put aside.
        dag_id: Of the DAG that it is; "" for anything else.
        body: Of a request, as it was stored.
        asked: Of a request, the number of the row of the audit that says who has asked; 0 if no person has.
        number: Its own number in the database; 0 before it is stored.
    """

    kind: QuarantineKind
    subject: str
    reason: str
    at: datetime
    dag_id: str = ""
    body: bytes = b""
    asked: int = 0
    number: int = 0
