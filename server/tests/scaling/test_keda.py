"""KEDA brings as many workers as /scaling says, lets them go after the queue's cooldown, and ends none that has work."""

import random

import pytest

from .keda import Keda, KedaError, value_at

SLOTS, POLL_S = 4, 15.0


class Pool:
    """Workers that begin tries, and end once they are told to and have none left."""

    def __init__(self, work, chance):
        self.work, self.chance = work, chance
        self.workers, self.drained = [], []

    def set_replicas(self, number):
        while len(self.workers) < number:
            self.workers.append({})
        for _ in range(len(self.workers) - number):
            idle = min(self.workers, key=len)  # as pod-deletion-cost has it
            self.workers.remove(idle)
            self.drained.append(idle)

    def pass_time(self, seconds):
        for worker in [*self.workers, *self.drained]:
            for each in list(worker):
                worker[each] -= seconds
            self.end(worker)
        self.drained = [each for each in self.drained if each]
        for worker in self.workers:
            worker.update({each: self.chance.uniform(5, 120) for each in self.work.begin(SLOTS - len(worker))})

    def end(self, worker):
        ended = [each for each, left in worker.items() if left <= 0]
        for each in ended:
            del worker[each]
        self.work.end(ended)


@pytest.fixture
def keda(call):
    def ask():
        answer = call("GET", "/scaling")
        return answer.status, answer.json

    return Keda(ask, path="default.workers", most=30)


@pytest.mark.parametrize("seed", range(2))
def test_from_zero_to_what_is_wanted_and_back_to_zero_with_nothing_lost(keda, work, installation, seed):
    made, clock, now_s = work(200), installation.clock, 0.0
    pool, counts, lengths = Pool(made, random.Random(seed)), [], []
    while made.waiting or made.held or pool.workers:
        assert now_s < 6_000, "it comes to no end"
        counts.append(keda.replicas(len(pool.workers), now_s))
        pool.set_replicas(counts[-1])
        lengths.append((now_s, len(made.waiting) + len(made.held)))
        pool.pass_time(POLL_S)
        clock.advance(POLL_S)
        now_s += POLL_S
    assert counts[0] == 1
    assert max(counts) == 12, "max_workers of the queue, not of KEDA"
    assert (counts[-1], pool.drained, keda.errors) == (0, [], 0)
    empty_at = next(at for at, left in lengths if not left)
    assert 0 <= now_s - empty_at - 90 <= 2 * POLL_S, "they go when the cooldown is over, and all at once"
    assert len(installation.store.runs.page()) == 1


def test_a_lull_that_is_shorter_than_the_cooldown_lets_no_worker_go(keda, work, installation):
    made, replicas = work(40), 0
    for _ in range(4):
        replicas = keda.replicas(replicas, 0.0)
    assert replicas == 10
    made.end(made.begin(40))
    installation.clock.advance(60)
    assert keda.replicas(replicas, 60.0) == 10
    installation.clock.advance(31)
    assert keda.replicas(replicas, 91.0) == 0


def test_a_server_that_does_not_answer_changes_nothing(call, work):
    work(8)
    call.token = ""
    scaler = Keda(lambda: ((answer := call("GET", "/scaling")).status, answer.json), path="default.workers")
    assert (scaler.replicas(5, 0.0), scaler.errors) == (5, 1)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("default.workers", 3),
        ("re\\.ports.workers", 7),
        ("gone.workers", None),
        ("default.executor", None),
        ("default.max", None),
    ],
)
def test_only_a_number_at_the_path_counts(path, found):
    answer = {"default": {"workers": 3, "executor": "celery", "max": None}, "re.ports": {"workers": 7}}
    if found is not None:
        assert value_at(answer, path) == found
        return
    with pytest.raises(KedaError):
        value_at(answer, path)


@pytest.mark.parametrize(
    ("present", "value", "replicas"),
    [(20, 21, 20), (20, 23, 23), (20, 18, 20), (20, 17, 17), (1, 50, 5), (40, 90, 80), (3, 0, 0), (0, 9, 1)],
)
def test_the_arithmetic_of_the_autoscaler(present, value, replicas):
    assert Keda(lambda: (200, {"q": {"workers": value}}), path="q.workers").replicas(present, 0.0) == replicas
