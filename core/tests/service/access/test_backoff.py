"""How long a try to sign in waits."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.service.access.backoff import guards, network

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "narrow_s", "spread_s"),
    [(0, 0, 0), (4, 0, 0), (5, 1, 0), (6, 2, 0), (14, 512, 0), (15, 900, 0), (99, 900, 0), (100, 900, 1), (104, 900, 16),
     (105, 900, 30), (10**9, 900, 30)],
)  # fmt: skip
def test_each_failure_doubles_the_pause_of_its_count(failures, narrow_s, spread_s):
    narrow, address, account = (each.pause(failures, NOW, NOW) for each in guards("ada", "192.0.2.1"))
    assert (narrow, address, account) == (narrow_s, narrow_s, spread_s)


def test_a_pause_is_over_after_its_time_and_there_is_none_without_a_failure():
    guard = guards("ada", "192.0.2.1")[0]
    assert [guard.pause(7, NOW, NOW + timedelta(seconds=s)) for s in (1, 4, 99)] == [3, 0, 0]
    assert guard.pause(7, None, NOW) == 0


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
        ("x" * 999, "x" * 200),
    ],
)
def test_who_has_one_address_of_an_ipv6_network_has_all(source, place):
    assert network(source) == place


@pytest.mark.parametrize(
    ("source", "known", "count"),
    [
        ("192.0.2.1", (), 3),
        ("192.0.2.1", ("192.0.2.2", ""), 3),
        ("192.0.2.1", ("192.0.2.2", "192.0.2.1"), 1),
        ("2001:db8::1", ("2001:db8::ffff",), 1),
        ("", ("",), 3),
    ],
)
def test_where_the_user_has_a_session_from_only_the_count_of_both_holds(source, known, count):
    assert len(guards("ada", source, known)) == count


def test_the_counts_of_two_accounts_or_addresses_are_apart():
    pairs = [("ada", "192.0.2.1"), ("ada", "192.0.2.2"), ("zoe", "192.0.2.1")]
    keys = [[guard.key for guard in guards(*pair)] for pair in pairs]
    assert len({key for three in keys for key in three}) == 3 + 2 + 2
