"""What the priority of each task is, by its weight rule."""

from collections.abc import Iterable, Mapping, Sequence

from penstock.author.construct.task_rules import MOST
from penstock.author.construct.weight_rule import WeightRule


def effective_weights(
    weights: Mapping[str, int], rules: Mapping[str, str], upstream: Mapping[str, Iterable[str]]
) -> dict[str, int]:
    """Work out the priority of each task, cut to what can be stored.

    Every task counts once, however many ways lead to it, as in Airflow.

    Args:
        weights: What the author gave each task, in an order in which each stands behind those upstream of it.
        rules: The weight rule of each.
        upstream: The tasks directly upstream of each.
    """
    order = list(weights)
    found = dict(weights)
    if WeightRule.UPSTREAM in rules.values():
        totals = _totals(order, weights, upstream)
        found |= {name: totals[name] for name in order if rules[name] == WeightRule.UPSTREAM}
    if WeightRule.DOWNSTREAM in rules.values():
        downstream: dict[str, list[str]] = {name: [] for name in order}
        for name in order:
            for upper in upstream[name]:
                downstream[upper].append(name)
        totals = _totals(order[::-1], weights, downstream)
        found |= {name: totals[name] for name in order if rules[name] == WeightRule.DOWNSTREAM}
    return {name: max(-MOST, min(MOST, weight)) for name, weight in found.items()}


def _totals(order: Sequence[str], weights: Mapping[str, int], before: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Sum the weights of each task and of all that can be reached against the order."""
    # A set of tasks is one whole number, a bit a task, so that an edge costs one `or` of 64 tasks a machine word. The sum is
    # one count of bits for each binary digit of the weights: never more than 31 of each sign, however many tasks there are.
    digits: dict[int, int] = {}
    for number, name in enumerate(order):
        sign = -1 if weights[name] < 0 else 1
        for digit in range(abs(weights[name]).bit_length()):
            if abs(weights[name]) >> digit & 1:
                digits[sign << digit] = digits.get(sign << digit, 0) | 1 << number
    reached: dict[str, int] = {}
    for number, name in enumerate(order):
        tasks = 1 << number
        for each in before[name]:
            tasks |= reached[each]
        reached[name] = tasks
    return {
        name: sum(value * (tasks & mask).bit_count() for value, mask in digits.items())
        for name, tasks in reached.items()
    }
