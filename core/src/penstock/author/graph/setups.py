"""Blocks of work between setups and teardowns: ``with teardown: ...``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator


def enclose(around: "AbstractOperator", work: "Sequence[AbstractOperator]") -> None:
    """Let work run after the setups and before the teardowns that a task stands for.

    Args:
        around: A teardown, which stands for itself and its setups, or a setup, which stands for itself and its teardowns.
        work: The tasks of the block; those that begin and end it get the edges.
    """
    setups = [around] if around.is_setup else [task for task in around.upstream_list if task.is_setup]
    teardowns = [around] if around.is_teardown else [task for task in around.downstream_list if task.is_teardown]
    inside = set(work)
    for task in work:
        if inside.isdisjoint(task.upstream_list):
            task.set_upstream(setups)
        if inside.isdisjoint(task.downstream_list):
            task.set_downstream(teardowns)
