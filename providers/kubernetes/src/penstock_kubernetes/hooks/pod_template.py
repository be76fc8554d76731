"""Pods as templates: one laid over another, read from files, and looked at before anybody is asked for them.

Laying over follows the strategic merge patch of the API for the lists that pods have: those whose items have a name are merged by it,
any other list takes the other's place (`x-kubernetes-patch-merge-key` in its OpenAPI document). None takes a field away.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.errors import ErrorKind, ProviderError

_NAMED = frozenset(
    {"containers", "initContainers", "ephemeralContainers", "env", "volumes", "imagePullSecrets", "volumeDevices"}
)
_BY = {
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
_TOP = frozenset({"apiVersion", "kind", "metadata", "spec"})
_METADATA = frozenset({"name", "namespace", "labels", "annotations", "generateName", "finalizers", "ownerReferences"})
_LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_CONTAINER = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")

Object = dict[str, Any]


def laid_over(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """A template with the fields of another one laid over its own."""
    found = dict(base)
    for key, value in patch.items():
        known = found.get(key)
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            found[key] = laid_over(known if isinstance(known, Mapping) else {}, value)
        elif isinstance(value, list) and isinstance(known, list) and (name := _merge_key(key)):
            found[key] = _merged(known, value, name)
        else:
            found[key] = value
    return found


def read_template(file: str | Path) -> Object:
    """The pod that a file of YAML or JSON has.

    Raises:
        ProviderError: Of kind ``invalid``: it cannot be read, or is none.
    """
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - takes 20 ms

    try:
        found = yaml.safe_load(Path(file).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise _invalid(f"the template {file} cannot be read: {error}") from error
    check_pod(found, f"the template {file}", whole=False)
    return dict(found)


def check_pod(pod: object, what: str, *, whole: bool = True) -> None:
    """Refuse what can be no pod, before anybody is asked for it.

    Args:
        pod: The pod, or a part of one.
        what: What it is called.
        whole: Whether it must have all that a pod needs.

    Raises:
        ProviderError: Of kind ``invalid``, with every problem.
    """
    problems = [*_problems(pod, whole=whole)]
    if problems:
        raise _invalid(f"{what} is no pod: {'; '.join(problems)}")


def _problems(pod: object, *, whole: bool) -> Iterator[str]:
    if not isinstance(pod, Mapping):
        yield f"it is {type(pod).__name__}, and not a mapping with metadata and spec"
        return
    if unknown := sorted(str(each) for each in pod.keys() - _TOP):
        yield f"it has no {', '.join(unknown)}; it has {', '.join(sorted(_TOP))}"
    for key, wanted in (("kind", "Pod"), ("apiVersion", "v1")):
        if pod.get(key, wanted) != wanted:
            yield f"{key} is {pod[key]!r} and not {wanted!r}"
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    for name, part in (("metadata", metadata), ("spec", spec)):
        if not isinstance(part, Mapping):
            yield f"{name} is {type(part).__name__}, and not a mapping"
            return
    if unknown := sorted(str(each) for each in metadata.keys() - _METADATA):
        yield f"metadata has no {', '.join(unknown)}"
    yield from _text_problems(metadata)
    yield from _container_problems(spec, whole=whole)


def _text_problems(metadata: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("labels", "annotations"):
        part = metadata.get(kind) or {}
        if not isinstance(part, Mapping):
            yield f"metadata.{kind} is {type(part).__name__}, and not a mapping"
            continue
        for key, value in part.items():
            if value is None:
                continue
            if not isinstance(value, str):
                yield f"metadata.{kind}.{key} is {value!r:.80}, and not text"
            elif not _LABEL_KEY.fullmatch(str(key)):
                yield f"metadata.{kind}: {key!r:.80} is no key: letters, digits, '-', '_' and '.', 63 at most"
            elif kind == "labels" and not _LABEL_VALUE.fullmatch(value):
                rule = "letters, digits, '-', '_' and '.', 63 at most; put other text into an annotation"
                yield f"metadata.labels.{key} is {value!r:.80}: {rule}"


def _container_problems(spec: Mapping[str, Any], *, whole: bool) -> Iterator[str]:
    if whole and not spec.get("containers"):
        yield "spec.containers is empty"
    for kind in ("containers", "initContainers"):
        found = spec.get(kind) or []
        if not isinstance(found, list):
            yield f"spec.{kind} is {type(found).__name__}, and not a list"
            continue
        for number, each in enumerate(found):
            if not isinstance(each, Mapping) or not _CONTAINER.fullmatch(str(each.get("name", ""))):
                yield f"spec.{kind}[{number}] has no name of lower-case letters, digits and hyphens"
            elif str(image := each.get("image") or "").strip() != image:
                yield f"spec.{kind}[{number}] ({each['name']}) has the image {image!r:.80}, and white space is no part of one"
            elif whole and not image:
                yield f"spec.{kind}[{number}] ({each['name']}) has no image"


def _merge_key(key: str) -> str:
    return "name" if key in _NAMED else _BY.get(key, "")


def _merged(base: list[Any], patch: list[Any], name: str) -> list[Any]:
    found = list(base)
    for each in patch:
        indexes = [
            number
            for number, known in enumerate(found)
            if isinstance(known, Mapping)
            and isinstance(each, Mapping)
            and name in each
            and known.get(name) == each[name]
        ]
        if indexes:
            found[indexes[0]] = laid_over(found[indexes[0]], each)
        else:
            found.append(each)
    return found


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="kubernetes", operation="read a template", kind=ErrorKind.INVALID)
