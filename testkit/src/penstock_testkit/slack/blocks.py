"""What Slack refuses of a message's blocks and text."""

from typing import Any

from penstock_testkit.saas import NotFakedError
from penstock_testkit.slack.slack_errors import SlackRefusedError

_MOST = {"header": 150, "section": 3000, "markdown": 12_000}
_TYPES = {"header", "section", "context", "divider", "actions", "markdown", "image"}
_MOST_TOGETHER = 13_200


def check_message(fields: dict[str, Any]) -> None:
    """Refuse a message that says nothing, or too much.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    blocks, attachments = fields.get("blocks") or [], fields.get("attachments") or []
    if not (fields.get("text") or blocks or attachments):
        raise SlackRefusedError("no_text")
    if len(attachments) > 100:
        raise SlackRefusedError("too_many_attachments")
    _check_blocks(blocks)
    for each in attachments:
        _check_blocks(each.get("blocks") or [])


def _check_blocks(blocks: list[dict[str, Any]]) -> None:
    problems = ["no more than 50 items allowed [json-pointer:/blocks]"] if len(blocks) > 50 else []
    together = 0
    for number, block in enumerate(blocks):
        kind = block.get("type")
        if kind not in _TYPES:
            raise NotFakedError(f"a block of type {kind!r}")
        for text in _texts(block):
            together += len(text)
            if len(text) > _MOST.get(str(kind), 3000):
                problems.append(
                    f"must be less than {_MOST.get(str(kind), 3000) + 1} characters [json-pointer:/blocks/{number}]"
                )
            if not text:
                problems.append(f"must be more than 0 characters [json-pointer:/blocks/{number}/text]")
        if len(block.get("fields", ())) > 10 or (kind == "context" and len(block["elements"]) > 10):
            problems.append(f"no more than 10 items allowed [json-pointer:/blocks/{number}]")
    if problems:
        messages = [f"[ERROR] {each}" for each in problems]
        raise SlackRefusedError("invalid_blocks", response_metadata={"messages": messages})
    if together > _MOST_TOGETHER:
        raise SlackRefusedError("msg_blocks_too_long")


def _texts(block: dict[str, Any]) -> list[str]:
    """Each text of a block."""
    held = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    found = []
    for each in held:
        text = each.get("text") if isinstance(each, dict) else each
        if isinstance(text, dict):  # of a button
            text = text.get("text")
        if isinstance(text, str):
            found.append(text)
    return found
