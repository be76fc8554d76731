"""An alert as blocks of Block Kit, and the state of a run as one of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.spec.notifier import AlertMessage
from penstock_slack.hooks.limits import escaped, shortened

STATE_BLOCK = "penstock_state"
"""The ``block_id`` of the block that shows the state of a run."""

PATIENCE_S = 15.0
"""Seconds for the repetitions of one alert's calls: half of what ``[alerts] timeout_s`` gives by default. After that the
alert waits for its next attempt, and no other alert waits for it."""

_BAD = ":red_circle:"
_MOST_LOG = 2900  # of a section's 3000 characters, with the signs around it
_MOST_SECTIONS = 3
_SECTION = 3000
_SIGNS = {
    "task_retried": ":large_yellow_circle:", "task_slow": ":large_yellow_circle:", "run_slow": ":large_yellow_circle:",
    "missed_start": ":large_yellow_circle:", "missed_deadline": ":large_yellow_circle:",
    "task_skipped": ":white_circle:", "task_started": ":large_blue_circle:", "test": ":large_blue_circle:",
    "task_succeeded": ":large_green_circle:", "run_succeeded": ":large_green_circle:",
    "task_recovered": ":large_green_circle:", "run_recovered": ":large_green_circle:", "well": ":large_green_circle:",
    "import_mended": ":large_green_circle:",
}  # fmt: skip

Block = dict[str, Any]


def alert_blocks(message: AlertMessage, mention: str = "") -> list[Block]:
    """The blocks of an alert: its title, who is called, the text, the end of the log, and where more is to be seen.

    Text is plain, so that nothing in it is a sign to Slack; the log is in a block of code.

    Args:
        message: The alert.
        mention: Who is called, in Slack's words, such as ``<!here>`` or ``<@U012AB3CD>``.
    """
    before, found, _ = message.text.partition(message.log) if message.log else (message.text, "", "")
    body = _without_title(before, message.title).strip()
    blocks: list[Block] = [
        {"type": "header", "text": _plain(f"{sign_of(message.event)} {_one_line(message.title)}", emoji=True)}
    ]
    if len(message.title) > 140:  # a header is cut at 150
        blocks.append({"type": "section", "text": _plain(message.title)})
    if mention:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": mention}})
    pieces = [body[begin : begin + _SECTION] for begin in range(0, len(body), _SECTION)]
    blocks += [{"type": "section", "text": _plain(piece)} for piece in pieces[:_MOST_SECTIONS]]
    if found:
        log = _end_of(found.replace("```", "'''").strip("\n"))
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"```\n{log}\n```", "verbatim": True}})
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": each} for each in _facts(message)]})
    return blocks


def sign_of(event: str) -> str:
    """The coloured sign of an event; red for what is wrong, and for a digest of several."""
    return _SIGNS.get(event, _BAD)


def state_block(alerts: Sequence[Mapping[str, Any]]) -> Block:
    """What became of a run so far, by the alerts in its thread: ``3 x task_failed, then run_recovered``.

    Args:
        alerts: The payloads of its messages, oldest first.
    """
    last = str(alerts[-1].get("event", ""))
    counts = Counter(str(each.get("event", "")) for each in alerts[:-1])
    before = ", ".join(f"{count} x {event}" for event, count in counts.items())
    text = f"{sign_of(last)} {before + ', then ' if before else ''}*{escaped(last)}*"
    return {"type": "context", "block_id": STATE_BLOCK, "elements": [{"type": "mrkdwn", "text": text}]}


def duration_text(seconds: float) -> str:
    """Seconds as a person says them: ``4 s``, ``2 min 5 s``, ``3 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _facts(message: AlertMessage) -> list[str]:
    link = message.link
    shown = f"<{link}|Details>" if link.startswith(("http://", "https://")) else f"`{escaped(link)}`"
    named = (
        ("DAG", message.dag_id), ("run", message.run_id), ("task", message.task_id),
        ("try", str(message.try_number) if message.try_number else ""),
        ("took", "" if message.duration_s is None else duration_text(message.duration_s)),
        ("alerts", f"{message.count:,}" if message.count > 1 else ""),
    )  # fmt: skip
    at = int(message.at.timestamp())
    when = f"<!date^{at}^{{date_short_pretty}} {{time_secs}}|{message.at:%Y-%m-%d %H:%M:%S} UTC>"
    facts = [f"*{name}* {escaped(shortened(value, 300))}" for name, value in named if value]
    return [*facts, when, *([shown] if link else [])]


def _end_of(log: str) -> str:
    """The last of a log that fits into a section: what went wrong stands at the end."""
    kept = escaped(log[-_MOST_LOG:])
    while len(kept) > _MOST_LOG:
        log = log[-_MOST_LOG:][len(kept) - _MOST_LOG :]
        kept = escaped(log)
    return kept


def _without_title(text: str, title: str) -> str:
    """The text without its first paragraph, if that says no more than the title and the time."""
    first, found, rest = text.partition("\n\n")
    return rest if found and first.startswith(title) and len(first) <= len(title) + 40 else text


def _plain(text: str, *, emoji: bool = False) -> Block:
    return {"type": "plain_text", "text": text, "emoji": emoji}


def _one_line(text: str) -> str:
    return " ".join(text.split())
