"""Questions of tries that change something: one that is asked again since its answer was lost is answered as before."""

from datetime import timedelta

import msgspec
import pytest

from penstock.model.changes import Changes
from penstock.model.remote.execution_messages import TryQuestion
from penstock.model.request import ClearTasks
from penstock.model.run import NewRun, RunKind
from penstock.spec.wire import Reply


@pytest.fixture
def ask(site, worker):
    """A function that asks for a try; another server of the installation answers with ``elsewhere``."""
    [claimed] = worker.claim(site.offer())

    def ask(method, *args, number):
        answer = site.send("asks", claimed.token, TryQuestion(claimed.token, method, args, number))
        return answer.status if answer.status != 200 else msgspec.msgpack.decode(answer.body, type=Reply)

    return ask


@pytest.fixture
def older(site):
    """A run of the past, which tries clear."""
    new = NewRun("sales", "older", RunKind.MANUAL, site.now, site.now, site.now)
    return site.store.apply(Changes(new_runs=[new]), site.now)[0]


def asked_for(site):
    """The runs that are to be cleared."""
    return [request.run for _, request in site.store.requests.pending() if isinstance(request, ClearTasks)]


def test_a_question_that_comes_again_is_answered_as_before_and_nothing_is_done_twice(site, ask, older):
    for _ in range(3):
        assert ask("clear_run", "sales", "older", number="1").value is True
    assert asked_for(site) == [older.run]
    assert ask("clear_run", "sales", "older", number="2").value is True
    assert len(asked_for(site)) == 2


def test_what_was_answered_with_an_error_stays_one(site, ask, older):
    first = ask("clear_run", "sales", "one", number="1")
    assert "cannot reset itself" in first.error
    assert ask("clear_run", "sales", "one", number="1") == first
    assert ask("trigger_dag", "none", "x", {}, "", number="2").error_type == "NotFoundError"
    assert asked_for(site) == []


def test_a_later_change_of_another_is_not_undone_by_a_question_that_comes_again(site, ask):
    assert ask("set_variable", "cursor", "1", number="1") == Reply()
    site.store.config.put_variable("cursor", "2", site.now)
    assert ask("set_variable", "cursor", "1", number="1") == Reply()
    assert ask("variable", "cursor", number="9").value == "2"


def test_a_number_that_is_none_is_refused_and_a_worker_without_numbers_is_served(site, ask, older):
    assert ask("clear_run", "sales", "older", number="x\n") == 422
    for _ in range(2):
        assert ask("clear_run", "sales", "older", number="").value is True
    assert len(asked_for(site)) == 2


def test_answers_are_kept_for_an_hour_and_those_of_people_longer(site, ask, older):
    ask("clear_run", "sales", "older", number="1")
    site.installation.clock.advance(timedelta(hours=2))
    ask("clear_run", "sales", "older", number="2")
    ask("clear_run", "sales", "older", number="1")
    assert len(asked_for(site)) == 3
