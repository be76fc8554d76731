"""A service that answers requests: what it was asked, its faults, and what a test has to hear of at its end."""

import threading
from collections.abc import Callable
from dataclasses import replace

from penstock_testkit.saas.http_faults import HttpFaults
from penstock_testkit.saas.messages import HttpAnswer, HttpRequest
from penstock_testkit.saas.patterns import Pattern

_KEPT_BYTES = 1024 * 1024  # of the body of a request that was handled


class Service:
    """Answers requests, after the faults that were ordered.

    Attributes:
        name: What it is called in what a test is told.
        faults: What is done to the next requests.
        requests: What came, as it was sent, in order.
        problems: What a test is failed for; a test that provokes one empties the list.
        lock: Held while a request is handled, so that no two are at once.
    """

    name = "service"

    def __init__(self) -> None:
        self.faults = HttpFaults(self.refusal)
        self.requests: list[HttpRequest] = []
        self.problems: list[str] = []
        self.lock = threading.RLock()

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer a request that no fault answered."""
        raise NotImplementedError

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A refusal in the words of the service, for faults: at least 401, 429 and what is above 499."""
        del request
        return HttpAnswer.text(f"refused with {status}", status)

    def keeps_partial(self, request: HttpRequest) -> bool:
        """Tell whether a request whose body broke off is handled all the same."""
        del request
        return False

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Record a request, and answer it; None if it broke off."""
        record = replace(request)
        self.requests.append(record)
        try:
            if not request.complete:
                if self.keeps_partial(request):
                    self._handled(request)
                return None
            answer = self._answer(request)
            record.answered = answer.status or None
            return answer
        finally:
            record.body = record.body[:_KEPT_BYTES]

    def asked(self, pattern: str) -> list[HttpRequest]:
        """The requests that came and are such as `POST /books/{id}`, in order."""
        wanted = Pattern(pattern)
        return [each for each in list(self.requests) if wanted.match(each) is not None]

    def complaints(self) -> list[str]:
        """What a test has to hear of at its end, as sentences: problems, and faults that did not strike."""
        return [f"{self.name}: {each}" for each in [*self.problems, *self.faults.unfilled()]]

    def forget(self) -> None:
        """Forget requests, problems and faults; what the service keeps for its clients stays."""
        self.faults.clear()
        self.requests.clear()
        self.problems.clear()

    def _answer(self, request: HttpRequest) -> HttpAnswer:
        changes: list[Callable[[HttpAnswer], HttpAnswer]] = []
        for fault in list(self.faults):
            found = fault(request)
            if isinstance(found, HttpAnswer):
                return found
            if found is not None:
                changes.append(found)
        answer = self._handled(request)
        for change in changes:
            answer = change(answer)
        return answer

    def _handled(self, request: HttpRequest) -> HttpAnswer:
        try:
            return self.handle(request)
        except Exception as error:  # noqa: BLE001 - whatever a fake does wrong, its client gets an answer
            self.problems.append(f"{request.method} {request.path} failed in the fake itself: {error!r}")
            return HttpAnswer.text(f"the fake failed: {error!r}", 500)
