"""Schedulers, workers, server, broker and database are killed and stopped by a seed while tries run on other machines' behalf."""

import contextlib
import json
import os
import time

import pytest
import redis
from storm.installation import Storm
from storm.play import play
from storm.strikes import common_strikes, stand_still

from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.nightly import nightly_but

SEED = int(os.environ.get("STORM_SEED", "1"))
TASKS = int(os.environ.get("STORM_TASKS", "5000"))

pytestmark = [pytest.mark.timeout(3600), pytest.mark.xdist_group("chaos")]


def of_valkey(broker, queue):
    """The broker is killed with all that it holds; messages are doubled, dropped and put in another order."""

    def crash(chance):
        broker.kill()
        time.sleep(chance.uniform(0.2, 2.0))
        broker.start()

    def tamper(change):
        def strike(chance):
            with contextlib.suppress(redis.RedisError), redis.Redis.from_url(broker.url) as client:
                messages = client.lrange(queue, 0, -1)
                client.delete(queue)
                if changed := change(chance, messages):
                    client.rpush(queue, *changed)

        return strike

    return {
        "the broker is killed": (1, crash),
        "the broker stands still": (1, lambda chance: stand_still([broker.pid], chance.uniform(0.5, 5.0))),
        "messages are doubled": (2, tamper(lambda _, messages: [each for each in messages for _ in range(2)])),
        "messages are dropped": (1, tamper(lambda chance, messages: [m for m in messages if chance.random() < 0.5])),
        "messages are shuffled": (1, tamper(lambda chance, messages: chance.sample(messages, len(messages)))),
    }


def answers(broker):
    with redis.Redis.from_url(broker.url, socket_timeout=1) as client:
        try:
            return client.ping()
        except redis.RedisError:
            return False


@pytest.mark.parametrize("tasks", nightly_but([200], [200, TASKS]))
def test_tries_by_celery_succeed_once_each_whatever_is_struck(tmp_path, postgres_server, tasks):
    database = postgres_server.create_database()
    with valkey() as broker:
        table = f'type = "celery.executor"\nbroker = "{broker.url}"'
        with Storm(tmp_path / "project", database, table, tasks) as storm:
            strikes = {**common_strikes(storm, postgres_server), **of_valkey(broker, "far")}
            found = play(
                storm,
                SEED,
                strikes,
                calm_s=2.0 if tasks > 1000 else 0.5,
                patience_s=300 + tasks * 0.3,
                serves=lambda: answers(broker),
            )
    (tmp_path / "report.json").write_text(json.dumps(found))  # read by who looks for a seed
    assert len(found["strikes"]) >= 2, found
    assert not any(found["left"].values()), found
