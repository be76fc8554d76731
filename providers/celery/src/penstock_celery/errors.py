"""What a broker's errors mean, and those of Celery's own worker."""

import re

from penstock.errors import ErrorKind, ProviderError

_AUTH = frozenset({"AccessRefused", "AuthenticationError", "AuthenticationWrongNumberOfArgsError", "NotAllowed"})
"""Names of classes: which library they are of depends on the broker."""
_LOGIN = "Check the user, the password and the virtual host of the broker in the executor's options or connection."
_COMMANDS = "Let the broker's user run all commands on all keys and channels (ACL SETUSER), as Celery's client does."
_WORDS = (
    (
        "PRECONDITION_FAILED",
        ErrorKind.INVALID,
        "Delete this queue, so that it is made anew, or have others used by the option queue_prefix.",
    ),
    (
        "ACCESS_REFUSED - access to",
        ErrorKind.PERMISSION,
        "Let the broker's user configure, write and read the queues and exchanges of this executor.",
    ),
    ("o permissions to", ErrorKind.PERMISSION, _COMMANDS),  # "No", or "has no": of a key, or of a command
    ("maxmemory", ErrorKind.QUOTA_EXHAUSTED, "Give the broker more memory, or remove what fills it."),
    (
        "CERTIFICATE_VERIFY_FAILED",
        ErrorKind.TRANSIENT,
        "An authority of your own is named by ?ssl_ca_certs=/path of the broker's URL; the host has to be one of its certificate.",
    ),
    ("read only replica", ErrorKind.TRANSIENT, "Name the broker's primary; a URL of sentinel:// follows it."),
)
"""What brokers say, what it is, and what to do."""
_LONGEST = 300
_MISREAD = (AttributeError, LookupError, TypeError, ValueError)
"""What Celery's client raises where it reads an entry of a list of Redis that is no message."""
_OF_PIPELINE = re.compile(r"Command # \d+ \(.*\) of pipeline caused error: ", re.DOTALL)
"""What Redis's client puts first: the whole command, which another time is another one, and can hold a ticket."""


class MessageRefusedError(Exception):
    """A broker is there, and takes no messages."""


def broker_error(error: BaseException, operation: str, broker: str) -> ProviderError:
    """Make one of our own of what the client of a broker raises.

    Args:
        error: What it raised.
        operation: What was attempted.
        broker: The broker's URL, without a password.
    """
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    names = {type(each).__name__ for each in causes}
    words = " ".join(map(str, causes))
    kind, hint = next(((kind, hint) for part, kind, hint in _WORDS if part in words), (ErrorKind.TRANSIENT, ""))
    if "MessageNacked" in names:
        error = MessageRefusedError(
            "it refuses the message, as a queue that is full does where a policy has it reject what is published"
        )
    elif operation == "consume" and isinstance(error, _MISREAD) and not isinstance(error, OSError):
        kind = ErrorKind.INVALID
        error = MessageRefusedError(
            f"an entry of its queue is no message of Celery's, and is gone ({type(error).__name__}: {error})"
        )
    elif not hint and (names & _AUTH or "NOAUTH" in words or "WRONGPASS" in words):
        kind, hint = ErrorKind.AUTH, _LOGIN
    return ProviderError(
        f"broker {broker}: {broker_words(error)}", service="celery", operation=operation, kind=kind, hint=hint
    )


def broker_words(error: BaseException) -> str:
    """What the client of a broker raises, in a line that is the same each time, and holds no message."""
    if type(error).__name__ == "ConsumerCancelled":
        return "its queue was deleted"
    return " ".join(_OF_PIPELINE.sub("", str(error)).split())[:_LONGEST] or type(error).__name__


def celery_ended(code: int, broker: str) -> ProviderError:
    """The error of a worker of Celery's that ended by itself, whose reason it only logs."""
    return ProviderError(
        f"Celery's worker at broker {broker} ended by itself, with exit code {code}",
        service="celery",
        operation="consume",
        kind=ErrorKind.TRANSIENT,
    )
