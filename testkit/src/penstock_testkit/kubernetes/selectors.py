"""Label and field selectors, in the grammar of the API ("Labels and Selectors", "Field Selectors", kubernetes.io)."""

import re
from collections.abc import Callable
from typing import Any

from penstock_testkit.kubernetes.api_refusals import ApiRefusedError

Test = Callable[[dict[str, Any]], bool]

_SETS = re.compile(r"([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)")
_SPLIT = re.compile(r",(?![^(]*\))")
_FIELDS = {
    "pods": ("metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "spec.restartPolicy"),
    "events": (
        "metadata.name", "metadata.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.kind",
        "involvedObject.namespace", "reason", "type",
    ),
    "jobs": ("metadata.name", "metadata.namespace", "status.successful"),
}  # fmt: skip


def selected(resource: str, labels: str, fields: str) -> Test:
    """Whether an object is meant by both selectors.

    Raises:
        ApiRefusedError: One of them is none.
    """
    tests = [*map(_label_test, filter(None, map(str.strip, _SPLIT.split(labels))))]
    tests += [_field_test(resource, each) for each in filter(None, fields.split(","))]
    return lambda found: all(test(found) for test in tests)


def _labels(found: dict[str, Any]) -> dict[str, str]:
    return found["metadata"].get("labels") or {}


def _label_test(text: str) -> Test:
    if match := _SETS.fullmatch(text):
        key, verb, values = match[1], match[2], {each.strip() for each in match[3].split(",")}
        return lambda found: (_labels(found).get(key) in values) == (verb == "in")
    if "!=" in text:
        key, _, value = text.partition("!=")
        return lambda found: _labels(found).get(key.strip()) != value.strip()
    if "=" in text:
        key, _, value = text.replace("==", "=").partition("=")
        return lambda found: _labels(found).get(key.strip()) == value.strip()
    if re.fullmatch(r"!?[\w./-]+", text):
        return lambda found: (text.lstrip("!") in _labels(found)) != text.startswith("!")
    raise ApiRefusedError(
        400, f"unable to parse requirement: found \"{text}\", expected: !, identifier, or 'end of string'"
    )


def _field_test(resource: str, text: str) -> Test:
    different = "!=" in text
    path, _, value = text.replace("!=", "=").replace("==", "=").partition("=")
    if path not in _FIELDS.get(resource, ("metadata.name", "metadata.namespace")):
        raise ApiRefusedError(400, f"field label not supported: {path}")

    def test(found: dict[str, Any]) -> bool:
        value_found: Any = found
        for part in path.split("."):
            value_found = (value_found or {}).get(part)
        return (str(value_found or "") == value) != different

    return test
