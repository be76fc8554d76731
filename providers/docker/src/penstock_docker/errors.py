"""Docker's errors as kinds: what a refusal of an engine or of a registry means for a retry.

Statuses are those of the Docker Engine API (moby's `api/swagger.yaml`, 1.41 to 1.47). The engine passes on what a registry says as
a text, with status 500 or within the progress of a pull, so that some words decide. The SDK's own exceptions are told by
their class names, so that this room imports nothing of it.
"""

from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import is_of_certificate, kind_of_exception, kind_of_status, kinds_by_name

_KIND_OF_CLASS = kinds_by_name({
    ErrorKind.INVALID: (
        "TLSParameterError", "InvalidVersion", "InvalidArgument", "InvalidRepository", "InvalidConfigFile", "SSLError",
        "InvalidURL", "DockerException", "TypeError", "ValueError",
    ),
    ErrorKind.AUTH: ("StoreError", "CredentialsNotFound", "InitializationError"),
    ErrorKind.PERMISSION: ("PermissionError",),
    ErrorKind.TRANSIENT: ("EOFError", "OddAnswerError", "TooManyRedirects"),
    ErrorKind.TIMEOUT: ("LateAnswerError",),
})  # fmt: skip

# Words of registries, of the engine's own client of them, and of ssh, with which a status or a class says less.
_WORDS = (
    ("toomanyrequests", ErrorKind.THROTTLED),
    ("you have reached your pull rate limit", ErrorKind.THROTTLED),
    ("unauthorized", ErrorKind.AUTH),
    ("authentication required", ErrorKind.AUTH),
    ("no basic auth credentials", ErrorKind.AUTH),
    ("incorrect username or password", ErrorKind.AUTH),
    ("host key verification failed", ErrorKind.AUTH),
    ("permission denied (", ErrorKind.AUTH),  # ssh lists there by which methods it was tried
    ("pull access denied", ErrorKind.NOT_FOUND),
    ("manifest unknown", ErrorKind.NOT_FOUND),
    ("not found: manifest", ErrorKind.NOT_FOUND),
    ("no matching manifest", ErrorKind.NOT_FOUND),
    ("repository does not exist", ErrorKind.NOT_FOUND),
    ("denied: ", ErrorKind.PERMISSION),
    ("permission denied", ErrorKind.PERMISSION),
    ("invalid reference format", ErrorKind.INVALID),
    ("could not select device driver", ErrorKind.INVALID),
    ("rootfs is marked read-only", ErrorKind.INVALID),
    ("no space left on device", ErrorKind.QUOTA_EXHAUSTED),
)
_SHOWN = 200
_OF_REGISTRY = "pull"
_HINTS = {
    ErrorKind.PERMISSION: (
        "Let the user of this process use the engine's socket: add it to the group docker, or name another docker_url in "
        "the connection {conn!r}"
    ),
    ErrorKind.AUTH: "Check the certificate or key of the connection {conn!r}",
}
_FULL = "Free space on the engine's machine: `docker system df` shows what takes it"
_REGISTRY_HINTS = {
    ErrorKind.AUTH: (
        "Set registry, login and password of the connection {conn!r}, or have Docker's own configuration know the registry"
    ),
    ErrorKind.PERMISSION: "Let the user of the connection {conn!r} pull from this repository",
    ErrorKind.NOT_FOUND: (
        "Check the image's name and tag; of a private one a registry says the same where login and password of the "
        "connection {conn!r} are missing"
    ),
    ErrorKind.THROTTLED: "Log in to the registry by the connection {conn!r}, or pull by a mirror",
}


class LateAnswerError(Exception):
    """An answer has begun, and does not end."""


class OddAnswerError(Exception):
    """What answers is no engine, or something between us and the engine has spoilt its answer: nothing is known of what was asked."""


def json_object(found: Any, **kinds: type) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What an engine has answered, as the object that it has to be.

    Args:
        found: The answer.
        **kinds: Names that it has to have, and of which kind the value of each is.

    Raises:
        OddAnswerError: It is another one.
    """
    if not isinstance(found, dict):
        raise OddAnswerError(f"no engine answers {str(found)[:_SHOWN]!r} to this")
    for name, kind in kinds.items():
        if not isinstance(found.get(name), kind) or found[name] == "":
            raise OddAnswerError(f"no engine answers this without {name}: {str(found)[:_SHOWN]!r}")
    return found


def provider_error(error: Exception, *, operation: str, what: str = "", conn_id: str = "") -> ProviderError:
    """A failure of the SDK as Penstock's error.

    Args:
        error: Anything that the SDK, the HTTP client below it or the standard library raised.
        operation: What was attempted, such as ``start``.
        what: What it was about, such as a container.
        conn_id: The connection, for the hint.
    """
    if isinstance(error, ProviderError):
        return error
    response: Any = getattr(_with_answer(error), "response", None)
    status = getattr(response, "status_code", None)
    if status is not None:
        text = str(getattr(error, "explanation", "") or "") or _message_of(response)
        return refusal(text, int(status), operation=operation, what=what, conn_id=conn_id)
    causes = _causes(error)
    text = str(causes[-1]) or type(causes[-1]).__name__
    kind = _by_words(" ".join(map(str, causes)))
    if kind is None:
        of_certificate = next((each for each in causes if is_of_certificate(each)), None)
        kind = kind_of_exception(of_certificate or causes[-1], _KIND_OF_CLASS)
    return _made(text, operation, what, conn_id, kind, code=type(causes[-1]).__name__)


def refusal(text: str, status: int | None, *, operation: str, what: str = "", conn_id: str = "") -> ProviderError:
    """A refusal by its status and its words, for those too that come in the middle of an answer.

    Args:
        text: What the engine says.
        status: That of HTTP; None for a failure that a pull tells in its progress.
        operation: What was attempted.
        what: What it was about.
        conn_id: The connection, for the hint.
    """
    kind = _by_words(text) if status is None or status >= 500 or operation == _OF_REGISTRY else None
    if kind is None:
        kind = ErrorKind.TRANSIENT if status is None else kind_of_status(status)
    return _made(text.strip() or f"status {status}", operation, what, conn_id, kind, status=status)


def _by_words(text: str) -> ErrorKind | None:
    lowered = text.lower()
    return next((kind for words, kind in _WORDS if words in lowered), None)


def _message_of(response: Any) -> str:  # noqa: ANN401 - the HTTP client's
    try:
        found = response.json()
    except (ValueError, OSError):
        return str(response.reason or "")
    return str(found.get("message", "")) if isinstance(found, dict) else ""


def _with_answer(error: BaseException) -> BaseException:
    """The error that has an answer of HTTP: the SDK stumbles over a refusal that is in no engine's words."""
    found: BaseException | None = error
    while found is not None and getattr(found, "response", None) is None:
        found = found.__context__
    return found or error


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what is inside it: HTTP clients wrap what the socket said as an argument, several times."""
    found = [error]
    while True:
        last = found[-1]
        inner = getattr(last, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((each for each in reversed(last.args) if isinstance(each, BaseException)), None)
        if inner is None or inner in found:
            return found
        found.append(inner)


def _made(
    text: str, operation: str, what: str, conn_id: str, kind: ErrorKind, *, code: str = "", status: int | None = None
) -> ProviderError:
    hints = _REGISTRY_HINTS if operation == _OF_REGISTRY else _HINTS if status is None else {}
    hint = _FULL if kind is ErrorKind.QUOTA_EXHAUSTED else hints.get(kind, "").format(conn=conn_id)
    return ProviderError(
        f"{what}: {text}" if what else text,
        service="docker",
        operation=operation,
        kind=kind,
        code=code,
        http_status=status,
        hint=hint,
    )
