"""Faults on order: what a test has a service, or the network before it, do to the next requests.

A fault is a function of the request. It may change it, answer it (the service then never sees it), or return a
function that changes the answer of a request that was handled.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from penstock_testkit.saas.messages import HttpAnswer, HttpRequest
from penstock_testkit.saas.patterns import Pattern

Change = Callable[[HttpAnswer], HttpAnswer]
Fault = Callable[[HttpRequest], "HttpAnswer | Change | None"]
When = str | Callable[[HttpRequest], bool] | None
"""The requests that are meant: `POST /books/{id}`, or a function that tells; None for each."""


class Order:
    """A fault for the next `times` requests that are meant, and for no other.

    Args:
        fault: The fault.
        times: For how many; None for all, and for none is fine, too.
        when: Which requests are meant.
        name: What it is called in what a test is told.
    """

    def __init__(self, fault: Fault, times: int | None = 1, when: When = None, name: str = "") -> None:
        self.name = name or getattr(fault, "__name__", "fault")
        self.times = times
        self.struck = 0
        self._fault = fault
        self._means = _meaning(when)
        self._lock = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpAnswer | Change | None:
        """Strike, if the request is meant and the order is not filled."""
        return self._fault(request) if self.strikes(request) else None

    def strikes(self, request: HttpRequest) -> bool:
        """Tell whether the request is struck, and count it."""
        with self._lock:
            if self.struck == self.times or not self._means(request):
                return False
            self.struck += 1
            return True


@dataclass
class Hold:
    """Requests that are held until the test lets them go.

    Attributes:
        requests: Those that came, in order.
    """

    requests: list[HttpRequest] = field(default_factory=list)
    _reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def reached(self, seconds: float = 30) -> HttpRequest:
        """Wait until a request is held, and return the first.

        Raises:
            TimeoutError: None came.
        """
        if not self._reached.wait(seconds):
            raise TimeoutError(f"no request that is to be held came within {seconds} s")
        return self.requests[0]

    def release(self) -> None:
        """Let go what is held and what comes later."""
        self._released.set()

    def _wait(self, request: HttpRequest) -> None:
        self.requests.append(request)
        self._reached.set()
        self._released.wait()


class HttpFaults(list[Fault]):
    """The faults of one service, applied in order; the first that answers a request ends it.

    Each method orders one for the next `times` requests that `when` means. An order with a number of times is to be
    filled: one that never struck shows a test that did not do what it says.

    Args:
        words: Answers a request with a status in the words of the service.
    """

    def __init__(self, words: Callable[[HttpRequest, int], HttpAnswer]) -> None:
        super().__init__()
        self._words = words
        self._over = threading.Event()  # ends what is slow or held
        self._uploads: list[tuple[Order, int]] = []
        self._holds: list[Hold] = []

    def too_many_requests(self, times: int | None = 1, *, retry_after: str = "1", when: When = None) -> None:
        """Answer 429 with a `Retry-After` in seconds or as a date (RFC 9110, 10.2.3)."""

        def limited(request: HttpRequest) -> HttpAnswer:
            answer = self._words(request, 429)
            return replace(answer, headers=answer.headers | {"Retry-After": retry_after})

        self.append(Order(limited, times, when, "too_many_requests"))

    def server_error(self, times: int | None = 1, *, status: int = 503, when: When = None) -> None:
        """Answer with a status of the service's own failure, and do nothing."""
        self.append(Order(lambda request: self._words(request, status), times, when, "server_error"))

    def expired_token(self, times: int | None = 1, *, when: When = None) -> None:
        """Answer 401, as the service does once a token is no longer valid."""
        self.append(Order(lambda request: self._words(request, 401), times, when, "expired_token"))

    def reset_before(self, times: int | None = 1, *, when: When = None) -> None:
        """Reset the connection once the request was read, and do nothing."""
        self.append(Order(lambda _: HttpAnswer(0, reset=True), times, when, "reset_before"))

    def reset_after(self, times: int | None = 1, *, when: When = None) -> None:
        """Do what was asked, and reset the connection in place of the answer."""
        self.append(Order(lambda _: lambda answer: replace(answer, reset=True), times, when, "reset_after"))

    def cut_answer(self, after: int, times: int | None = 1, *, when: When = None) -> None:
        """Close the connection after so many bytes of the answer's body."""
        self.append(Order(cut(after), times, when, "cut_answer"))

    def cut_upload(self, after: int, times: int | None = 1, *, when: When = None) -> None:
        """Reset the connection once so many bytes of the request's body arrived; the service keeps what it keeps then."""
        self._uploads.append((Order(lambda _: None, times, when, "cut_upload"), after))

    def slow_answer(self, seconds: float, times: int | None = 1, *, when: When = None) -> None:
        """Do what was asked, and let the first byte of the answer wait."""
        over = self._over

        def late(answer: HttpAnswer) -> HttpAnswer:
            over.wait(seconds)
            return answer

        self.append(Order(lambda _: late, times, when, "slow_answer"))

    def slow_body(self, piece: int, seconds: float, times: int | None = 1, *, when: When = None) -> None:
        """Let each piece of the answer's body, of so many bytes, come so late after the one before."""
        over = self._over

        def pieces(body: bytes) -> Iterator[bytes]:
            for begin in range(0, len(body), piece):
                if begin:
                    over.wait(seconds)
                yield body[begin : begin + piece]

        def slow(answer: HttpAnswer) -> HttpAnswer:
            body = answer.content
            return replace(answer, headers=answer.headers | {"Content-Length": str(len(body))}, body=pieces(body))

        self.append(Order(lambda _: slow, times, when, "slow_body"))

    def hold(self, times: int | None = 1, *, handled: bool = False, when: When = None) -> Hold:
        """Hold requests before they are handled, or their answers, until the test releases them."""
        held = Hold()
        self._holds.append(held)

        def before(request: HttpRequest) -> None:
            held._wait(request)  # noqa: SLF001 - two parts of one thing

        def after(request: HttpRequest) -> Change:
            def waits(answer: HttpAnswer) -> HttpAnswer:
                held._wait(request)  # noqa: SLF001
                return answer

            return waits

        self.append(Order(after if handled else before, times, when, "hold"))
        return held

    def upload_limit(self, request: HttpRequest) -> int | None:
        """After how many bytes of its body the request whose headers came is cut."""
        return next((after for order, after in list(self._uploads) if order.strikes(request)), None)

    def unfilled(self) -> list[str]:
        """What was ordered a number of times and struck less often, as sentences."""
        orders = [each for each in self if isinstance(each, Order)] + [order for order, _ in self._uploads]
        return [
            f"{order.name} was ordered {order.times} times and struck {order.struck}"
            for order in orders
            if order.times is not None and order.struck < order.times
        ]

    def clear(self) -> None:
        """End all faults, those too that hold or slow a request at this moment."""
        super().clear()
        self._uploads.clear()
        self._over.set()
        self._over = threading.Event()
        for each in self._holds:
            each.release()
        self._holds.clear()


def cut(after: int) -> Fault:
    """A network that breaks off the content of an answer after so many bytes."""
    return lambda _: lambda answer: replace(answer, sent_bytes=after)


def _meaning(when: When) -> Callable[[HttpRequest], bool]:
    if when is None:
        return lambda _: True
    if isinstance(when, str):
        pattern = Pattern(when)
        return lambda request: pattern.match(request) is not None
    return when
