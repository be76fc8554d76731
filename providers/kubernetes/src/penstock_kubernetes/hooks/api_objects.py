"""What the API server answers, as objects: JSON in which null and nothing are the same, as in the API, and whose frame is checked.

Whatever stands between us and the server may answer, too: an answer of another form says nothing of what was asked, and is asked for again.
"""

import json
from typing import Any

from penstock_kubernetes.errors import odd_answer, shown

Object = dict[str, Any]

_PARTS = ("spec", "status")


def object_of(content: bytes, *, operation: str, what: str = "") -> Object:
    """The JSON object that an answer is.

    Args:
        content: Its body.
        operation: What was attempted.
        what: What it was about.

    Raises:
        penstock.errors.ProviderError: It is none.
    """
    try:
        found = json.loads(content, object_pairs_hook=_without_nulls)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise odd_answer(f"an answer that is no object of JSON: {shown(content)}", operation=operation, what=what)
    return found


def api_object(found: object, *, operation: str, what: str = "") -> Object:
    """One object of the API, with the fields that each has.

    Args:
        found: What was answered.
        operation: What was attempted.
        what: What it was about.

    Raises:
        penstock.errors.ProviderError: It is none.
    """
    if isinstance(found, dict) and isinstance(metadata := found.get("metadata"), dict):
        texts = all(isinstance(metadata.get(name), str) and metadata[name] for name in ("name", "uid"))
        parts = all(isinstance(found.get(name, {}), dict) for name in _PARTS)
        words = all(isinstance(metadata.get(name, {}), dict) for name in ("labels", "annotations"))
        if texts and parts and words and isinstance(metadata.get("resourceVersion", ""), str):
            return found
    raise odd_answer(
        f"an answer that is no object of the API: {shown(json.dumps(found).encode())}", operation=operation, what=what
    )


def page_of(found: Object, *, operation: str, what: str = "") -> tuple[list[Object], Object]:
    """The objects of a list, and the list's own facts.

    Args:
        found: What was answered.
        operation: What was attempted.
        what: What it was about.

    Raises:
        penstock.errors.ProviderError: It is no list.
    """
    items, metadata = found.get("items", []), found.get("metadata")
    if (
        not isinstance(items, list)
        or not isinstance(metadata, dict)
        or not isinstance(metadata.get("resourceVersion"), str)
    ):
        raise odd_answer(
            f"an answer that is no list of the API: {shown(json.dumps(found).encode())}", operation=operation, what=what
        )
    return [api_object(each, operation=operation, what=what) for each in items], metadata


def _without_nulls(pairs: list[tuple[str, Any]]) -> Object:
    return {name: value for name, value in pairs if value is not None}
