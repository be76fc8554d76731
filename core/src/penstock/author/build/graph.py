"""The order of a DAG's tasks."""

from collections.abc import Mapping
from graphlib import TopologicalSorter


def topological_order(upstream: Mapping[str, set[str]]) -> list[str]:
    """Sort task ids so that each stands behind those upstream of it, equals by name.

    Args:
        upstream: For each task id those directly upstream.

    Raises:
        graphlib.CycleError: There is no such order; the second argument is one cycle, downstream by downstream, with
            its first id again at the end.
    """
    # Sets are sorted first: the order of text in them differs from process to process.
    sorter = TopologicalSorter({task_id: sorted(uppers) for task_id, uppers in sorted(upstream.items())})
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order
