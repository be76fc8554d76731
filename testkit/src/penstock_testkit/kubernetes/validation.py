"""What the API server refuses with 422: names, labels, and values that cannot be, of pods, jobs and secrets.

Rules are those of `k8s.io/apimachinery/pkg/util/validation` and `pkg/apis/{core,batch}/validation` of Kubernetes.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from penstock_testkit.kubernetes.api_refusals import invalid

Problem = tuple[str, str]

_LABEL_DNS = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_ENV = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_QUANTITY = re.compile(r"[+]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?\d+)?")
_SECRET_BYTES = 1024 * 1024
_ANNOTATION_BYTES = 256 * 1024
_UNITS = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_INTEGER = re.compile(r"0|-\d+|[1-9]\d*")


def check(kind: str, made: dict[str, Any]) -> None:
    """Refuse an object with values that cannot be.

    Raises:
        ApiRefusedError: 422, with every problem.
    """
    problems = [*_metadata(made["metadata"], "metadata", pods=kind == "Pod")]
    problems += {"Pod": _pod, "Job": _job, "Secret": _secret}.get(kind, lambda _: ())(made)
    if problems:
        raise invalid(kind, made["metadata"].get("name", ""), problems)


def number_of(quantity: str) -> float:
    """The number that a quantity is, such as 0.5 of ``500m``."""
    match = re.fullmatch(r"([\d.]+)([a-zA-Z]*)", quantity)
    return float(match[1]) * _UNITS[match[2]] if match else float(quantity)


def _metadata(found: dict[str, Any], path: str, *, pods: bool) -> Iterator[Problem]:
    name = found.get("name", "")
    if not name and not found.get("generateName"):
        yield f"{path}.name", "Required value: name or generateName is required"
    elif name and (len(name) > 253 or not _SUBDOMAIN.fullmatch(name)):
        yield (
            f"{path}.name",
            f"Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
        )
    yield from _labels(found.get("labels") or {}, f"{path}.labels")
    annotations = found.get("annotations") or {}
    for key in annotations:
        if not _is_key(key.lower()):
            yield f"{path}.annotations", f'Invalid value: "{key}": name part must consist of alphanumeric characters'
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATION_BYTES:
        yield f"{path}.annotations", "Too long: may not be more than 262144 bytes"
    cost = annotations.get(DELETION_COST)
    if pods and cost is not None and deletion_cost(annotations) is None:
        yield f"{path}.annotations[{DELETION_COST}]", f'Invalid value: "{cost}": must be a 32bit integer'
    for number, owner in enumerate(found.get("ownerReferences") or ()):
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                yield f"{path}.ownerReferences[{number}].{part}", "Required value"


def deletion_cost(annotations: dict[str, str]) -> int | None:
    """What it costs to delete a pod; 0 unless its annotations say so, None where they say it wrongly."""
    value = annotations.get(DELETION_COST, "0")
    if not _INTEGER.fullmatch(value) or not -(2**31) <= int(value) < 2**31:
        return None
    return int(value)


def _labels(labels: dict[str, str], path: str) -> Iterator[Problem]:
    for key, value in labels.items():
        if not _is_key(key):
            yield (
                path,
                f'Invalid value: "{key}": name part must be no more than 63 characters and consist of alphanumeric characters',
            )
        if len(value) > 63:
            yield path, f'Invalid value: "{value}": must be no more than 63 characters'
        elif not _LABEL_VALUE.fullmatch(value):
            yield (
                path,
                f'Invalid value: "{value}": a valid label must be an empty string or consist of alphanumeric characters',
            )


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_KEY_NAME.fullmatch(name)) and (not slash or bool(_SUBDOMAIN.fullmatch(prefix)))


def _pod(made: dict[str, Any]) -> Iterator[Problem]:
    yield from pod_spec(made.get("spec") or {}, "spec", ("Always", "OnFailure", "Never"))


def pod_spec(spec: dict[str, Any], path: str, policies: tuple[str, ...]) -> Iterator[Problem]:
    """What is wrong with the spec of a pod, or of a template of pods."""
    volumes = [each.get("name", "") for each in spec.get("volumes") or ()]
    yield from _unique(volumes, f"{path}.volumes")
    if not spec.get("containers"):
        yield f"{path}.containers", "Required value"
    every = [
        (f"{path}.{kind}[{number}]", each)
        for kind in ("initContainers", "containers")
        for number, each in enumerate(spec.get(kind) or ())
    ]
    yield from _unique([each.get("name", "") for _, each in every], f"{path}.containers")
    for where, container in every:
        yield from _container(container, where, volumes)
        plain = ".initContainers[" in where and container.get("restartPolicy") != "Always"
        yield from _probe_of_start(container.get("startupProbe"), f"{where}.startupProbe", plain=plain)
    if (policy := spec.get("restartPolicy", policies[0])) not in policies:
        shown = ", ".join(f'"{each}"' for each in policies)
        yield f"{path}.restartPolicy", f'Unsupported value: "{policy}": supported values: {shown}'
    if spec.get("activeDeadlineSeconds", 1) < 1:
        yield f"{path}.activeDeadlineSeconds", "Invalid value: must be between 1 and 2147483647, inclusive"
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        yield f"{path}.terminationGracePeriodSeconds", "Invalid value: must be greater than or equal to 0"


def _unique(names: list[str], path: str) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if name and name in names[:number]:
            yield f"{path}[{number}].name", f'Duplicate value: "{name}"'


def _container(found: dict[str, Any], path: str, volumes: list[str]) -> Iterator[Problem]:
    name = found.get("name", "")
    if not name:
        yield f"{path}.name", "Required value"
    elif not _LABEL_DNS.fullmatch(name):
        yield (
            f"{path}.name",
            f"Invalid value: \"{name}\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
        )
    if not found.get("image", "").strip():
        yield f"{path}.image", "Required value"
    if (policy := found.get("imagePullPolicy", "Always")) not in ("Always", "IfNotPresent", "Never"):
        yield f"{path}.imagePullPolicy", f'Unsupported value: "{policy}"'
    yield from _environment(found, path)
    for number, each in enumerate(found.get("volumeMounts") or ()):
        if each.get("name") not in volumes:
            yield f"{path}.volumeMounts[{number}].name", f'Not found: "{each.get("name", "")}"'
        if not each.get("mountPath"):
            yield f"{path}.volumeMounts[{number}].mountPath", "Required value"
    yield from _resources(found.get("resources") or {}, f"{path}.resources")


def _probe_of_start(found: dict[str, Any] | None, path: str, *, plain: bool) -> Iterator[Problem]:
    if found is None:
        return
    if plain:
        yield path, "Forbidden: may not be set for init containers without restartPolicy=Always"
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if found.get(name) is not None]
    if not handlers:
        yield path, "Required value: must specify a handler type"
    for name in handlers[1:]:
        yield f"{path}.{name}", "Forbidden: may not specify more than 1 handler type"
    if found.get("exec") is not None and not found["exec"].get("command"):
        yield f"{path}.exec.command", "Required value"
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        if found.get(name, 1) < 0:
            yield f"{path}.{name}", f"Invalid value: {found[name]}: must be greater than or equal to 0"
    if found.get("successThreshold", 1) != 1:
        yield f"{path}.successThreshold", f"Invalid value: {found['successThreshold']}: must be 1"


def _environment(found: dict[str, Any], path: str) -> Iterator[Problem]:
    for number, each in enumerate(found.get("env") or ()):
        if not _ENV.fullmatch(each.get("name", "")):
            yield (
                f"{path}.env[{number}].name",
                f'Invalid value: "{each.get("name", "")}": a valid environment variable name must consist of alphabetic characters',
            )
        if each.get("value") and each.get("valueFrom"):
            yield f"{path}.env[{number}].valueFrom", "Invalid value: may not be specified when `value` is not empty"


def _resources(found: dict[str, Any], path: str) -> Iterator[Problem]:
    wrong = False
    for part in ("limits", "requests"):
        for name, value in (found.get(part) or {}).items():
            if not _QUANTITY.fullmatch(str(value)):
                wrong = True
                yield (
                    f"{path}.{part}[{name}]",
                    f'Invalid value: "{value}": quantities must match the regular expression',
                )
    if wrong:
        return
    limits = found.get("limits") or {}
    for name, value in (found.get("requests") or {}).items():
        if name in limits and number_of(str(value)) > number_of(str(limits[name])):
            yield (
                f"{path}.requests",
                f'Invalid value: "{value}": must be less than or equal to {name} limit of {limits[name]}',
            )


def _job(made: dict[str, Any]) -> Iterator[Problem]:
    spec = made.get("spec") or {}
    for name in ("backoffLimit", "ttlSecondsAfterFinished", "completions", "parallelism"):
        if spec.get(name, 0) < 0:
            yield f"spec.{name}", "Invalid value: must be greater than or equal to 0"
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    yield from _labels(labels, "spec.template.metadata.labels")
    inner = template.get("spec") or {}
    if "restartPolicy" not in inner:
        yield "spec.template.spec.restartPolicy", 'Required value: valid values: "OnFailure", "Never"'
        inner = inner | {"restartPolicy": "Never"}
    yield from pod_spec(inner, "spec.template.spec", ("OnFailure", "Never"))


def _secret(made: dict[str, Any]) -> Iterator[Problem]:
    size = 0
    for key, value in (made.get("data") or {}).items():
        if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
            yield (
                f"data[{key}]",
                f"Invalid value: \"{key}\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            )
        try:
            size += len(base64.b64decode(value, validate=True))
        except binascii.Error:
            yield f"data[{key}]", "Invalid value: illegal base64 data"
    if size > _SECRET_BYTES:
        yield "data", "Too long: may not be more than 1048576 bytes"
