"""What an identity provider has said counts for a while, and longer where it says nothing any more."""

from http import HTTPStatus

import pytest

from penstock_server.http.problems import RefusedError
from penstock_server.oidc.kept_answer import FAILED_S, OLDEST_S, KeptAnswer


@pytest.fixture
def asked(installation):
    """An answer that counts for a minute, and what the provider says: a text, or None if it fails. It counts how often it is asked."""

    class Asked:
        says, times = "first", 0

        def ask(self):
            self.times += 1
            if self.says is None:
                raise RefusedError(HTTPStatus.BAD_GATEWAY, f"it failed at {self.times}")
            return self.says

        def get(self):
            return kept.get(60.0)

    made = Asked()
    kept = KeptAnswer(installation, made.ask)
    return made


def test_an_answer_counts_for_a_while(asked, installation):
    assert [asked.get() for _ in range(3)] == ["first"] * 3
    asked.says = "second"
    installation.clock.advance(59)
    assert (asked.get(), asked.times) == ("first", 1)
    installation.clock.advance(1)
    assert (asked.get(), asked.times) == ("second", 2)


def test_who_waits_for_a_provider_that_fails_is_told_at_once(asked, installation):
    asked.says = None
    for _ in range(3):
        with pytest.raises(RefusedError, match="it failed at 1"):
            asked.get()
    installation.clock.advance(FAILED_S)
    with pytest.raises(RefusedError, match="it failed at 2"):
        asked.get()
    asked.says = "first"
    installation.clock.advance(FAILED_S)
    assert (asked.get(), asked.times) == ("first", 3)


def test_the_last_answer_counts_for_a_day_where_no_newer_one_comes(asked, installation):
    assert asked.get() == "first"
    asked.says = None
    installation.clock.advance(OLDEST_S - 1)
    assert (asked.get(), asked.get(), asked.times) == ("first", "first", 2)
    installation.clock.advance(1)
    with pytest.raises(RefusedError, match="it failed at 2"):
        asked.get()
