"""The routes of the API: the same verbs for each resource, and those of pods alone."""

import base64
import json
from typing import TYPE_CHECKING, Any

from penstock_testkit.kubernetes.api_refusals import ApiRefusedError, invalid
from penstock_testkit.kubernetes.cluster_store import RESOURCES, Object
from penstock_testkit.kubernetes.running.log_reading import QUERY, container_of, read
from penstock_testkit.kubernetes.schemas import decoded
from penstock_testkit.kubernetes.validation import check
from penstock_testkit.kubernetes.watching import Watch, listed
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

if TYPE_CHECKING:
    from penstock_testkit.kubernetes.cluster import KubeCluster

table = RouteTable(query=("pretty", "timeout"))

_LIST = (
    "labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch", "timeoutSeconds", "allowWatchBookmarks",
)  # fmt: skip
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_DELETE = ("gracePeriodSeconds", "propagationPolicy", "dryRun")
_MUTABLE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_COLLECTIONS = [
    (f"/{'apis' if '/' in each.group_version else 'api'}/{each.group_version}", each.name, each.namespaced)
    for each in RESOURCES.values()
]


@table.route("GET /version")
@table.route("GET /version/")
def version(cluster: "KubeCluster", request: HttpRequest) -> HttpAnswer:
    """Which release answers."""
    del cluster, request
    return HttpAnswer.json({"major": "1", "minor": "37", "gitVersion": "v1.37.0-fake", "platform": "linux/amd64"})


@table.route("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", query=_WRITE)
def who(cluster: "KubeCluster", request: HttpRequest) -> HttpAnswer:
    """Who asks."""
    del request
    info = {"username": cluster.user, "uid": "1", "groups": ["system:serviceaccounts", "system:authenticated"]}
    found = {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"userInfo": info},
    }
    return HttpAnswer.json(found, 201)


def _list(cluster: "KubeCluster", request: HttpRequest, resource: str, namespace: str = "") -> HttpAnswer:
    """A list, or a watch."""
    watches = request.query.get("watch") in ("true", "True", "1")
    cluster.may("watch" if watches else "list", resource, "", namespace)
    if not watches:
        return HttpAnswer.json(listed(cluster.store, resource, namespace, request.query))
    stream = Watch(cluster.store, resource, namespace, request.query, cluster.watches).start()
    return HttpAnswer(200, {"Content-Type": "application/json"}, stream)


def _create(cluster: "KubeCluster", request: HttpRequest, resource: str, namespace: str = "") -> HttpAnswer:
    """Create an object."""
    cluster.may("create", resource, "", namespace)
    made, warnings = _body(request, resource)
    given = (made.get("metadata") or {}).get("namespace", namespace)
    if given != namespace:
        raise ApiRefusedError(
            400, f'the namespace of the provided object does not match the namespace sent on the request: "{given}"'
        )
    found = cluster.create(resource, made, namespace, dry=bool(request.query.get("dryRun")))
    return HttpAnswer.json(found, 201, _warned(warnings))


def _get(cluster: "KubeCluster", request: HttpRequest, resource: str, name: str, namespace: str = "") -> HttpAnswer:
    """One object."""
    del request
    cluster.may("get", resource, name, namespace)
    return HttpAnswer.json(cluster.store.get(resource, name, namespace))


def _patch(cluster: "KubeCluster", request: HttpRequest, resource: str, name: str, namespace: str = "") -> HttpAnswer:
    """Change an object by a merge patch."""
    cluster.may("patch", resource, name, namespace)
    kind = request.header("Content-Type").partition(";")[0]
    if kind not in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
        raise NotFakedError(f"the fake takes no patches of the type {kind}")
    patch = json.loads(request.body)
    before = cluster.store.get(resource, name, namespace)
    asked = (patch.get("metadata") or {}).get("resourceVersion")
    if asked and asked != before["metadata"]["resourceVersion"]:
        raise ApiRefusedError(
            409, f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified'
        )
    merged = _merged(before, patch)
    made, warnings = decoded(RESOURCES[resource].model, merged, strict=request.query.get("fieldValidation") == "Strict")
    check(RESOURCES[resource].kind, made)
    if resource == "pods" and _without(made["spec"]) != _without(before["spec"]):
        raise invalid(
            "Pod",
            name,
            [("spec", "Forbidden: pod updates may not change fields other than `spec.containers[*].image`")],
        )

    def change(found: Object) -> None:
        status = found.get("status")
        found.clear()
        found.update(made if status is None else {**made, "status": status})

    found = cluster.store.update(resource, name, namespace, change)
    cluster.node.freed(found or {})
    return HttpAnswer.json(found, 200, _warned(warnings))


def _delete(cluster: "KubeCluster", request: HttpRequest, resource: str, name: str, namespace: str = "") -> HttpAnswer:
    """Delete an object; a pod goes once it has ended."""
    cluster.may("delete", resource, name, namespace)
    options = _options(request)
    found = cluster.store.get(resource, name, namespace)
    for part, asked in (options.get("preconditions") or {}).items():
        if asked != found["metadata"][part]:
            raise ApiRefusedError(
                409,
                f'Operation cannot be fulfilled on {resource} "{name}": Precondition failed: {part} in precondition: {asked}, '
                f"{part} in object meta: {found['metadata'][part]}",
            )
    if options.get("dryRun") or request.query.get("dryRun"):
        return HttpAnswer.json(found)
    if options.get("propagationPolicy") == "Orphan":
        _orphan(cluster, found["metadata"]["uid"])
    marked = cluster.delete(resource, name, namespace, options.get("gracePeriodSeconds"))
    if resource == "pods":
        return HttpAnswer.json(marked or found)
    details = {"name": name, "kind": resource, "uid": found["metadata"]["uid"]}
    return HttpAnswer.json(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def _delete_all(cluster: "KubeCluster", request: HttpRequest, resource: str, namespace: str = "") -> HttpAnswer:
    """Delete what a selector means."""
    cluster.may("deletecollection", resource, "", namespace)
    options = _options(request)
    found = listed(cluster.store, resource, namespace, request.query)
    for each in found["items"]:
        cluster.delete(
            resource, each["metadata"]["name"], each["metadata"]["namespace"], options.get("gracePeriodSeconds")
        )
    return HttpAnswer.json(found)


@table.route("GET /api/v1/namespaces/{namespace}/pods/{name}/log", query=QUERY)
def log(cluster: "KubeCluster", request: HttpRequest, namespace: str, name: str) -> HttpAnswer:
    """A container's log."""
    cluster.may("get", "pods/log", name, namespace)
    pod = cluster.store.get("pods", name, namespace)
    found = container_of(cluster.node, pod, request.query.get("container", ""))
    return HttpAnswer(200, {"Content-Type": "text/plain"}, read(cluster.node, found, request.query))


def take_string_data(made: Object) -> None:
    """Move a secret's ``stringData`` into its ``data``."""
    plain = made.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    made["data"] = {**(made.get("data") or {}), **encoded}


def _body(request: HttpRequest, resource: str) -> tuple[Object, list[str]]:
    known = RESOURCES[resource]
    try:
        sent = json.loads(request.body)
    except ValueError as error:
        raise ApiRefusedError(400, f"the object provided is unrecognized: {error}") from error
    for part, wanted in (("kind", known.kind), ("apiVersion", known.group_version)):
        if isinstance(sent, dict) and sent.get(part, wanted) != wanted:
            raise ApiRefusedError(
                400, f"the {part} in the data ({sent[part]}) does not match the expected one ({wanted})"
            )
    return decoded(known.model, sent, strict=request.query.get("fieldValidation") == "Strict")


def _options(request: HttpRequest) -> dict[str, Any]:
    found = json.loads(request.body) if request.body else {}
    options, _ = decoded("V1DeleteOptions", found, strict=True)
    for name in ("gracePeriodSeconds", "propagationPolicy"):
        if name in request.query:
            value = request.query[name]
            options[name] = int(value) if name == "gracePeriodSeconds" else value
    if options.get("propagationPolicy") == "Foreground":
        raise NotFakedError("the fake deletes nothing in the foreground")
    return options


def _orphan(cluster: "KubeCluster", uid: str) -> None:
    for resource, each in cluster.store.owned(uid):

        def free(found: Object) -> None:
            metadata = found["metadata"]
            metadata["ownerReferences"] = [owner for owner in metadata["ownerReferences"] if owner["uid"] != uid]

        cluster.store.update(resource, each["metadata"]["name"], each["metadata"]["namespace"], free)


def _merged(before: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON, as RFC 7396 has it
    if not isinstance(patch, dict):
        return patch
    found = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), value)
    return found


def _without(spec: Object) -> Object:
    kept = {key: value for key, value in spec.items() if key not in _MUTABLE}
    return {**kept, "containers": [{**each, "image": ""} for each in spec["containers"]]}


def _warned(warnings: list[str]) -> dict[str, str]:
    return {"Warning": ", ".join(f"299 - {json.dumps(each)}" for each in warnings)} if warnings else {}


def _route_all() -> None:
    """The same verbs for each resource."""
    for base, resource, namespaced in _COLLECTIONS:
        place = f"{base}/namespaces/{{namespace}}/{resource}" if namespaced else f"{base}/{resource}"
        if namespaced:
            _add(f"GET {base}/{resource}", _list, resource, _LIST)
        _add(f"GET {place}", _list, resource, _LIST)
        _add(f"POST {place}", _create, resource, _WRITE)
        _add(f"DELETE {place}", _delete_all, resource, (*_LIST, *_DELETE))
        _add(f"GET {place}/{{name}}", _get, resource, ())
        _add(f"PATCH {place}/{{name}}", _patch, resource, _WRITE)
        _add(f"DELETE {place}/{{name}}", _delete, resource, _DELETE)


def _add(pattern: str, handler: Any, resource: str, query: tuple[str, ...]) -> None:  # noqa: ANN401 - one of the verbs
    def handle(cluster: "KubeCluster", request: HttpRequest, **values: str) -> HttpAnswer:
        found: HttpAnswer = handler(cluster, request, resource, **values)
        return found

    table.route(pattern, query=query)(handle)


_route_all()
