"""Names, tickets and tokens of tries on other machines."""

import re

from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.executor import PlanCode, TryFacts, TryRequest
from penstock.store import Keyring, new_key
from penstock.tries.remote.tickets import LONGEST_NAME, Claim, claim_of, opened, ticket, ticket_name, token

LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
KEYRING = Keyring([new_key()], "test")
names = st.text(min_size=1, max_size=80)
tries = st.tuples(names, names, names, st.integers(1, 2**31), st.integers(-1, 99), st.integers(1, 2**31 - 1))


def name_of(dag_id, run_id, task_id, run, map_index, epoch):
    request = TryRequest(run, epoch, TryFacts(dag_id, run_id, task_id, map_index), PlanCode("acme.copy"), "")
    return ticket_name("installation", request), request


@given(st.lists(tries, unique=True, max_size=20))
def test_names_are_labels_that_every_engine_takes_and_each_tries_own(found):
    made = [name_of(*each)[0] for each in found]
    assert all(LABEL.fullmatch(each) and len(each) <= LONGEST_NAME for each in made)
    assert len(set(made)) == len(found)
    assert made == [name_of(*each)[0] for each in found]


@given(tries, st.text(max_size=100))
def test_a_ticket_opens_its_own_try_alone(given_try, other):
    name, request = name_of(*given_try)
    secret = ticket(KEYRING, name, request).secret
    assert opened(KEYRING, secret) == name
    assert opened(KEYRING, f"{other}.{secret.partition('.')[2]}") in ("", name)
    assert opened(KEYRING, other) == ""
    assert opened(Keyring([new_key()], "another"), secret) == ""
    assert claim_of(KEYRING, secret) is None


@given(tries, st.from_regex(r"[A-Za-z0-9_-]{8,64}", fullmatch=True), st.text(max_size=100))
def test_a_token_stands_for_one_claim_alone(given_try, claim, other):
    name, _ = name_of(*given_try)
    shown = token(KEYRING, name, claim)
    assert claim_of(KEYRING, shown) == Claim(name, claim)
    assert opened(KEYRING, shown) == ""
    assert claim_of(KEYRING, other) is None
    assert claim_of(KEYRING, f"{name}.{claim}x.{shown.rpartition('.')[2]}") is None
