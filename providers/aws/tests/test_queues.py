"""Messages of Amazon SQS are sent once a task, and received by one that loses none of them."""

import json
import os
import signal

import pytest
from moto.sqs.models import sqs_backends

from penstock import DAG
from penstock.errors import ProviderError
from penstock.testing import OperatorSuite, SensorSuite, run_dag
from penstock_aws.hooks import SqsHook, SqsMessage
from penstock_aws.operators import SqsPublishOperator
from penstock_aws.sensors import SqsSensor
from penstock_aws.sensors.received import ReceivedMessages

ACCOUNT, REGION = "123456789012", "us-east-1"


@pytest.fixture
def queue(s3):
    """The URL of a queue."""
    client = s3.client("sqs")
    yield client.create_queue(QueueName="clicks")["QueueUrl"]
    client.close()


@pytest.fixture
def put(s3, queue):
    """A function that sends messages to the queue."""
    client = s3.client("sqs")

    def send(*bodies):
        for body in bodies:
            client.send_message(QueueUrl=queue, MessageBody=body if isinstance(body, str) else json.dumps(body))

    yield send
    client.close()


def stored(name="clicks"):
    """What a queue holds, whether or not it is hidden."""
    return sqs_backends[ACCOUNT][REGION].queues[name]._messages


def seen(name="clicks"):
    """The bodies that the next reader would get."""
    return [each.body for each in stored(name) if each.visible]


class Checkpoints(dict):
    """A task's own, without a database."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))


class TestSqsPublishOperator(OperatorSuite):
    operator = SqsPublishOperator

    @pytest.fixture
    def connections(self, connection):
        return {"aws_default": connection}

    @pytest.fixture
    def arguments(self, queue):
        return {"sqs_queue": queue, "message_content": "hello"}


class TestSqsSensor(SensorSuite):
    operator = SqsSensor

    @pytest.fixture
    def connections(self, connection):
        return {"aws_default": connection}

    @pytest.fixture
    def arguments(self, queue, put):
        put("one", "two")
        return {"sqs_queue": queue, "max_messages": 1}

    @pytest.fixture
    def waiting(self, queue):
        return {"sqs_queue": queue, "wait_time_seconds": 0}


def test_a_message_goes_from_one_dag_to_another(connection, queue):
    with DAG("sends", schedule=None) as dag:
        sent = SqsPublishOperator(
            task_id="send",
            sqs_queue="clicks",
            message_content="for {{ run_id }}",
            message_attributes={"kind": {"DataType": "String", "StringValue": "a"}},
        )
        sent >> SqsSensor(task_id="wait", sqs_queue=queue)
    result = run_dag(dag, connections={"aws_default": connection}).check()

    (found,) = result.value("wait")
    assert (found["message_id"], found["body"]) == (result.value("send"), f"for {result.run.run_id}")
    assert found["attributes"] == {"kind": {"DataType": "String", "StringValue": "a"}}
    assert found["facts"]["ApproximateReceiveCount"] == "1"
    assert stored() == []


def test_a_message_that_was_sent_is_not_sent_again(runtime, queue):
    kept = Checkpoints()
    ids = {
        SqsPublishOperator(task_id="t", sqs_queue=queue, message_content="x").execute({"checkpoints": kept})
        for _ in range(2)
    }

    assert len(ids) == len(stored()) == 1


def test_a_queue_in_order_takes_a_repeated_message_once(s3, runtime):
    client = s3.client("sqs")
    url = client.create_queue(QueueName="clicks.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    client.close()
    kept = Checkpoints()

    def send():
        made = SqsPublishOperator(task_id="t", sqs_queue=url, message_content="x", message_group_id="g")
        return made.execute({"checkpoints": kept})

    send()
    kept["sent"].pop("id")  # the process was killed before it could note the answer
    send()

    assert len(stored("clicks.fifo")) == 1


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({"kind": "a"}, [0, 1]),
        ({"kind": ["a", "b"]}, [0, 1, 2]),
        ({"place.shop": 7}, [1]),
        ({"kind": "a", "place.shop": 8}, []),
        ({"place": {"shop": 7}}, [1]),
        ({"kind": None}, []),
    ],
)
def test_only_what_matches_is_taken_and_the_rest_is_given_back(runtime, queue, put, match, taken):
    bodies = [json.dumps(each) for each in ({"kind": "a"}, {"kind": "a", "place": {"shop": 7}}, {"kind": "b"})]
    put(*bodies, "no JSON", "[1]")

    found = SqsSensor(task_id="t", sqs_queue=queue, match=match, max_messages=10).poke({"checkpoints": Checkpoints()})

    values = [each["body"] for each in found.value] if found else []
    assert values == [bodies[number] for number in taken]
    assert sorted([*values, *seen()]) == sorted([*bodies, "no JSON", "[1]"])


def test_what_comes_after_messages_that_do_not_count_is_found(runtime, queue, put):
    put("no", "no", "no", "yes")
    sensor = SqsSensor(
        task_id="t", sqs_queue=queue, max_messages=1, num_batches=4, check_fn=lambda each: each.body == "yes"
    )

    assert [each["body"] for each in sensor.poke({"checkpoints": Checkpoints()}).value] == ["yes"]
    assert seen() == ["no"] * 3


def test_messages_may_be_left_for_a_later_task_to_delete(connection, runtime, queue, put):
    put("one")
    sensor = SqsSensor(task_id="t", sqs_queue=queue, delete_message_on_reception=False, visibility_timeout_s=600)

    (found,) = sensor.poke({"checkpoints": Checkpoints()}).value
    assert (len(stored()), seen()) == (1, [])
    SqsHook(connection=connection).delete(queue, [found["receipt"]])
    assert stored() == []


def test_more_than_a_task_can_keep_is_given_back(runtime, queue, put):
    """A message of 240 KB that JSON escapes to six times as much stands for one of 1 MiB."""
    put(*("é" * 120_000 for _ in range(8)))
    kept = Checkpoints()

    found = SqsSensor(task_id="t", sqs_queue=queue, max_messages=10).poke({"checkpoints": kept})

    assert len(found.value) + len(seen()) == 8
    assert 0 < len(found.value) < 8
    assert len(kept) <= 100
    assert all(len(json.dumps(each)) <= 65_536 for each in kept.values())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own server has threads
@pytest.mark.parametrize("step", ["received", "stored in part", "stored", "deleted"])
def test_a_process_that_is_killed_loses_no_message(runtime, queue, put, tmp_path, step):
    """What it had received is either in the queue for the next one, or in its checkpoints, and handed on once."""
    bodies = [f"{number}-" + "x" * 40_000 for number in range(3)]
    put(*bodies)
    arguments = {"task_id": "t", "sqs_queue": queue, "max_messages": 10, "visibility_timeout_s": 1}
    file = tmp_path / "checkpoints"

    class Kept(Checkpoints):
        def set(self, key, value):
            if step == "received" or (step == "stored in part" and key == "messages"):
                os.kill(os.getpid(), signal.SIGKILL)
            super().set(key, value)
            file.write_text(json.dumps(self))
            if step == "stored" and key == "messages":
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            SqsSensor(**arguments).poke({"checkpoints": Kept()})
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])

    context = {"checkpoints": Checkpoints(json.loads(file.read_text()) if file.exists() else {})}
    following = SqsSensor(**{**arguments, "wait_time_seconds": 20})
    found = []
    while len(found) < 3:
        found += [each["body"] for each in (following.poke(context) or (False, []))[1]]
        if len(found) < 3:
            context = {"checkpoints": Checkpoints()}
    assert sorted(found) == bodies
    assert stored() == []


def test_what_was_stored_is_handed_on_though_its_receipts_are_good_no_more(runtime, queue, caplog):
    kept = Checkpoints()
    ReceivedMessages(kept).store([SqsMessage("id", "one", {}, {}, "the receipt of another reception")])

    (found,) = SqsSensor(task_id="t", sqs_queue=queue).poke({"checkpoints": kept}).value
    assert found["body"] == "one"
    assert "may be delivered again" in caplog.text


def test_a_queue_that_is_not_there_fails_at_once(runtime):
    with pytest.raises(ProviderError) as raised:
        SqsSensor(task_id="t", sqs_queue="nothing").poke({"checkpoints": Checkpoints()})
    assert (raised.value.kind, raised.value.retryable) == ("not_found", False)
