"""What the suites say, and how they wait."""

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from penstock.errors import PenstockError, ProviderError

T = TypeVar("T")


def expect(condition: object, otherwise: str) -> None:
    """Fail the test with a sentence unless something is so.

    Raises:
        AssertionError: It is not.
    """
    if not condition:
        raise AssertionError(otherwise)


def expect_kind(call: Callable[[], object], kind: str, what: str) -> None:
    """A call must fail with a `penstock.errors.ProviderError` of a kind.

    Args:
        call: What shall fail.
        kind: Such as ``not_found``.
        what: The call in words, for the sentence of a failure.

    Raises:
        AssertionError: It does not fail so.
    """
    try:
        call()
    except ProviderError as error:
        expect(error.kind == kind, f"{what} fails with kind {error.kind.value!r}, not {kind!r}: {error}")
    except Exception as error:
        raise AssertionError(
            f"{what} raises {type(error).__name__}, no ProviderError of kind {kind!r}: {error}"
        ) from error
    else:
        raise AssertionError(f"{what} raises nothing; it must fail with a ProviderError of kind {kind!r}")


def refusal(call: Callable[[], object], what: str) -> str:
    """The message with which a call is refused by an error of Penstock.

    Raises:
        AssertionError: It is not refused, or by another error.
    """
    try:
        call()
    except PenstockError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{what} raises {type(error).__name__}, no error of penstock.errors: {error}") from error
    raise AssertionError(f"{what} is not refused")


def within(seconds: float, call: Callable[[], T], what: str) -> T:
    """What a call returns or raises, if it ends in time.

    Args:
        seconds: How long it may take.
        call: Runs in a thread, which is left behind if it does not end.
        what: The call in words, for the sentence of a failure.

    Raises:
        AssertionError: It takes longer.
    """
    returned: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the caller is
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join(seconds)
    expect(returned or raised, f"{what} does not end within {seconds:g} s")
    if raised:
        raise raised[0]
    return returned[0]


def secrets_shown(secrets: tuple[str, ...], *shown: object) -> bool:
    """Whether any of these values shows one of the secrets when it is printed."""
    return any(secret in text for each in shown for text in (str(each), repr(each)) for secret in secrets if secret)
