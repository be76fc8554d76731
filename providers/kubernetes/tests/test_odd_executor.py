"""An API server that forbids, fails, or answers nonsense, and pods in states that cannot be: tries wait with a reason, and go on."""

import contextlib
import json
import threading
import time

import pytest

from penstock.errors import ProviderError
from penstock.spec.remote import Ticket
from penstock_kubernetes.executors.worker_pod import label_of
from penstock_kubernetes.hooks.watched import WatchedPods
from penstock_testkit.kubernetes.api_refusals import ApiRefusedError, forbidden
from penstock_testkit.nightly import nightly_but
from penstock_testkit.processes import wait_until
from penstock_testkit.saas import HttpAnswer
from penstock_testkit.saas.http_faults import Order

PODS = "/api/v1/namespaces/default/pods"
CREATE, DELETE, SECRET = f"POST {PODS}", f"DELETE {PODS}/{{name}}", "POST /api/v1/namespaces/default/secrets"
NONSENSE = {
    "html": (200, b"<html>login</html>"), "half": (200, b'{"kind": "Pod", "metadata": {"na'), "null": (200, b"null"),
    "list": (200, b"[]"), "empty": (200, b"{}"), "status": (200, b'{"kind": "Status", "status": "Success"}'),
    "kinds": (200, b'{"metadata": 5, "items": {"a": null}, "spec": []}'),
    "items": (200, b'{"metadata": {}, "items": [null, {"metadata": {}}]}'),
    "redirect": (302, b"moved"), "proxy": (404, b"<html>404 Not Found</html>"), "gone": (410, b""), "gateway": (502, b"<html>"),
    "no status": (409, b'{"message": ["odd"]}'),
    "odd status": (500, b'{"kind": "Status", "message": {"a": 1}, "reason": ["x"], "code": "y"}'),
}  # fmt: skip


def ticket(number=1, **more):
    return Ticket(f"t-load-{number}", f"secret-{number}", "default", 7, 1, "a", "r", "load", **more)


def until(ready, otherwise=lambda: "it is not so"):
    wait_until(ready, otherwise=lambda: str(otherwise()))


def phase(cluster, name="t-load-1"):
    return cluster.pods().get(name, {"status": {"phase": "gone"}})["status"]["phase"]


def looked(executor, *tickets):
    """What the executor has to say at a look; "" if nothing."""
    try:
        executor.look(tickets)
    except ProviderError as error:
        return str(error)
    return ""


def lists(request):
    return request.method == "GET" and request.path == PODS and "watch" not in request.query


def watches(request):
    return request.method == "GET" and request.path == PODS and "watch" in request.query


def answers(cluster, when, status, body, times=2, **headers):
    kind = {"Content-Type": "application/json", **headers}
    cluster.faults.append(Order(lambda _: HttpAnswer(status, kind, body), times, when))


@pytest.fixture
def quick(make, cluster):
    """A function that makes executors whose client asks once and waits for a second."""

    def made(read_s=5.0, **options):
        access = {"server": cluster.url, "token": cluster.token, "max_attempts": 1, "read_timeout_s": read_s}
        return make(**{"cluster": access, **options})

    return made


@pytest.mark.parametrize(
    ("verb", "resource"), [("create", "pods"), ("get", "pods"), ("list", "pods"), ("delete", "pods"), ("create", "secrets")]
)  # fmt: skip
def test_what_its_account_may_not_is_told_at_the_start(quick, cluster, verb, resource):
    executor = quick(started=False)
    cluster.denied.add((verb, resource))

    with pytest.raises(ProviderError, match=f'cannot {verb} resource "{resource}".*Give the account a Role'):
        executor.start()
    assert not any(each.name.startswith(("pods of", "creates pods")) for each in threading.enumerate())

    cluster.denied.clear()
    executor.start()
    executor.ring([ticket()])
    until(lambda: phase(cluster) == "Running", cluster.pods)


@pytest.mark.parametrize(
    "right",
    nightly_but(
        ["create pods", "list pods", "watch pods"],
        ["create pods", "create secrets", "list pods", "watch pods", "list events"],
    ),
)
def test_a_verb_that_is_forbidden_amid_work_is_waited_for(quick, cluster, told, right):
    verb, resource = right.split()
    executor = quick(watch_s=1)
    cluster.node.paused = verb == "list"  # a pod that was seen to run says so still
    cluster.denied.add((verb, resource))
    cluster.watches.cut_after_s = 0.05
    executor.ring([ticket()])
    words = f'cannot {verb} resource "{resource}"'
    if verb == "create":
        until(lambda: words in str(told.notes), lambda: told.notes)
        assert "Give the account a Role" in str(told.notes)
    elif resource == "pods":
        until(lambda: words in looked(executor, ticket()), lambda: told.notes)
        assert (words in str(told.notes["t-load-1"])) == (verb == "list")
    asked = len(cluster.asked(f"GET {PODS}"))
    time.sleep(0.5)
    assert len(cluster.asked(f"GET {PODS}")) - asked < 8

    cluster.denied.clear()
    cluster.watches.cut_after_s, cluster.node.paused = 0, False
    until(lambda: phase(cluster) == "Running", cluster.pods)
    until(lambda: looked(executor, ticket()) == "" and told.notes["t-load-1"][-1] == "", lambda: told.notes)
    assert not told.ends


def test_pods_that_could_not_be_deleted_are_deleted_later(quick, cluster):
    executor = quick()
    tickets = [ticket(number) for number in range(3)]
    executor.ring(tickets)
    until(lambda: all(phase(cluster, each.name) == "Running" for each in tickets), cluster.pods)
    cluster.denied.add(("delete", "pods"))

    with pytest.raises(ProviderError, match='cannot delete resource "pods"'):
        executor.silence(tickets, "cancelled")

    cluster.denied.clear()
    until(lambda: looked(executor) == "" and not cluster.pods(), cluster.pods)


def test_one_pod_that_cannot_be_deleted_holds_up_no_other(quick, cluster, told):
    refusing = lambda request: request.method == "DELETE" and request.path.endswith("t-load-1")  # noqa: E731
    answers(cluster, refusing, 403, ApiRefusedError(403, "kept").answer.content, times=None)
    executor = quick(start_timeout_s=0.2, pod_template={"spec": {"nodeSelector": {"a": "b"}}})
    executor.ring([ticket(1), ticket(2)])
    until(lambda: len(cluster.pods()) == 2, cluster.pods)

    until(lambda: "kept" in looked(executor) and list(cluster.pods()) == ["t-load-1"], cluster.pods)


@pytest.mark.parametrize("kind", nightly_but(["html", "empty", "items"], list(NONSENSE)))
def test_nonsense_ends_no_try_and_no_thread(quick, cluster, told, kind):
    executor = quick()
    places = ((CREATE, 1), (SECRET, 1), (lists, 2), (watches, 1), (DELETE, 1))
    for when, times in places:
        answers(cluster, when, *NONSENSE[kind], times=times, Location="https://login.example/?token=x")
    executor.ring([ticket()])
    cluster.watches.cut_after_s = 0.05

    until(lambda: phase(cluster) == "Running", lambda: told.notes)
    cluster.watches.cut_after_s = 0
    until(
        lambda: told.notes.get("t-load-1", ["?"])[-1] == "",
        lambda: (told.notes, looked(executor, ticket())),
    )
    assert not told.ends
    with contextlib.suppress(ProviderError):
        executor.release([ticket()])
    until(lambda: looked(executor) == "" and not cluster.pods(), cluster.pods)


def test_a_pod_that_was_made_and_answered_by_nonsense_is_made_once(quick, cluster, told):
    executor = quick()
    cluster.faults.append(Order(lambda _: lambda answer: HttpAnswer(200, answer.headers, b"<html>"), 2, CREATE))
    executor.ring([ticket()])
    until(lambda: phase(cluster) == "Running", lambda: told.notes)
    assert not told.ends


EVENTS = {
    "unknown type": b'{"type": "RESYNC", "object": {"a": 1}}', "no object": b'{"type": "ADDED"}', "null": b"null", "list": b"[]",
    "error null": b'{"type": "ERROR", "object": null}', "error text": b'{"type": "ERROR", "object": {"message": "x", "code": "y"}}',
    "bookmark": b'{"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {}}}', "garbage": b"\xff\xfe{", "blank": b"\n\n",
    "no metadata": b'{"type": "MODIFIED", "object": {"kind": "Pod"}}',
    "no status": b'{"type": "MODIFIED", "object": {"metadata": ODD}}',
    "status null": b'{"type": "ADDED", "object": {"metadata": ODD, "spec": null, "status": null}}',
    "status text": b'{"type": "ADDED", "object": {"metadata": ODD, "status": "odd"}}',
    "containers": b'{"type": "ADDED", "object": {"metadata": ODD, "status": {"containerStatuses": [{"state": null}, 5]}}}',
}  # fmt: skip


@pytest.mark.parametrize(
    "event", nightly_but(["unknown type", "error null", "bookmark", "status text", "containers"], list(EVENTS))
)
def test_events_that_are_none_keep_nobody_from_the_next(quick, cluster, told, event):
    line = EVENTS[event]
    odd = b'{"name": "t-odd", "namespace": "default", "uid": "u", "labels": null}'
    answers(cluster, watches, 200, line.replace(b"ODD", odd) + b"\n", times=2)
    executor = quick()
    executor.ring([ticket()])
    until(lambda: told.notes.get("t-load-1", ["?"])[-1] == "", lambda: told.notes)
    cluster.node.kill("t-load-1")
    until(lambda: told.ends, cluster.pods)
    until(lambda: (looked(executor), cluster.pods())[1] == {}, cluster.pods)
    assert any(each.name.startswith("pods of") for each in threading.enumerate())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b'{"type": "ERROR", "object": {"kind": "Status", "reason": "Expired", "code": 410}}\n'),
        (200, b"<html>"),
        (410, b'{"kind": "Status", "reason": "Expired", "code": 410}'),
        (403, b""),
    ],
)
def test_watches_that_end_at_once_are_no_storm_of_requests(quick, cluster, status, body):
    answers(cluster, watches, status, body, times=None)
    quick()
    time.sleep(0.7)
    assert len(cluster.asked(f"GET {PODS}")) < 14


def test_a_line_of_a_watch_without_an_end_is_not_kept_in_memory(quick, cluster, monkeypatch):
    monkeypatch.setattr("penstock_kubernetes.hooks.watched.LONGEST_LINE", 1 << 16)
    given = []

    def endless():
        given.append(0)
        for _ in range(2000):
            given[-1] += 1
            yield b"x" * (1 << 14)

    cluster.faults.append(Order(lambda _: HttpAnswer(200, {}, endless()), None, watches))
    executor = quick()
    until(lambda: "a line of more than" in looked(executor) or 2000 in given)
    assert max(given) < 2000


HOLDS = {
    "terminating": None,
    "webhook timeout": ApiRefusedError(
        500, 'Internal error occurred: failed calling webhook "a.b": context deadline exceeded'
    ),
    "service account": forbidden(
        "pods", "x", 'error looking up service account default/t: serviceaccount "t" not found'
    ),
    "namespace": ApiRefusedError(404, 'namespaces "default" not found'),
    "unauthorized": ApiRefusedError(401, "Unauthorized"),
}
NEVER = {
    "limit": forbidden("pods", "x", "[maximum memory usage per Container is 1Gi, but limit is 2Gi]"),
    "security": forbidden("pods", "x", 'violates PodSecurity "restricted:latest": runAsNonRoot != true'),
    "quota": forbidden("pods", "x", "failed quota: q: must specify limits.cpu for: worker"),
    "webhook": ApiRefusedError(403, 'admission webhook "a.b" denied the request: ' + "no " * 40000, "[denied] by us"),
}


@pytest.mark.parametrize("kind", nightly_but(["terminating", "namespace"], list(HOLDS)))
def test_a_cluster_that_takes_no_pods_for_now_is_waited_for(quick, cluster, told, kind):
    refusal = HOLDS[kind]

    def refuse(pod):
        raise refusal

    executor = quick()
    if refusal is None:
        cluster.terminate("default")
    else:
        cluster.admission.append(refuse)
    executor.ring([ticket()])
    words = refusal.message if refusal else "because it is being terminated"
    until(lambda: words in str(told.notes), lambda: (told.notes, told.ends))
    assert "Role" not in str(told.notes)

    cluster.admission.clear()
    cluster.store.update("namespaces", "default", "", lambda found: found.update(status={"phase": "Active"}))
    until(lambda: phase(cluster) == "Running", lambda: told.notes)
    assert not told.ends


@pytest.mark.parametrize("refusal", NEVER.values(), ids=NEVER)
def test_a_pod_that_a_policy_refuses_fails_its_try_with_few_words(quick, cluster, told, refusal):
    def refuse(pod):
        if pod["metadata"]["name"] == "t-load-1":
            raise refusal
        return pod

    executor = quick()
    cluster.admission.append(refuse)
    executor.ring([ticket(1), ticket(2)])
    until(lambda: told.ends and phase(cluster, "t-load-2") == "Running", lambda: told.notes)
    reason, retryable = told.ends["t-load-1"]
    assert refusal.message[:60] in reason
    assert len(reason) < 2000
    assert not retryable
    assert "Role" not in reason


def test_a_webhook_that_cannot_do_without_effects_keeps_nobody_from_starting(quick, cluster):
    words = 'admission webhook "a.b" does not support dry run'
    answers(cluster, CREATE, 400, ApiRefusedError(400, words).answer.content, times=1)
    quick().ring([ticket()])
    until(lambda: phase(cluster) == "Running", cluster.pods)


def test_a_webhook_that_takes_our_labels_away_is_told_and_leaves_no_pod(quick, cluster, told):
    def unlabelled(pod):
        return {**pod, "metadata": {**pod["metadata"], "labels": {"a": "b"}}}

    executor = quick()
    cluster.admission.append(unlabelled)
    executor.ring([ticket()])
    until(lambda: told.ends, lambda: told.notes)
    assert "has not the labels" in told.ends["t-load-1"][0]
    until(lambda: not cluster.pods(), cluster.pods)


def test_sidecars_other_images_and_names_of_webhooks_do_no_harm(quick, cluster, told):
    mesh = {"name": "mesh", "image": "x", "command": ["sleep", "60"]}

    def changed(pod):
        spec = pod["spec"]
        first = {**spec["containers"][0], "name": "renamed", "image": "mirror/x"}
        inits = [
            {"name": "setup", "image": "x", "command": ["true"]},
            {**mesh, "name": "log", "restartPolicy": "Always"},
        ]
        return {**pod, "spec": {**spec, "containers": [first, mesh], "initContainers": inits}}

    executor = quick()
    cluster.admission.append(changed)
    executor.ring([ticket()])
    until(lambda: told.notes.get("t-load-1", ["?"])[-1] == "", cluster.pods)
    executor.release([ticket()])
    until(lambda: not cluster.pods() and not cluster.node.alive(), cluster.pods)


@pytest.mark.parametrize(
    "change",
    [
        lambda status: status.update(phase="Unknown"),
        lambda status: status.update(phase="Pending", containerStatuses=[]),
        lambda status: status.update(phase="Odd", conditions=None),
    ],
    ids=["unknown", "backwards", "odd"],
)
def test_a_pod_that_has_run_is_not_given_up_for_what_its_phase_becomes(quick, cluster, told, change):
    quick().ring([ticket()])
    until(lambda: phase(cluster) == "Running", cluster.pods)
    told.notes.clear()
    executor = quick(start_timeout_s=0.2)
    executor.ring([ticket()])
    until(lambda: told.notes.get("t-load-1", ["?"])[-1] == "", cluster.pods)
    cluster.store.update("pods", "t-load-1", "default", lambda pod: change(pod["status"]))
    time.sleep(0.5)
    assert looked(executor, ticket()) == ""
    assert not told.ends
    assert list(cluster.pods()) == ["t-load-1"]


@pytest.mark.parametrize("year", ["2001", "2099"])
def test_the_clock_of_a_machine_decides_nothing(quick, cluster, told, year):
    executor = quick(start_timeout_s=60, keep_s=3.0)
    cluster.node.missing_images.append("lost:*")
    lost = {"pod": {"spec": {"containers": [{"name": "worker", "image": "lost:1"}]}}}
    executor.ring([ticket(1, executor_config=lost), ticket(2)])
    until(
        lambda: "ImagePull" in str(told.notes.get("t-load-1")) and phase(cluster, "t-load-2") == "Running", cluster.pods
    )
    cluster.node.kill("t-load-2")
    until(lambda: phase(cluster, "t-load-2") == "Failed", cluster.pods)

    def off(pod):
        text = json.dumps(pod["status"])
        begun = pod["status"]["startTime"][:4]
        pod["status"] = json.loads(
            text.replace(f'"startTime": "{begun}', f'"startTime": "{year}').replace(
                f'"finishedAt": "{begun}', f'"finishedAt": "{year}'
            )
        )

    for name in ("t-load-1", "t-load-2"):
        cluster.store.update("pods", name, "default", off)
    time.sleep(0.2)
    assert looked(executor, ticket(1)) == ""
    assert list(told.ends) == ["t-load-2"]
    assert len(cluster.pods()) == 2
    until(lambda: looked(executor, ticket(1)) or list(cluster.pods()) == ["t-load-1"], cluster.pods)
    assert list(told.ends) == ["t-load-2"]


@pytest.mark.parametrize("method", nightly_but(["POST", "DELETE"], ["POST", "DELETE", "LIST", "WATCH"]))
def test_a_server_that_does_not_answer_is_told_and_asked_again(quick, cluster, told, method):
    executor = quick(read_s=1.0)
    means = {"LIST": lists, "WATCH": watches}.get(method, lambda request: request.method == method)
    held = cluster.faults.hold(1, when=means)
    cluster.watches.cut_after_s = 0.05
    executor.ring([ticket()])
    if method == "POST":
        until(lambda: "timed out" in str(told.notes), lambda: told.notes)
    until(lambda: told.notes.get("t-load-1", ["?"])[-1] == "", lambda: told.notes)
    if method == "DELETE":
        with pytest.raises(ProviderError, match="timed out"):
            executor.release([ticket()])
    held.release()
    cluster.watches.cut_after_s = 0
    until(lambda: looked(executor, ticket()) == "", lambda: told.notes)
    assert len(cluster.pods()) <= 1
    assert not told.ends or method == "DELETE"


def test_a_pod_that_finalizers_keep_is_gone_for_its_try_and_asked_for_once(quick, cluster, told):
    def kept(pod):
        return {**pod, "metadata": {**pod["metadata"], "finalizers": ["example.org/kept"]}}

    executor = quick()
    cluster.admission.append(kept)
    executor.ring([ticket()])
    until(lambda: phase(cluster) == "Running", cluster.pods)
    executor.silence([ticket()], "cancelled")
    until(lambda: told.ends, cluster.pods)
    for _ in range(5):
        executor.look([])
    assert len(cluster.asked(DELETE)) <= 3
    assert list(cluster.pods()) == ["t-load-1"]


def test_a_time_that_a_server_asks_for_has_a_bound(quick, cluster, told, monkeypatch):
    monkeypatch.setattr("penstock_kubernetes.executors.pod_creation.LONGEST_S", 0.1)
    executor = quick()
    cluster.faults.too_many_requests(1, retry_after="99999999", when=CREATE)
    executor.ring([ticket()])
    until(lambda: phase(cluster) == "Running", lambda: told.notes)


def test_names_of_executors_that_begin_alike_are_other_labels():
    assert label_of("ü" * 80 + "a") != label_of("ü" * 80 + "b")
    assert len(label_of("ü" * 80)) < 64
    assert label_of("pods") == "pods"


def test_what_a_watch_calls_may_raise_and_it_goes_on(cluster, hook):
    """A pod that nobody can read must not end the thread that knows the others."""
    seen = []

    def changed(pod):
        seen.append(pod["metadata"]["name"])
        if pod["metadata"]["name"] == "odd":
            raise KeyError("odd")

    watched = WatchedPods(hook, ["default"], "", changed, lambda pod: None)
    for name in ("odd", "sound"):
        cluster.create(
            "pods",
            {
                "metadata": {"name": name},
                "spec": {"nodeSelector": {"a": "b"}, "containers": [{"name": "a", "image": "b"}]},
            },
            "default",
        )
    watched.start()
    until(lambda: "sound" in seen, lambda: seen)
    cluster.create(
        "pods",
        {"metadata": {"name": "later"}, "spec": {"containers": [{"name": "a", "image": "b", "command": ["true"]}]}},
        "default",
    )
    until(lambda: "later" in seen, lambda: seen)
    watched.stop()
