"""What a broker's errors mean, and those of Celery's own worker."""

from penstock.errors import ErrorKind, ProviderError

_AUTH = frozenset({"AccessRefused", "AuthenticationError", "AuthenticationWrongNumberOfArgsError", "NotAllowed"})
"""Names of classes: which library they are of depends on the broker."""
_LONGEST = 300
_REFUSED = "Check the user, the password and the virtual host of the broker in the executor's options or connection."
_UNVERIFIED = "An authority of your own is named by ?ssl_ca_certs=/path of the broker's URL; the host has to be one of its certificate."


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
    refused = bool(names & _AUTH) or any("NOAUTH" in str(each) or "WRONGPASS" in str(each) for each in causes)
    text = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    return ProviderError(
        f"broker {broker}: {text}",
        service="celery",
        operation=operation,
        kind=ErrorKind.AUTH if refused else ErrorKind.TRANSIENT,
        hint=_REFUSED if refused else _UNVERIFIED if "CERTIFICATE_VERIFY_FAILED" in text else "",
    )


def celery_ended(code: int, broker: str) -> ProviderError:
    """The error of a worker of Celery's that ended by itself, whose reason it only logs."""
    return ProviderError(
        f"Celery's worker at broker {broker} ended by itself, with exit code {code}",
        service="celery",
        operation="consume",
        kind=ErrorKind.TRANSIENT,
    )
