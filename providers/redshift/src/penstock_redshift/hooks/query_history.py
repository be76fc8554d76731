"""What queries cost, from the tables in which Redshift keeps its history.

Source: SYS_QUERY_HISTORY and SYS_QUERY_DETAIL (clusters and workgroups), STL_QUERY, STL_WLM_QUERY and SVL_QUERY_SUMMARY (clusters
alone, but with the memory of steps) in the Amazon Redshift Database Developer Guide: times are microseconds, a spilled block is
1 MB, ``workmem`` is bytes, and who is no superuser and lacks SYSLOG ACCESS UNRESTRICTED sees only his own queries.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.tags import read_tags

Tables = Literal["sys", "stl"]
COLUMNS = ("user", "label", "queue", "type")
"""What queries are grouped by besides their tags."""
MOST_QUERIES = 10_000
"""How many queries are looked at: those that took longest."""

_SYS = """
SELECT trim(h.username), trim(h.query_label), trim(h.service_class_name), trim(h.query_type), trim(h.query_text),
       CASE WHEN trim(h.status) IN ('failed', 'canceled') THEN 1 ELSE 0 END,
       h.elapsed_time, h.queue_time, h.execution_time, d.spilled, 0
FROM sys_query_history h
LEFT JOIN (
  SELECT query_id, SUM(COALESCE(spilled_block_local_disk, 0) + COALESCE(spilled_block_remote_disk, 0)) AS spilled
  FROM sys_query_detail WHERE start_time >= DATEADD(minute, -%(minutes)s, GETDATE()) GROUP BY query_id
) d ON d.query_id = h.query_id
WHERE h.start_time >= DATEADD(minute, -%(minutes)s, GETDATE())
ORDER BY h.elapsed_time DESC LIMIT %(most)s
"""
_STL = """
SELECT trim(u.usename), trim(q.label), trim(w.queue), '', trim(q.querytxt), q.aborted,
       DATEDIFF(microsecond, q.starttime, q.endtime) AS elapsed_time, w.queue_time, w.execution_time,
       CASE WHEN s.disk_based = 1 THEN 1 ELSE 0 END, s.workmem
FROM stl_query q
LEFT JOIN pg_user u ON u.usesysid = q.userid
LEFT JOIN (
  SELECT query, MAX(service_class_name) AS queue, SUM(total_queue_time) AS queue_time, SUM(total_exec_time) AS execution_time
  FROM stl_wlm_query WHERE service_class_start_time >= DATEADD(minute, -%(minutes)s, GETDATE()) GROUP BY query
) w ON w.query = q.query
LEFT JOIN (
  SELECT query, MAX(CASE WHEN is_diskbased = 't' THEN 1 ELSE 0 END) AS disk_based, MAX(workmem) AS workmem
  FROM svl_query_summary GROUP BY query
) s ON s.query = q.query
WHERE q.starttime >= DATEADD(minute, -%(minutes)s, GETDATE())
ORDER BY elapsed_time DESC LIMIT %(most)s
"""


@dataclass(slots=True)
class QueryGroup:
    """What the queries of one group cost.

    Attributes:
        queries, failed: How many there were, and how many of them failed or were cancelled.
        seconds, longest_s: From beginning to end, all together and the longest one.
        queue_s, longest_queue_s: Thereof in a queue of the workload management.
        execution_s: Thereof in execution.
        disk_based: How many had too little memory and wrote to disk.
        spilled_mb: How much they wrote; 0 with the tables ``stl``.
        memory_mb: The most memory that a step was given; 0 with the tables ``sys``.
    """

    queries: int = 0
    failed: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0
    queue_s: float = 0.0
    longest_queue_s: float = 0.0
    execution_s: float = 0.0
    disk_based: int = 0
    spilled_mb: int = 0
    memory_mb: int = 0


MEASURES = tuple(each.name for each in fields(QueryGroup))


class GroupRow(NamedTuple):
    """A group of queries and what they cost.

    Attributes:
        group: By what they were grouped, and what they have there; "" for nothing.
        cost: What they cost.
    """

    group: dict[str, str]
    cost: QueryGroup


def query_groups(
    hook: RedshiftHook, by: Sequence[str], *, minutes: int, order: str = "seconds", tables: Tables = "sys"
) -> list[GroupRow]:
    """The groups of queries that began in the last minutes, the dearest first.

    Args:
        hook: The warehouse.
        by: Of `COLUMNS`, or names of tags, such as ``dag`` and ``task``.
        minutes: How far back.
        order: One of `MEASURES`.
        tables: ``sys``, or ``stl`` for clusters.

    Raises:
        penstock.errors.ProviderError: The tables cannot be read.
    """
    rows = hook.get_records(_SYS if tables == "sys" else _STL, {"minutes": minutes, "most": MOST_QUERIES})
    if len(rows) == MOST_QUERIES:
        print(f"Only the {MOST_QUERIES} queries that took longest are looked at.")  # noqa: T201 - the task's log, and a person's
    found: dict[tuple[str, ...], QueryGroup] = {}
    tagged = not set(by) <= set(COLUMNS)
    for user, label, queue, kind, text, *numbers in rows:
        known = {"user": user or "", "label": label or "", "queue": queue or "", "type": kind or ""}
        if tagged:
            known = read_tags(text or "") | known
        _add(found.setdefault(tuple(known.get(each, "") for each in by), QueryGroup()), numbers, tables)
    made = [GroupRow(dict(zip(by, key, strict=True)), cost) for key, cost in found.items()]
    return sorted(made, key=lambda each: float(getattr(each.cost, order)), reverse=True)


def over_limits(groups: Iterable[GroupRow], limits: dict[str, float]) -> list[str]:
    """A sentence, without its full stop, for each measure of a group that is more than its limit."""
    return [
        f"{_name(each.group)}: {measure} is {getattr(each.cost, measure):g}, more than {limit:g}"
        for each in groups
        for measure, limit in limits.items()
        if getattr(each.cost, measure) > limit
    ]


def table(groups: Iterable[GroupRow]) -> str:
    """The groups as lines of text, with a heading."""
    lines = [" queries failed   seconds  longest   queued on disk spilled MB memory MB  group"]
    for group, cost in groups:
        lines.append(
            f"{cost.queries:>8} {cost.failed:>6} {cost.seconds:>9.1f} {cost.longest_s:>8.1f} {cost.queue_s:>8.1f} "
            f"{cost.disk_based:>7} {cost.spilled_mb:>10} {cost.memory_mb:>9}  {_name(group)}"
        )
    return "\n".join(lines)


def _name(group: dict[str, str]) -> str:
    return ", ".join(f"{name} {value or '(none)'}" for name, value in group.items())


def _add(cost: QueryGroup, numbers: Sequence[int | None], tables: Tables) -> None:
    failed, elapsed, queued, executed, spilled, workmem = (int(each or 0) for each in numbers)
    cost.queries += 1
    cost.failed += 1 if failed else 0
    cost.seconds += elapsed / 1e6
    cost.longest_s = max(cost.longest_s, elapsed / 1e6)
    cost.queue_s += queued / 1e6
    cost.longest_queue_s = max(cost.longest_queue_s, queued / 1e6)
    cost.execution_s += executed / 1e6
    cost.disk_based += 1 if spilled else 0
    cost.spilled_mb += spilled if tables == "sys" else 0
    cost.memory_mb = max(cost.memory_mb, workmem // 1_000_000)
