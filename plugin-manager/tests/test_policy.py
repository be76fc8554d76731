"""What a policy forbids: each key with what it lets pass, what it names, and what it cannot judge and therefore refuses."""

from __future__ import annotations

import datetime as dt
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_testkit.nightly import at_night

from penstock_plugin_manager.model.intent import Policy
from penstock_plugin_manager.model.lock import File, Locked
from penstock_plugin_manager.plan.limits import Candidate, violations

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
AWS = Candidate(Locked("penstock-providers-aws", "1"), frozenset({"aws"}))
ACME = Candidate(Locked("acme-workflows", "1"), frozenset({"acme_flow"}))
BOTO = Candidate(Locked("boto3", "1"))


def at(url: str, *more: str, days: int | None = None) -> Candidate:
    uploaded = None if days is None else NOW - dt.timedelta(days=days)
    files = tuple(File("x.whl", url=each, uploaded=uploaded) for each in (url, *more))
    return Candidate(Locked("x", "1", wheels=files))


def found(policy: Policy, candidate: Candidate) -> list[str]:
    return violations(policy, [candidate], NOW)


@pytest.mark.parametrize(
    ("policy", "candidate", "count"),
    [
        pytest.param(Policy(), AWS, 0, id="no policy"),
        pytest.param(Policy(deny=("x*",)), at("https://h/x"), 1, id="denied by pattern"),
        pytest.param(Policy(deny=("aws",)), AWS, 1, id="denied by id"),
        pytest.param(Policy(deny=("Penstock_Providers.AWS",)), AWS, 1, id="denied in another spelling"),
        pytest.param(Policy(deny=("acme-flow",)), ACME, 1, id="denied by the id of a foreign name"),
        pytest.param(Policy(deny=("ACME*",)), ACME, 1, id="denied by pattern in capitals"),
        pytest.param(Policy(deny=("gcp",)), AWS, 0, id="another is denied"),
        pytest.param(Policy(allow=("gcp",)), AWS, 1, id="not allowed"),
        pytest.param(Policy(allow=("gcp",)), ACME, 1, id="foreign name, not allowed"),
        pytest.param(Policy(allow=("AWS", "Acme_Flow")), ACME, 0, id="allowed in another spelling"),
        pytest.param(Policy(allow=("gcp",)), BOTO, 0, id="the list is of providers"),
        pytest.param(Policy(states=("stable",)), AWS._replace(states=frozenset({"stable"})), 0, id="state"),
        pytest.param(
            Policy(states=("stable",)), AWS._replace(states=frozenset({"stable", "deprecated"})), 1, id="two states"
        ),
        pytest.param(Policy(states=("stable",)), AWS, 1, id="unknown state"),
        pytest.param(Policy(states=("stable",)), BOTO, 0, id="what is no provider has no state"),
        pytest.param(Policy(min_age_days=20), at("https://h/x", days=20), 0, id="old enough"),
        pytest.param(Policy(min_age_days=21), at("https://h/x", days=20), 1, id="too young"),
        pytest.param(Policy(min_age_days=1), at("https://h/x"), 1, id="unknown age"),
        pytest.param(Policy(min_age_days=1), BOTO, 1, id="no file, unknown age"),
        pytest.param(Policy(publishers=("a",)), BOTO._replace(publisher="a"), 0, id="publisher"),
        pytest.param(Policy(publishers=("a",)), BOTO._replace(publisher="b"), 1, id="other publisher"),
        pytest.param(Policy(publishers=("a",)), BOTO, 1, id="unknown publisher"),
    ],
)
def test_a_policy_finds_what_it_forbids_and_what_it_cannot_judge(policy, candidate, count):
    assert len(found(policy, candidate)) == count


GOOD = "https://good.test/simple/"


@pytest.mark.parametrize(
    ("rule", "place", "permitted"),
    [
        (GOOD, "https://good.test/simple/x/x.whl", True),
        ("https://good.test", "https://good.test/x.whl", True),
        ("https://*.good.test/", "https://eu.good.test/x.whl", True),
        ("https://good.test/*/wheels", "https://good.test/eu/wheels/x.whl", True),
        ("https://good.test/*", "https://user:pw@GOOD.test/x.whl", True),
        ("*", "https://any.test/x.whl", True),
        ("/srv/wheels", "file:///srv/wheels/x.whl", True),
        ("file:///srv/wheels/", "/srv/wheels/x.whl", True),
        (GOOD, "https://good.test/other/x.whl", False),
        (GOOD, "http://good.test/simple/x.whl", False),
        (GOOD, "https://good.test/simple/../evil/x.whl", False),
        (GOOD, "https://good.test/simple/%2e%2e/evil/x.whl", False),
        (GOOD, "https://good.test/simplex/x.whl", False),
        ("https://good.test", "https://good.test.evil.test/x.whl", False),
        ("https://good.test", "https://good.test@evil.test/x.whl", False),
        ("https://*.good.test/", "https://evil.test/.good.test/x.whl", False),
        ("https://good.test", "https://good.test:444/x.whl", False),
        ("/srv/wheels", "file:///srv/wheels/../evil/x.whl", False),
        ("/srv/wheels", "https://srv/wheels/x.whl", False),
        (GOOD, "", False),
    ],
)
def test_a_source_is_permitted_host_by_host_and_folder_by_folder(rule, place, permitted):
    assert (found(Policy(sources=(rule,)), at(place)) == []) is permitted


def test_one_file_from_elsewhere_is_enough():
    assert len(found(Policy(sources=(GOOD,)), at(f"{GOOD}x.whl", "https://evil.test/x.whl"))) == 1


@settings(derandomize=True, max_examples=at_night(100, 25))
@given(st.text(st.sampled_from("a./:@%2eE\\?#"), max_size=12))
def test_no_spelling_of_a_place_gets_out_of_a_source(tail):
    place = f"https://good.test/in{tail}"
    if found(Policy(sources=("https://good.test/in",)), at(place)) == []:
        url = urlsplit(urljoin(place, urlsplit(place).path))
        assert url.hostname == "good.test"
        assert unquote(url.path).startswith("/in")
