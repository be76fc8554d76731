"""Redshift's errors as kinds.

SQLSTATEs are those of PostgreSQL, Appendix A; most of Redshift's own failures carry ``XX000`` and are told by their
text, as quoted in the Amazon Redshift Database Developer Guide ("Serializable isolation", "Load error reference") and
in the manual of COPY. The driver's exceptions are told by their class names: this room imports nothing of it.
"""

import re
from typing import Any

from penstock.errors import ErrorKind, ProviderError

_STATES = {
    "22": ErrorKind.INVALID,
    "23": ErrorKind.INVALID,
    "28": ErrorKind.AUTH,
    "3D000": ErrorKind.NOT_FOUND,
    "3F000": ErrorKind.NOT_FOUND,
    "40": ErrorKind.TRANSIENT,
    "42501": ErrorKind.PERMISSION,
    "42P01": ErrorKind.NOT_FOUND,
    "42": ErrorKind.INVALID,
    "53": ErrorKind.THROTTLED,
    "55006": ErrorKind.TRANSIENT,
    "55P03": ErrorKind.TRANSIENT,
    "57014": ErrorKind.TIMEOUT,
    "57P": ErrorKind.TRANSIENT,
    "58": ErrorKind.TRANSIENT,
    "0A": ErrorKind.INVALID,
    "25": ErrorKind.INVALID,
}
_TEXTS = [
    (re.compile(r"^\s*1023\b|Serializable isolation violation|could not serialize", re.IGNORECASE), ErrorKind.TRANSIENT),
    (re.compile(r"^\s*1018\b|1018 .*does not exist", re.IGNORECASE), ErrorKind.TRANSIENT),
    (re.compile(r"(is|are) not supported|not yet implemented", re.IGNORECASE), ErrorKind.INVALID),
    (re.compile(r"ExpiredToken|InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient|SignatureDoesNotMatch|"
                r"RequestExpired|RequestTimeTooSkewed|InvalidToken"), ErrorKind.AUTH),
    (re.compile(r"Access ?Denied|not authorized|permission denied|Status 403", re.IGNORECASE), ErrorKind.PERMISSION),
    (re.compile(r"ClusterNotFound|ResourceNotFound|name or service not known|nodename nor servname", re.IGNORECASE),
     ErrorKind.NOT_FOUND),
    (re.compile(r"password authentication failed|no pg_hba.conf|IAM authentication|(role|user) \".*\" does not exist",
                re.IGNORECASE), ErrorKind.AUTH),
    (re.compile(r"database \".*\" does not exist", re.IGNORECASE), ErrorKind.NOT_FOUND),
    # The Data API gives an error's text alone.
    (re.compile(r"(relation|table|schema) \".*\" does not exist|relation .* not found", re.IGNORECASE), ErrorKind.NOT_FOUND),
    (re.compile(r"statement timeout|cancell?ed on user", re.IGNORECASE), ErrorKind.TIMEOUT),
    (re.compile(r"NoSuchKey|NoSuchBucket|prefix .* not exist|No files listed", re.IGNORECASE), ErrorKind.NOT_FOUND),
    (re.compile(r"Active(Statements|Sessions)Exceeded"), ErrorKind.THROTTLED),
    (re.compile(r"\((InternalServer|ExecuteStatement|BatchExecuteStatement|DatabaseConnection|QueryTimeout)Exception\)"),
     ErrorKind.TRANSIENT),
    (re.compile(r"SlowDown|too many connections|connection limit|Throttl|TooManyRequests|RequestLimitExceeded",
                re.IGNORECASE), ErrorKind.THROTTLED),
    (re.compile(r"Load into table|load_error|stl_load_errors", re.IGNORECASE), ErrorKind.INVALID),
    (re.compile(r"Status 5\d\d|InternalError|InternalFailure|ServiceUnavailable|internal error", re.IGNORECASE),
     ErrorKind.TRANSIENT),
    (re.compile(r"certificate|does not support SSL|sslmode|no SSL|unsupported protocol", re.IGNORECASE), ErrorKind.INVALID),
    (re.compile(r"timeout expired|timed out|ConnectionTimeout|(connect|read) timeout", re.IGNORECASE), ErrorKind.TIMEOUT),
]  # fmt: skip
# Of the driver, for connections that failed or were lost; an error of the server has a SQLSTATE.
_LOST = frozenset({"OperationalError"})
_CLASSES = {
    frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError",
               "TokenRetrievalError", "SSOError"}): ErrorKind.AUTH,
    frozenset({"ConnectionTimeout", "ConnectTimeoutError", "ReadTimeoutError"}): ErrorKind.TIMEOUT,
    frozenset({"InterfaceError", "HTTPClientError", "ConnectionError"}): ErrorKind.TRANSIENT,
    _LOST: ErrorKind.TRANSIENT,
}  # fmt: skip
# What to do about an error, by its SQLSTATE or by its text; psycopg's own carry no SQLSTATE.
_WAYS_OUT = (
    (re.compile(r"^25001$|cannot (be )?(run|executed?|invoked) (inside|from|in) a", re.IGNORECASE),
     "Run it with autocommit=True, each statement for itself"),
    (re.compile(r"are allowed as placeholders, got|incomplete placeholder|placeholder.*parameters were passed"),
     "In a statement with parameters, write %% for a percent sign"),
    (re.compile(r"(date|timestamp|time).* too (large|small)|after year 10K|before year 1\b|can't parse (date|timestamp|time)"),
     "Python's dates end at the years 1 and 9999: select the column cast to varchar, or leave such rows out"),
    (re.compile(r"does not support SSL"),
     "Have the server encrypt, or set sslmode to disable in the connection {conn!r}"),
    (re.compile(r"certificate verify failed|root certificate"),
     "Set sslrootcert in the connection {conn!r} to the file of whoever has signed the server's certificate"),
    (re.compile(r"does not match host name"),
     "Reach the server by a name of its certificate, or set sslmode to verify-ca in the connection {conn!r}"),
    (re.compile(r"^(42P01|3F000)$|(relation|table|schema) \".*\" does not exist"),
     "Check the name, its schema and the search_path, or have a task make it before"),
    (re.compile(r"NoSuchBucket"), "Check the bucket's name, and that the cluster reaches it in its region"),
    (re.compile(r"You must specify a region"), "Give region_name, of the task or in the connection"),
)  # fmt: skip
_HINTS = {
    ErrorKind.AUTH: "Check login and password (or the IAM fields) of the connection {conn!r}",
    ErrorKind.PERMISSION: "Grant the right to the user of the connection {conn!r} or, for COPY and UNLOAD, to the role",
}


def provider_error(error: Exception, *, operation: str, conn_id: str = "", service: str = "redshift") -> ProviderError:
    """The driver's error as Penstock's.

    Args:
        error: Anything that psycopg, or boto3 while it fetched credentials, raised.
        operation: What was attempted, such as ``COPY``; an answer of AWS says itself what it has refused.
        conn_id: The connection, for the hint.
        service: What failed.
    """
    if isinstance(error, ProviderError):
        return error
    state = str(getattr(error, "sqlstate", None) or "")
    diagnostics: Any = getattr(error, "diag", None)
    detail = str(getattr(diagnostics, "message_detail", None) or "")
    text = str(getattr(diagnostics, "message_primary", None) or error).strip()
    message = ": ".join(each for each in (text, _first_line(detail)) if each)
    kind = _kind(error, state, f"{text}\n{detail}")
    return ProviderError(
        message,
        service=service,
        operation=getattr(error, "operation_name", operation),
        kind=kind,
        code=state or type(error).__name__,
        hint=(_hint(message, state) or _HINTS.get(kind, "")).format(conn=conn_id),
    )


def _hint(text: str, state: str) -> str:
    return next((way for pattern, way in _WAYS_OUT if pattern.search(state) or pattern.search(text)), "")


def parameters_error(error: Exception) -> ProviderError:
    """The driver's refusal of a statement's parameters, before anything was sent."""
    return ProviderError(
        str(error), service="redshift", operation="Parameters", kind=ErrorKind.INVALID, hint=_hint(str(error), "")
    )


def is_repeatable(error: ProviderError) -> bool:
    """Whether the whole transaction may be tried again at once: a conflict with another one, or a lost connection."""
    return error.kind is ErrorKind.TRANSIENT


def behind(first: ProviderError | None, error: ProviderError) -> ProviderError:
    """The error of a later attempt with the one by which the first failed, which may be the cause of both."""
    if first is None or first.detail == error.detail:
        return error
    return error.with_detail(f"{error.detail}; the first attempt had failed: {first.detail}")


def _first_line(detail: str) -> str:
    """The telling line of a detail, which for COPY is a boxed block with a line ``error:``."""
    found = re.search(r"error:\s*(.+)", detail)
    line = found[1] if found else (detail.strip().splitlines() or [""])[0]
    return line.strip()


def _kind(error: Exception, state: str, text: str) -> ErrorKind:
    if state and not state.startswith(("XX", "08")):
        for length in (5, 3, 2):
            if state[:length] in _STATES:
                return _STATES[state[:length]]
    for pattern, kind in _TEXTS:
        if pattern.search(text):
            return kind
    if state.startswith(
        "08"
    ):  # of a connection that the server makes, dblink's, whose refusal is told in the text alone
        return ErrorKind.TRANSIENT
    names = {cls.__name__ for cls in type(error).__mro__}
    for known, kind in _CLASSES.items():
        if names & known and not (state and known == _LOST):
            return kind
    return ErrorKind.INVALID
