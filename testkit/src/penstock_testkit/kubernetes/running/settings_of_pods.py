"""What a pod's spec gives its containers: environment, files of its volumes, and whether all that it names is there."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock_testkit.kubernetes.api_refusals import ApiRefusedError
from penstock_testkit.kubernetes.cluster_store import Object, ObjectStore

_KINDS = {
    "secretRef": "secrets",
    "configMapRef": "configmaps",
    "secretKeyRef": "secrets",
    "configMapKeyRef": "configmaps",
}


class MissingReferenceError(Exception):
    """A pod names something that is not there; its container cannot be made."""


def environment_of(store: ObjectStore, pod: Object, container: Object, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container.

    Raises:
        MissingReferenceError: It names a secret, a config map or a key that is not there.
    """
    found = dict(base)
    for each in container.get("envFrom") or ():
        for reference in _KINDS.keys() & each.keys():
            values = _values(store, pod, _KINDS[reference], each[reference])
            found |= {each.get("prefix", "") + key: value for key, value in (values or {}).items()}
    for each in container.get("env") or ():
        if (source := each.get("valueFrom")) is None:
            found[each["name"]] = _expanded(each.get("value", ""), found)
        elif (value := _value_from(store, pod, source)) is not None:
            found[each["name"]] = value
    return found


def _expanded(text: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"$({name})", value)
    return text


def _value_from(store: ObjectStore, pod: Object, source: dict[str, Any]) -> str | None:
    if field := source.get("fieldRef"):
        found: Any = pod
        path, bracket, key = field["fieldPath"].partition("[")
        for part in path.split("."):
            found = (found or {}).get(part)
        return str((found or {}).get(key.strip("']")) if bracket else found or "")
    for kind in ("secretKeyRef", "configMapKeyRef"):
        if reference := source.get(kind):
            values = _values(store, pod, _KINDS[kind], reference)
            if values is None:
                return None
            if reference["key"] not in values and not reference.get("optional"):
                place = f"{_KINDS[kind][:-1].title()} {pod['metadata']['namespace']}/{reference['name']}"
                raise MissingReferenceError(f"couldn't find key {reference['key']} in {place}")
            return values.get(reference["key"])
    raise MissingReferenceError(f"the fake has no such source of a variable: {sorted(source)}")


def _values(store: ObjectStore, pod: Object, resource: str, reference: dict[str, Any]) -> dict[str, str] | None:
    try:
        found = store.get(resource, reference["name"], pod["metadata"]["namespace"])
    except ApiRefusedError as error:
        if reference.get("optional"):
            return None
        raise MissingReferenceError(error.message.replace(f'{resource} "', f'{resource[:-1]} "')) from None
    data = found.get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()} if resource == "secrets" else data


def volumes_of(store: ObjectStore, pod: Object, folder: Path) -> dict[str, Path]:
    """The folder of each volume of a pod, made and filled.

    Raises:
        MissingReferenceError: One of them needs what is not there, or is of a kind that the fake does not have.
    """
    found = {}
    for volume in pod["spec"].get("volumes") or ():
        place = folder / "volumes" / volume["name"]
        place.mkdir(parents=True, exist_ok=True)
        for name, content in _files(store, pod, volume):
            (place / name).write_text(content)
        found[volume["name"]] = place
    return found


def _files(store: ObjectStore, pod: Object, volume: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "emptyDir" in volume:
        return
    if "secret" in volume:
        reference = {"name": volume["secret"]["secretName"], "optional": volume["secret"].get("optional")}
        yield from (_values(store, pod, "secrets", reference) or {}).items()
    elif "configMap" in volume:
        yield from (_values(store, pod, "configmaps", volume["configMap"]) or {}).items()
    else:
        raise MissingReferenceError(f"the fake has no volumes of this kind: {sorted(volume)}")


def paths_of(pod: Object, container: Object, volumes: Mapping[str, Path], message: Path) -> dict[str, Path]:
    """The real path for each that a container's spec names."""
    mounted = {
        each["mountPath"]: volumes[each["name"]] / each.get("subPath", "")
        for each in container.get("volumeMounts") or ()
    }
    del pod
    return {**mounted, container.get("terminationMessagePath", "/dev/termination-log"): message}
