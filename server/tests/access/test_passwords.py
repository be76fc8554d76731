"""Passwords: which ones there are, and that no hash is asked for more than it may cost."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from penstock.errors import RequestError
from penstock_server.access.passwords import _NOBODY, Passwords, hashed

PASSWORD = "four words of tests"


@pytest.mark.parametrize(
    ("password", "told"),
    [
        pytest.param("", "has 0 characters", id="none"),
        pytest.param("x" * 11, "at least 12", id="too short"),
        pytest.param("ü" * 513, "more than 1,024 bytes", id="too long"),
        pytest.param("four words \ud800", "is no text", id="half a character"),
    ],
)
def test_a_password_that_cannot_be_is_refused_with_a_sentence(password, told):
    with pytest.raises(RequestError, match=told):
        hashed(password)


def test_a_password_is_that_of_its_hash_alone():
    passwords, stored = Passwords(), hashed(PASSWORD)
    assert [passwords.verify(stored, each) for each in (PASSWORD, f"{PASSWORD} ", "", "\ud800", "x" * 2_000)] == [
        True, False, False, False, False,
    ]  # fmt: skip
    assert not passwords.verify("", "the password of nobody")


def test_a_hash_is_computed_for_a_user_who_is_not_there_as_for_any_other():
    with pytest.raises(VerifyMismatchError):  # it is a hash, and no malformed one
        PasswordHasher().verify(_NOBODY, PASSWORD)
    assert extract_parameters(_NOBODY) == extract_parameters(hashed(PASSWORD))


def test_a_hash_that_would_cost_gigabytes_is_not_computed():
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    assert Passwords().verify(cheap, PASSWORD)
    assert not Passwords().verify(cheap.replace("m=8,", "m=4194304,"), PASSWORD)
    assert not Passwords().verify(cheap.replace("t=1,", "t=4000000,"), PASSWORD)
    assert not Passwords().verify("no hash", PASSWORD)
