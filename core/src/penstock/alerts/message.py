"""The words of an alert, and of a digest of many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from penstock.alerts.occurrence import Occurrence
from penstock.model.run import UNMAPPED
from penstock.model.state import AlertEvent
from penstock.model.text import shortened, utc_text
from penstock.spec.notifier import AlertMessage

LISTED = 20
"""Alerts that a digest names one by one."""

_LONGEST_REASON = 2_000
_E = AlertEvent
_WORDS: Mapping[AlertEvent, str] = {
    _E.RUN_FAILED: "failed",
    _E.RUN_SUCCEEDED: "succeeded",
    _E.RUN_RECOVERED: "succeeded again after a failure",
    _E.RUN_SLOW: "takes unusually long",
    _E.MISSED_START: "has not started in time",
    _E.MISSED_DEADLINE: "has missed its deadline",
    _E.TASK_STARTED: "has started",
    _E.TASK_FAILED: "failed",
    _E.TASK_RETRIED: "failed and is tried again",
    _E.TASK_SKIPPED: "was skipped",
    _E.TASK_SUCCEEDED: "succeeded",
    _E.TASK_RECOVERED: "succeeded again after a failure",
    _E.TASK_SLOW: "takes unusually long",
    _E.TASK_MISSED_DEADLINE: "has missed its deadline",
    _E.IMPORT_BROKEN: "cannot be imported",
    _E.IMPORT_MENDED: "can be imported again",
    _E.UNWELL: "is not well",
    _E.WELL: "is well again",
}


class Details(NamedTuple):
    """What an alert shows besides what is stored of it.

    Attributes:
        failed: Of a run, its failed tasks with their reasons.
        log: The last lines of a log.
        log_of: Whose log that is, as arguments of ``penstock tasks logs``; "" if there is none.
        log_problem: Why its last lines cannot be shown, as a sentence; "" if they can.
        began_at: When the run, or the try of the task, began.
    """

    failed: Sequence[tuple[str, str]] = ()
    log: str = ""
    log_of: str = ""
    log_problem: str = ""
    began_at: datetime | None = None


def title_of(happened: Occurrence) -> str:
    """Say in one line what happened to what."""
    return f"{_subject(happened)} {_WORDS[happened.event]}"


def link_of(happened: Occurrence, base_url: str, log_of: str = "") -> str:
    """Where more is to be seen.

    Args:
        happened: What happened.
        base_url: Address of a page about runs; "" if there is none, then it is a command.
        log_of: Arguments of ``penstock tasks logs``, if there is a log.
    """
    if not happened.dag_id:
        command = (
            "penstock dags errors" if happened.event in (_E.IMPORT_BROKEN, _E.IMPORT_MENDED) else "penstock doctor"
        )
        return base_url or command
    if base_url:
        parts = [("dags", happened.dag_id), ("runs", happened.run_id), ("tasks", happened.task_id)]
        return "/".join([base_url.rstrip("/"), *(f"{what}/{quote(name, safe='')}" for what, name in parts if name)])
    if log_of:
        return f"penstock tasks logs {log_of}"
    return f"penstock runs show {happened.dag_id} {happened.run_id}" if happened.run else "penstock dags list"


def message_of(key: str, happened: Occurrence, details: Details, base_url: str, *, to: str = "") -> AlertMessage:
    """The message of one alert.

    Args:
        key: Its name.
        happened: What happened.
        details: What else it shows.
        base_url: As in `link_of`.
        to: A mail address, if that is its channel.
    """
    reason = shortened(happened.reason, _LONGEST_REASON)
    link = link_of(happened, base_url, details.log_of)
    parts = [
        f"{title_of(happened)}, at {utc_text(happened.at)}.",
        reason,
        "\n".join(f"Task {name}: {shortened(why, _LONGEST_REASON)}" for name, why in details.failed[:LISTED]),
        f"and {len(details.failed) - LISTED} tasks more" if len(details.failed) > LISTED else "",
        f"The end of the log of {details.log_of}:\n{details.log}" if details.log else "",
        f"The log of {details.log_of} cannot be shown here: {details.log_problem}" if details.log_problem else "",
        f"See: {link}",
    ]
    return AlertMessage(
        key=key,
        title=title_of(happened),
        text="\n\n".join(filter(None, parts)) + "\n",
        at=happened.at,
        event=happened.event.value,
        dag_id=happened.dag_id,
        run_id=happened.run_id,
        task_id=happened.task_id,
        map_index=happened.map_index,
        try_number=happened.try_number,
        reason=reason,
        log=details.log,
        link=link,
        to=to,
        # a clock that is set back between the two instants makes none that is negative
        duration_s=None if details.began_at is None else max(0.0, (happened.at - details.began_at).total_seconds()),
    )


def digest_of(
    key: str, happened: Sequence[Occurrence], base_url: str, *, to: str = "", full: bool = False
) -> AlertMessage:
    """The message of several alerts: how many of each kind, and the first of them by name.

    Args:
        key: Its name.
        happened: What happened.
        base_url: As in `link_of`.
        to: A mail address, if that is its channel.
        full: Whether no more alerts could wait for the channel, so that some may have been dropped.
    """
    counts = Counter((each.event, each.dag_id) for each in happened)
    sums = [
        f"{count:,} x {event.value}{f' in DAG {dag_id}' if dag_id else ''}"
        for (event, dag_id), count in counts.most_common(LISTED)
    ]
    more = f"\n... and {len(happened) - LISTED:,} more" if len(happened) > LISTED else ""
    listed = [f"- {title_of(each)}: {shortened(_first_line(each.reason), 200)}" for each in happened[:LISTED]]
    link = base_url or "penstock runs list --state failed"
    dropped = "No more alerts than these are kept for a channel; what came after them was dropped." if full else ""
    text = "\n\n".join(filter(None, ["\n".join(sums), "\n".join(listed) + more, dropped, f"See: {link}"]))
    events = {each.event.value for each in happened}
    return AlertMessage(
        key=key,
        title=f"{len(happened):,} alerts: {sums[0]}{', ...' if len(sums) > 1 else ''}",
        text=f"{text}\n",
        at=happened[0].at,
        event=events.pop() if len(events) == 1 else "",
        count=len(happened),
        link=link,
        to=to,
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _subject(happened: Occurrence) -> str:
    if happened.subject:
        return happened.subject
    if not happened.task_id:
        return f"Run {happened.run_id} of DAG {happened.dag_id}"
    index = "" if happened.map_index == UNMAPPED else f"[{happened.map_index}]"
    return f"Task {happened.task_id}{index} of DAG {happened.dag_id}, run {happened.run_id},"
