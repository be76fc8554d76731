"""The clickstream pipeline on a few hours of real flights, with real servers and processes."""

import contextlib
import gzip
import json
import os
import signal
from pathlib import Path
from urllib.error import HTTPError, URLError

import produce
import pytest
import run
import verify
from pipeline import HERE, StageError
from rehearsal import ONE_DAY, Rehearsal, hour

from penstock.app.compose import installation
from penstock.settings import load_settings
from penstock.testing import load_dags
from penstock_testkit.processes import wait_until

TRACKED = {"AA": ["scheduled", "arrived"], "UA": ["departed", "diverted"]}
CUSTOMERS = ["AA", "UA", "B6"]

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("clickstream")]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """The pipeline at work: the events of four hours are in the stream, two hours are scheduled."""
    with Rehearsal(tmp_path_factory.mktemp("clickstream") / "stage", TRACKED) as made:
        made.produce(CUSTOMERS, hour(12), hour(15))
        made.schedule(hour(12), hour(13))
        made.up()
        made.wait_until(lambda: published(made), "the customers to be published for the first time")
        yield made


def published(stage):
    """The customers that the DAGs are made from: none until the service was asked for the first time."""
    # As the command does it, without the second of a core that a process of its own takes.
    with installation(load_settings(stage.env, stage.project)) as found:
        return json.loads(found.vault.variable("clickstream_customers").value or "{}")


def loaded(stage, customer):
    """How many runs of a customer have succeeded."""
    return stage.rows(f"SELECT count(*) FROM run WHERE dag_id = 'clickstream_{customer}' AND state = 'success'")[0][0]


def all_loaded(stage):
    """Have the third customer, who is there from the second hour on, and its hours loaded; returns how many there are."""
    if "B6" not in published(stage):
        stage.ask("PUT", "/customers/B6", {"events": ["scheduled", "cancelled"]})
    count = len(list(verify.hours(stage.first, stage.last)))
    stage.wait_until(lambda: loaded(stage, "B6") >= count, "every hour of the new customer")
    return count


def waiting(stage):
    """How many sensors of customers wait."""
    sql = "SELECT count(*) FROM try JOIN run USING (run) WHERE task_id = 'wait_for_hour' AND try.ended_at IS NULL"
    return stage.rows(f"{sql} AND try.started_at IS NOT NULL")[0][0]


def extend(stage, hours):
    """Schedule some more hours; returns how many there are now."""
    stage.schedule(stage.first, stage.last + hours * (hour(1) - hour(0)))
    return len(list(verify.hours(stage.first, stage.last)))


def test_each_hour_of_each_event_is_loaded_once_into_its_own_table(stage):
    stage.wait_until(lambda: loaded(stage, "AA") >= 2 and loaded(stage, "UA") >= 2, "two hours of two customers")

    assert stage.problems(TRACKED, stage.first, stage.last) == []
    assert stage.select('SELECT count(*) FROM clickstream."aa_scheduled"')[0][0] > 0


def test_a_new_customer_is_loaded_from_the_first_hour_on_without_a_deploy(stage):
    assert "B6" not in published(stage)
    all_loaded(stage)

    assert stage.problems({"B6": ["scheduled", "cancelled"]}, stage.first, stage.last) == []


@pytest.mark.nightly
def test_a_new_event_is_loaded_from_the_next_hour_on(stage):
    before = stage.last
    stage.ask("PUT", "/customers/UA/events/scheduled")
    stage.wait_until(lambda: "scheduled" in published(stage)["UA"], "the event to be published")
    count = extend(stage, 1)

    stage.wait_until(lambda: loaded(stage, "UA") >= count, "the next hour")

    assert before == hour(13)
    assert stage.problems({"UA": ["scheduled"]}, hour(14), stage.last) == []


@pytest.mark.nightly
def test_an_outage_of_the_service_keeps_the_last_good_set(stage):
    stage.wait_until(lambda: loaded(stage, "AA") >= 1, "the first hour")
    good = published(stage)
    failed = "SELECT count(*) FROM run WHERE dag_id = 'customers' AND state = 'failed'"
    before = stage.rows(failed)[0][0]

    stage.stop_service()
    stage.wait_until(lambda: stage.rows(failed)[0][0] > before, "a run that finds no service")
    count = extend(stage, 1)
    stage.wait_until(lambda: loaded(stage, "AA") >= count, "an hour that is loaded during the outage")

    assert published(stage) == good
    errors = stage.rows("SELECT error FROM try JOIN run USING (run) WHERE dag_id = 'customers' AND outcome = 'failed'")
    assert all("refused" in error for (error,) in errors)
    stage.start_service()
    seen = stage.rows("SELECT max(run) FROM run WHERE dag_id = 'customers'")[0][0]
    stage.wait_until(
        lambda: (
            stage.rows(f"SELECT count(*) FROM run WHERE dag_id = 'customers' AND state = 'success' AND run > {seen}")[
                0
            ][0]
            > 0
        ),
        "a run that finds the service again",
    )


@pytest.mark.nightly
def test_slack_is_told_which_hour_of_which_customer_is_late(stage):
    all_loaded(stage)
    assert stage.outside.told() == []
    stage.penstock("variables", "set", "clickstream_late_s", "1")
    count = extend(stage, 1)

    def told():
        return {each for each in CUSTOMERS if any(f"clickstream_{each}" in message for message in stage.outside.told())}

    stage.wait_until(lambda: told() == set(CUSTOMERS), "Slack to be told of each customer")
    assert all(f"scheduled__{stage.last.isoformat()}" in message for message in stage.outside.told())
    stage.produce(CUSTOMERS, stage.last, stage.last)
    stage.wait_until(lambda: all(loaded(stage, each) >= count for each in CUSTOMERS), "the late hour")


def processes(stage):
    """Every process of Penstock on this stage: each works in the project's folder."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == stage.project:
                found.add(int(entry.name))
    return found


def kill_a_try(stage):
    """SIGKILL a process in which a task of a customer runs, as soon as there is one."""
    ours = "SELECT DISTINCT pid FROM try JOIN run USING (run) WHERE dag_id LIKE 'clickstream%' AND task_id <> 'wait_for_hour'"

    def killed():
        alive = processes(stage)
        for (pid,) in stage.rows(f"{ours} AND pid IS NOT NULL AND try.ended_at IS NULL"):
            if pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return True
        return False

    stage.wait_until(killed, "a try to kill")


def kill_everything_by_its_supervisor(stage):
    """SIGKILL ``penstock up``, whose end no other process outlives, and start it anew."""
    killed = stage.up()
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(30)
    wait_until(lambda: not processes(stage), seconds=30, otherwise=lambda: f"{processes(stage)} live on")
    stage.up()


def nothing_is_unfinished_or_doubled(stage):
    """States and ledger of the tries are as after an undisturbed run."""
    ours = "FROM run JOIN {} t USING (run) WHERE dag_id LIKE 'clickstream%' AND "
    return [
        *stage.rows(f"SELECT * {ours.format('task_instance')} t.state NOT IN ('success', 'skipped')"),
        *stage.rows(f"SELECT * {ours.format('try')} t.ended_at IS NULL"),
        *stage.rows(
            f"SELECT dag_id, run_id, task_id, count(*) {ours.format('try')} outcome = 'success' "
            "GROUP BY 1, 2, 3 HAVING count(*) <> 1"
        ),
    ] == []


@pytest.mark.nightly
def test_every_table_and_its_mirror_are_exact_although_all_kinds_of_processes_are_killed(stage):
    all_loaded(stage)
    before = stage.last
    count = extend(stage, 2)
    stage.wait_until(lambda: waiting(stage) == 2 * len(CUSTOMERS), "the hours to be waited for")

    stage.kill("spawn_server")
    stage.produce(CUSTOMERS, before + (hour(1) - hour(0)), before + (hour(1) - hour(0)))
    stage.kill("provider_service")
    kill_a_try(stage)
    stage.kill("loader")
    stage.kill("scheduler")
    stage.produce(CUSTOMERS, stage.last, stage.last)
    stage.kill("provider_service")
    kill_a_try(stage)
    kill_everything_by_its_supervisor(stage)

    stage.wait_until(lambda: all(loaded(stage, each) >= count for each in CUSTOMERS), "the hours", 120)
    tracked = {**TRACKED, "B6": ["scheduled", "cancelled"]}
    assert stage.problems(tracked, stage.first, stage.last) == []
    assert stage.problems({"UA": ["scheduled"]}, hour(14), stage.last) == []
    assert len(stage.dead_letters()) == count
    assert all("usable name" in reason for reason in stage.dead_letters())
    assert nothing_is_unfinished_or_doubled(stage)
    assert stage.down() == 0
    wait_until(lambda: not processes(stage), seconds=30, otherwise=lambda: f"{processes(stage)} live on")


@pytest.fixture(scope="module")
def validated():
    """The function that checks an answer of the service, taken from the DAG file."""
    (dag,) = load_dags(HERE / "dags" / "customers.py").values()
    return dag.get_task("ask").python_callable.__globals__["validated"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param({}, "named no customers", id="nothing"),
        pytest.param({"customers": {}}, "named no customers", id="no customer"),
        pytest.param([], "named no customers", id="a list"),
        pytest.param({"customers": {"a b": ["x"]}}, "which is no name", id="bad customer"),
        pytest.param({"customers": {"A": "x"}}, "not a list of names", id="text for events"),
        pytest.param({"customers": {"A": ["x; DROP TABLE y"]}}, "not a list of names", id="bad event"),
        pytest.param({"customers": {"A": ["x"], "a": ["x"]}}, "share their tables", id="case"),
    ],
)
def test_a_wrong_answer_of_the_service_is_refused(validated, answer, words):
    with pytest.raises(Exception, match=words):
        validated(answer)


def test_a_right_answer_is_sorted_and_customers_without_events_are_left_out(validated):
    assert validated({"customers": {"B": ["y", "x", "x"], "A": ["z"], "C": []}}) == {"A": ["z"], "B": ["x", "y"]}


def test_no_dag_is_made_before_customers_are_known():
    assert load_dags(HERE / "dags" / "clickstream.py") == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/", None, 404, id="unknown path"),
        pytest.param("PUT", "/customers/A%20B", {"events": []}, 400, id="bad customer"),
        pytest.param("PUT", "/customers/ZZ", {"events": ["Bad!"]}, 400, id="bad event"),
        pytest.param("PUT", "/customers/ZZ", "text", 400, id="bad body"),
        pytest.param("DELETE", "/customers/ZZ", None, 404, id="unknown customer"),
        pytest.param("DELETE", "/customers/AA/events/zz", None, 404, id="unknown event"),
        pytest.param("PUT", "/customers/ZZ/events/arrived", None, 404, id="event of an unknown customer"),
    ],
)
def test_the_service_refuses_what_makes_no_sense(service, method, path, body, status):
    with pytest.raises(HTTPError) as raised:
        service.ask(method, path, body)
    assert raised.value.code == status
    assert json.load(raised.value)["error"]
    raised.value.close()


@pytest.fixture
def service(tmp_path):
    """The service alone."""
    made = Rehearsal(tmp_path, TRACKED)
    made.customers_file.write_text(json.dumps(TRACKED))
    (tmp_path / "logs").mkdir()
    made.start_service()
    yield made
    made.stop_service()


def test_the_service_keeps_its_customers_over_a_restart(service):
    service.ask("PUT", "/customers/ZZ", {"events": ["arrived"]})
    service.ask("DELETE", "/customers/UA/events/departed")
    service.ask("DELETE", "/customers/AA")
    service.stop_service()
    with pytest.raises(URLError):
        service.ask("GET", "/customers")
    service.start_service()

    assert service.ask("GET", "/customers") == {"customers": {"UA": ["diverted"], "ZZ": ["arrived"]}}


def test_files_and_figures_are_made_in_two_ways_that_agree():
    rows = produce.rows_between(ONE_DAY, hour(10), hour(23))
    raw = verify.columns(ONE_DAY, verify.hours(hour(10), hour(23)))
    carriers = {carrier for carrier, _ in raw}

    assert len(carriers) > 10
    for carrier in carriers:
        for event in produce.EVENTS:
            for at in verify.hours(hour(10), hour(23)):
                found = rows.get((carrier, event, at), [])
                sums = [sum(int(row[place] or 0) for row in found) for place in (5, 6, 7)]
                assert verify.expected(raw, carrier, event, [at]) == (len(found), *sums), (carrier, event, at)


def test_the_check_sees_a_row_too_many_one_too_few_and_an_hour_twice():
    span = [hour(12)]
    raw = verify.columns(ONE_DAY, span)
    right = verify.expected(raw, "AA", "scheduled", span)
    url = "s3://clickstream/events/event=AA.scheduled/dt=2013-01-01/hour={}/a.jsonl.gz"
    ledger = [(url.format(12), "key", right.rows)]

    def problems(figures, ledger):
        answers = iter([[tuple(figures)], ledger])
        return verify.problems(lambda _: next(answers), raw, "AA", "scheduled", span)[1]

    assert problems(right, ledger) == []
    assert problems(right._replace(rows=right.rows + 1), ledger)
    assert problems(right._replace(distance=right.distance - 1), ledger)
    assert problems(right, ledger * 2)
    assert problems(right, [])
    assert problems(right, [(url.format(13), "key", right.rows)])


def test_the_check_sees_a_mirror_that_lacks_an_event_or_has_one_twice():
    span = [hour(12)]
    raw = verify.columns(ONE_DAY, span)
    lines = list(produce.records_of(produce.rows_between(ONE_DAY, *span * 2), "AA", "arrived", hour(12)))

    def problems(*lines):
        file = gzip.compress(b"\n".join(lines))
        return verify.mirror_problems(
            lambda prefix: [file] if prefix == "AA.arrived/" else [], raw, "AA", "arrived", span
        )

    assert problems(*lines) == []
    assert problems(*lines[1:])
    assert problems(*lines, lines[0])


def test_systems_send_some_events_twice_and_what_is_no_event():
    ((_, records),) = produce.records_between(ONE_DAY, ["AA"], hour(12), hour(12))
    ids = [json.loads(record).get("id") for _, record in records]

    assert len(set(ids)) < len(ids) - 1
    assert ids.count(None) == 1


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path):
    made = Rehearsal(tmp_path, TRACKED)
    made.tools = "/bin/false"

    with pytest.raises(StageError, match="s3 ended with exit code 1"), made:
        pass


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["--hours", "0"], "'0' is no number above 0", id="no hour"),
        pytest.param(["--days", "x"], "'x' is no number above 0", id="no number"),
        pytest.param(["--first", "tomorrow"], "'tomorrow' is no instant", id="no instant"),
        pytest.param(["--first", "2014-01-01T00:00"], "is no full hour of 2013", id="another year"),
        pytest.param(["--folder", str(HERE)], "is not empty", id="a folder in use"),
        pytest.param(["--folder", __file__], "cannot be used", id="a file"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_made(words, sentence, capsys):
    with pytest.raises(SystemExit) as raised:
        run.main(words)
    assert raised.value.code == 2
    assert sentence in capsys.readouterr().err


class Found(run.Workshop):
    """A workshop whose environment holds given distributions."""

    def __init__(self, *names):
        self.names = names

    def installed(self, python):
        """Those."""
        return dict.fromkeys(self.names, "1.0")


@pytest.mark.parametrize(
    ("extra", "right"),
    [
        pytest.param([], True, id="what was asked for"),
        pytest.param(["boto3", "click"], True, id="what that needs"),
        pytest.param(["azure-core"], False, id="another cloud"),
        pytest.param(["penstock-providers-salesforce"], False, id="another provider"),
        pytest.param(["penstock-testkit"], False, id="a tool of tests"),
    ],
)
def test_what_was_installed_beyond_what_was_asked_for_is_an_error(extra, right, capsys):
    assert run.audit(Found(*run.OURS, *extra), "python") is right
    assert ("WRONG" in capsys.readouterr().out) is not right
