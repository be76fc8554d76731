"""The exception tree: one root, and branches by who must act.

::

    PenstockError
    |-- AuthoringError     the author of a DAG file: every problem of the file, with its line
    |-- ConfigError        whoever runs Penstock here: settings, files, permissions
    |-- RequestError       whoever asked: an unknown name, an operation that the state forbids
    |   `-- NotFoundError
    |-- PluginError        the author of a provider, or whoever installs it
    |   `-- MissingProviderError
    |-- ProviderError      the outside world, as a provider saw it
    |-- StoreError         the database: unreachable, corrupt, of another schema
    |   |-- StoreUnavailableError
    |   |   `-- CommitUnknownError
    |   |-- StoreHeldError
    |   |-- StoreFencedError
    |   |-- StoreGoneError
    |   `-- DataRefusedError
    |-- ServerError        whoever runs the server that PENSTOCK_SERVER names: out of reach, or no server of Penstock's
    |-- TaskSignal         no fault: how a task's code speaks to the engine
    |   |-- SkipTask
    |   `-- FailTask
    `-- InternalError      us: a bug in Penstock

    TaskCancelled          beside the tree, as KeyboardInterrupt is: `except Exception` must not stop it

A message says what failed, on which named thing, what was found, and what to do.
"""

import difflib
from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Self


def nearest(name: str, known: Iterable[str], *, limit: int = 1, cutoff: float = 0.6) -> tuple[str, ...]:
    """Find the existing names that resemble one by ``cutoff`` of 1 at least, the most similar first."""
    return tuple(difflib.get_close_matches(name, list(known), n=limit, cutoff=cutoff))


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Ask whether the nearest existing name was meant, as a sentence of a message.

    Args:
        name: What was written.
        known: The names that exist.
        otherwise: What is said if none of them resembles it.
    """
    near = nearest(name, known)
    return f"Did you mean {near[0]!r}?" if near else otherwise


def as_sentence(text: object, *, inside: bool = False) -> str:
    """What was said, as a sentence of a message: it ends with one mark, whether or not it came with one.

    Args:
        text: An error, or words of whatever origin.
        inside: Whether it goes on after a colon, and begins small.
    """
    words = str(text).strip()
    words = words[:1].lower() + words[1:] if inside else words
    return words if words.endswith((".", "?", "!")) else f"{words}."


class PenstockError(Exception):
    """The root of every error that Penstock raises on purpose."""


class AuthoringError(PenstockError):
    """A DAG file, or an object built in one, is wrong; carries every problem found, not only the first.

    Attributes:
        problems: One sentence each, ``file:line: what is wrong and what to write``.
    """

    def __init__(self, problems: Iterable[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ConfigError(PenstockError):
    """A setting, file or permission of this installation is wrong."""


class RequestError(PenstockError):
    """What was asked for cannot be done: the sentence says why and what can."""


class PageError(RequestError):
    """A page was asked for that follows none: ``after`` is what no page of that list ended with."""


class SupersededError(RequestError):
    """A try asked for something that only the current try of its task instance may have, and it is over.

    It was given up as lost, or its instance was cleared, marked or cancelled. What it does from now on counts for nobody.
    """


class PendingError(RequestError):
    """What is asked for cannot be answered yet, as something else is done first. Asked again in a moment, it can."""

    @classmethod
    def of_key(cls, key: str) -> Self:
        """The same request, by its ``Idempotency-Key``, is being answered just now."""
        return cls(f"a request with the key {key!r} is being answered just now. Ask again in a second for its answer.")


class ChangedError(RequestError):
    """What is to be changed is not any more as whoever asks has seen it; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "it has been changed since it was read, or is gone or new, so that nothing was changed now. Read it again, and decide anew."
        )


class ForbiddenError(RequestError):
    """Whoever asks may not do this; the sentence names who may grant it.

    Args:
        person: Who asks.
        what: What that is, as the end of a sentence that says "may not".
        thing: On what; "" for all that there is.
        remedy: What to do, as a sentence.
    """

    def __init__(self, person: str, what: str, thing: str = "", remedy: str = "") -> None:
        who = (
            f"user {person!r}" if person else "you"
        )  # a name is never the first word, which may be shown with a capital
        advice = remedy or "An admin can grant it: penstock users grant."
        super().__init__(f"{who} may not {what}{f' ({thing})' if thing else ''}. {advice}")


class NotFoundError(RequestError):
    """A named thing does not exist; the nearest existing names are offered.

    Attributes:
        kind: What was looked for, such as ``"DAG"``.
        name: The name that was not found.
        near: Up to three existing names that resemble it.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), *, hint: str = "") -> None:
        self.kind, self.name = kind, name
        self.near = nearest(name, known, limit=3)
        sentence = f"no {kind} is named {name!r}."
        if self.near:
            sentence += f" Did you mean {' or '.join(repr(n) for n in self.near)}?"
        super().__init__(f"{sentence} {hint}".rstrip())


class PluginError(PenstockError):
    """A provider is broken: its manifest, an object it names, or its plugin module."""


class MissingProviderError(PluginError):
    """Something needs a provider that is not installed; the message names the command that installs it.

    Attributes:
        provider: Id of the provider; "" if it is not known which one it is.
        needed_for: What needs it.
    """

    def __init__(self, provider: str, needed_for: str, *, hint: str = "") -> None:
        self.provider, self.needed_for = provider, needed_for
        if provider:
            sentence = f"{needed_for} needs the provider {provider!r}, which is not installed here."
            remedy = f"Install it with: plugin-manager install {provider}"
        else:
            sentence, remedy = f"{needed_for} needs a provider that is not installed here.", ""
        super().__init__(" ".join(part for part in (sentence, hint, remedy) if part))


class ErrorKind(StrEnum):
    """What an outside failure means for a retry; providers map vendor codes to it."""

    TRANSIENT = "transient"
    THROTTLED = "throttled"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    JOB_FAILED = "job_failed"
    TIMEOUT = "timeout"

    @property
    def retryable(self) -> bool:
        """True if the same call may succeed later without anybody changing anything."""
        return self not in _FINAL_KINDS


_FINAL_KINDS = frozenset({ErrorKind.AUTH, ErrorKind.PERMISSION, ErrorKind.NOT_FOUND, ErrorKind.INVALID})


class ProviderError(PenstockError):
    """An external service refused, failed or did not answer.

    Attributes:
        service: The service's name, such as ``"s3"``.
        operation: What was attempted, such as ``"GetObject"``.
        kind: What it means for a retry.
        code: The vendor's own error code, ``""`` when there is none.
        http_status: The HTTP status, or None.
        request_id: The vendor's id of the request, for its support.
        retryable: Whether the core may retry the task; follows ``kind`` unless given.
        hint: What the reader can do about it.
        retry_after_s: Seconds after which the service says that it can be asked again, such as until a quota is reset; None if
            it says nothing. The task's retry comes no earlier.
    """

    def __init__(  # noqa: PLR0913 - each fact is named by the caller, none is positional
        self,
        detail: str,
        *,
        service: str,
        operation: str,
        kind: ErrorKind,
        code: str = "",
        http_status: int | None = None,
        request_id: str = "",
        retryable: bool | None = None,
        hint: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        self.detail, self.service, self.operation, self.kind = detail, service, operation, kind
        self.retry_after_s = retry_after_s
        self.code, self.http_status, self.request_id, self.hint = code, http_status, request_id, hint
        self.retryable = kind.retryable if retryable is None else retryable
        facts = ", ".join(f for f in (code, f"HTTP {http_status}" if http_status else "", request_id) if f)
        message = f"{service} {operation}: {detail}" + (f" ({facts})" if facts else "")
        super().__init__(f"{as_sentence(message)} {hint}" if hint else message)

    def with_detail(self, detail: str) -> "ProviderError":
        """Make the same error with other words about what went wrong."""
        return self._with(detail, self.hint)

    def with_hint(self, hint: str) -> "ProviderError":
        """Make the same error with other words about what can be done."""
        return self._with(self.detail, hint)

    def _with(self, detail: str, hint: str) -> "ProviderError":
        return ProviderError(
            detail,
            service=self.service,
            operation=self.operation,
            kind=self.kind,
            code=self.code,
            http_status=self.http_status,
            request_id=self.request_id,
            retryable=self.retryable,
            hint=hint,
            retry_after_s=self.retry_after_s,
        )


class StoreError(PenstockError):
    """The database cannot serve: unreachable, read-only, full, corrupt, or of another schema."""


class StoreUnavailableError(StoreError):
    """The database cannot be had at this moment, and the same call may succeed later: locked, full, out of reach."""


class CommitUnknownError(StoreUnavailableError):
    """The session was cut while a transaction was committed: it may be durable, or not.

    Attributes:
        transaction: Its number at the server, by which that can be asked.
    """

    def __init__(self, message: str, transaction: str) -> None:
        self.transaction = transaction
        super().__init__(message)


class StoreGoneError(StoreError):
    """The database's file was deleted or replaced while it was in use: what this process knows is of no use any more."""


class StoreHeldError(StoreError):
    """Another scheduler already works on this database; the message names it."""


class StoreFencedError(StoreError):
    """Another scheduler has taken over from this one, whose lease had ended: nothing of what it does counts any more."""


class DataRefusedError(StoreError):
    """A row cannot be stored for what is in it, and never will be; nothing of its transaction was written.

    Attributes:
        table: Name of the table; "" if it is not known.
        key: Values of the row's primary key by column, with which whoever made it can be found; may be empty.
    """

    def __init__(self, detail: str, *, table: str = "", key: Mapping[str, object] | None = None) -> None:
        self.table, self.key = table, dict(key or {})
        named = ", ".join(f"{name}={value!r}" for name, value in self.key.items())
        row = f"the row {named} of table {table}" if table else "a value"
        super().__init__(f"{row} cannot be stored: {as_sentence(detail)} Change the value that it was made of.")


class DataUnreadableError(StoreError):
    """A stored value is none of its column's: another program has written it, or the file is damaged."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"a stored value cannot be read: {as_sentence(detail)} Restore a backup, or correct the row.")


class ServerError(PenstockError):
    """The server of an installation on another machine does not answer, or not as one does."""


class TaskSignal(PenstockError):  # noqa: N818 - no error: a sentence from the task to the engine
    """The root of what a task's code raises to choose its own outcome."""


class SkipTask(TaskSignal):
    """Raised by a task to be marked skipped, with the reason."""


class FailTask(TaskSignal):
    """Raised by a task to fail at once, without the retries it has left."""


class TaskCancelled(BaseException):
    """Raised inside a running task when it is cancelled or out of time, so that it can clean up.

    It is no `Exception`: a loop that goes on after whatever fails must not go on after this.
    """


class InternalError(PenstockError):
    """A bug in Penstock itself; please report it with the message."""


class ExitCode(IntEnum):
    """What the end of a process of Penstock says, with its meaning for people."""

    DONE = 0, "done"
    FAILED = 1, "what was asked for was tried and failed"
    USAGE = 2, "the command line is wrong"
    NOT_FOUND = 3, "there is no such thing"
    REFUSED = 4, "refused, as the state or a value forbids it"
    UNAVAILABLE = 5, "the database, the server, a file or a setting is in the way"
    BUG = 70, "a bug in Penstock"
    INTERRUPTED = 130, "interrupted"
    BROKEN_PIPE = 141, "whoever read the output has gone"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """The code with its meaning."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    @classmethod
    def of(cls, error: type[PenstockError]) -> "ExitCode":
        """The exit code of a command that ended with an error of a class."""
        return next((code for kind, code in _EXIT_CODES if issubclass(error, kind)), cls.FAILED)


_EXIT_CODES: tuple[tuple[type[PenstockError], ExitCode], ...] = (
    (NotFoundError, ExitCode.NOT_FOUND),  # before the class that it is one of
    (RequestError, ExitCode.REFUSED),
    (StoreHeldError, ExitCode.REFUSED),
    (StoreGoneError, ExitCode.REFUSED),
    (StoreError, ExitCode.UNAVAILABLE),
    (ConfigError, ExitCode.UNAVAILABLE),
    (ServerError, ExitCode.UNAVAILABLE),
    (InternalError, ExitCode.BUG),
)
