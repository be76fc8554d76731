"""The suite of notifiers: does the service have the message, whole, and is it told if it has not?"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from penstock.model.state import AlertEvent
from penstock.spec.notifier import AlertMessage, Notifier
from penstock.testing.suites.expect import expect, within

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_EVENT = next(iter(AlertEvent))


class NotifierSuite:
    """Tests of a notifier against its service, or a faithful stand-in of it.

    A subclass gives three fixtures: ``notifier``, a made one; ``sent``, a function that returns the texts of what the service has
    taken, oldest first; and ``away``, a notifier whose service cannot be reached::

        class TestAcmePager(NotifierSuite):
            @pytest.fixture
            def notifier(self, server):
                return AcmePager(address=server.address)

            @pytest.fixture
            def sent(self, server):
                return lambda: [call.body for call in server.calls]

    Attributes:
        answers_within_s: Seconds in which a call must end, also if the service is away.
        most: Characters of a text that the service takes; a longer one may be cut there.
    """

    answers_within_s: ClassVar[float] = 30.0
    most: ClassVar[int] = 1000

    def test_the_service_has_the_message_once_it_is_sent(
        self, notifier: Notifier, sent: Callable[[], Sequence[str]]
    ) -> None:
        """Title and text are in it; it was taken when the call returns."""
        self._send(notifier, _message("one", title="task load failed", text="the disk is full"))
        found = sent()
        expect(len(found) == 1, f"the service has taken {len(found)} messages, not one")
        for part in ("task load failed", "the disk is full"):
            expect(part in found[0], f"{part!r} is not in what the service has taken: {found[0]!r}")

    def test_each_message_is_sent_in_its_turn(self, notifier: Notifier, sent: Callable[[], Sequence[str]]) -> None:
        """One object sends many."""
        for number in range(3):
            self._send(notifier, _message(f"key-{number}", title=f"number {number} of them"))
        found = sent()
        expect(len(found) == 3, f"of 3 messages the service has taken {len(found)}")
        for number, text in enumerate(found):
            expect(f"number {number} of them" in text, f"message {number} is {text!r}")

    def test_any_text_is_sent(self, notifier: Notifier, sent: Callable[[], Sequence[str]]) -> None:
        """Letters of all languages, marks of every markup, a line break in a title; nothing breaks off the rest."""
        for text in ("Zähler \u2713 \U0001f525", '<b>&amp;</b> "quoted" \\ {{x}} %s $HOME', "one\nBcc: two\n.\nthree"):
            before = len(sent())
            self._send(notifier, _message(f"any-{before}", title=text, text=f"{text}\nthe end of it"))
            expect(len(sent()) == before + 1, f"a message with {text!r} was not taken")
            expect("the end of it" in sent()[-1], f"the end of a message with {text!r} is lost")

    def test_a_digest_and_a_long_text_are_sent(self, notifier: Notifier, sent: Callable[[], Sequence[str]]) -> None:
        """What is too long for the service is cut, and no reason to fail."""
        long = "".join(f"line {number}\n" for number in range(20_000))
        self._send(notifier, _message("digest", title="2,000 tasks failed", text=long, count=2000))
        expect(sent(), "a digest was not taken")
        expect(
            long[: self.most // 2] in sent()[-1], "the beginning of a long text is not in what the service has taken"
        )

    def test_a_service_that_is_away_is_an_error(self, away: Notifier) -> None:
        """What is not raised is taken for sent, and nobody hears of it."""
        try:
            self._send(away, _message("away", title="nobody hears this"))
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises is told
            expect(str(error), f"{type(error).__name__} of a service that is away says nothing")
        else:
            raise AssertionError("a message is taken for sent though the service is away")

    def _send(self, notifier: Notifier, message: AlertMessage) -> None:
        within(self.answers_within_s, lambda: notifier.send(message), "send()")


def _message(key: str, *, title: str, text: str = "it failed", count: int = 1) -> AlertMessage:
    return AlertMessage(
        key, title, text, _AT, _EVENT, count, "shop", "manual", "load", reason="it failed", link="penstock"
    )
