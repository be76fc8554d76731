"""Messages are checked and cut before they are sent, by the limits that Slack refuses or cuts at.

Limits of text, blocks and attachments are those of docs.slack.dev: chat.postMessage (text, attachments), "Blocks" (50 of a
message) and the pages of header, section, context and actions blocks and of the button. That all text of the blocks of one
message may not exceed about 13,200 characters (``msg_blocks_too_long``) is documented nowhere: slackapi/bolt-js#2509.
"""

import re
from collections.abc import Sequence
from typing import Any

from penstock.errors import ErrorKind, ProviderError

MOST_TEXT = 40_000
MOST_BLOCKS = 50
MOST_ATTACHMENTS = 100
MOST_BLOCK_TEXT = 12_000
_MOST_OF_TYPE = {"header": 150, "section": 3000, "markdown": 12_000}
_MOST_FIELDS, _MOST_FIELD = 10, 2000
_MOST_ELEMENTS = {"context": 10, "actions": 25}
_MOST_BUTTON = 75
_CUT = "\u2026"
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$")

Blocks = Sequence[dict[str, Any]]


def escaped(text: str) -> str:
    """Text whose signs mean nothing to Slack ("Formatting text for app surfaces", Escaping text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and a sign that it goes on; no escaped sign is cut in two."""
    return text if len(text) <= most else _CUT_ENTITY.sub("", text[: most - 1]) + _CUT


def fitting_blocks(blocks: Sequence[Any]) -> list[dict[str, Any]]:
    """The blocks of a message as Slack takes them: too long texts are cut, and blocks beyond the fiftieth left out.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: one of them is no block.
    """
    for number, block in enumerate(blocks):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise invalid(f"blocks[{number}] must be a dict with a type, and is {type(block).__name__}")
    kept = list(blocks[:MOST_BLOCKS])
    if len(blocks) > MOST_BLOCKS:
        left_out = f"{len(blocks) - MOST_BLOCKS + 1} blocks more were left out"
        kept[-1] = {"type": "context", "elements": [{"type": "plain_text", "text": left_out}]}
    budget = _Budget(MOST_BLOCK_TEXT)
    return [_fitting(block, budget) for block in kept]


def fitting_attachments(attachments: Blocks) -> list[dict[str, Any]]:
    """The attachments of a message as Slack takes them; those beyond the hundredth are left out."""
    return [
        each | {"blocks": fitting_blocks(each["blocks"])} if each.get("blocks") else each
        for each in attachments[:MOST_ATTACHMENTS]
    ]


def fitting_message(message: dict[str, Any]) -> dict[str, Any]:
    """The parts of a message that are given, as Slack takes them.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: there is nothing to say, or a block is none.
    """
    found = {name: value for name, value in message.items() if value not in (None, "", [], ())}
    if not found.keys() & {"text", "blocks", "attachments"}:
        raise invalid("a message has neither text nor blocks nor attachments")
    if "blocks" in found:
        found["blocks"] = fitting_blocks(found["blocks"])
        found.setdefault("text", _first_text(found["blocks"]))
    if "text" in found:
        found["text"] = shortened(found["text"], MOST_TEXT)
    if "attachments" in found:
        found["attachments"] = fitting_attachments(found["attachments"])
    return found


def invalid(detail: str, operation: str = "CheckMessage") -> ProviderError:
    """The error of a message that Slack would not take."""
    return ProviderError(detail, service="slack", operation=operation, kind=ErrorKind.INVALID)


def _first_text(blocks: Blocks) -> str:
    """What a notification shows of a message that has blocks alone."""
    texts = (each["text"] for each in blocks if each.get("text"))
    return next((each if isinstance(each, str) else str(each.get("text", "")) for each in texts), "A message.")


class _Budget:
    """What is left for the texts of a message's blocks."""

    def __init__(self, left: int) -> None:
        self.left = left

    def cut(self, text: str, most: int) -> str:
        found = shortened(text, max(1, min(most, self.left)))
        self.left -= len(found)
        return found


def _fitting(block: dict[str, Any], budget: _Budget) -> dict[str, Any]:
    kind, found = block["type"], dict(block)
    most = _MOST_OF_TYPE.get(kind, MOST_BLOCK_TEXT)
    if isinstance(found.get("text"), str):  # of a markdown block
        found["text"] = budget.cut(found["text"], most)
    elif isinstance(found.get("text"), dict):
        found["text"] = _cut_text(found["text"], most, budget)
    if isinstance(found.get("fields"), list):
        found["fields"] = [_cut_text(each, _MOST_FIELD, budget) for each in found["fields"][:_MOST_FIELDS]]
    if kind in _MOST_ELEMENTS and isinstance(found.get("elements"), list):
        found["elements"] = [_fitting_element(each, budget) for each in found["elements"][: _MOST_ELEMENTS[kind]]]
    return found


def _fitting_element(element: dict[str, Any], budget: _Budget) -> dict[str, Any]:
    if element.get("type") == "button" and isinstance(element.get("text"), dict):
        return element | {"text": _cut_text(element["text"], _MOST_BUTTON, budget)}
    return _cut_text(element, _MOST_FIELD, budget)


def _cut_text(value: dict[str, Any], most: int, budget: _Budget) -> dict[str, Any]:
    text = value.get("text")
    return value | {"text": budget.cut(text, most)} if isinstance(text, str) else value
