"""The fake cluster answers the official client as an API server does, runs pods as processes, and refuses what it refuses."""

import json
import sys
import time

import pytest
from kubernetes import client as sdk
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from penstock_testkit.kubernetes import KubeCluster
from penstock_testkit.processes import wait_until


@pytest.fixture
def cluster():
    found = KubeCluster()
    with found.serving() as found.url:
        yield found
    assert found.complaints() == []


@pytest.fixture(autouse=True)
def each_is_closed(nothing_left_open):
    """A client is part of a cycle with its pool of threads."""


@pytest.fixture
def client_of(cluster):
    """A function that makes a client which repeats nothing."""
    made = []

    def make(token=""):
        configuration = sdk.Configuration()
        configuration.host, configuration.retries = cluster.url, False
        made.append(sdk.ApiClient(configuration, "Authorization", f"Bearer {token or cluster.token}"))
        return made[-1]

    yield make
    for each in made:
        each.rest_client.pool_manager.clear()  # the SDK's own close() ends its threads alone
        each.close()


@pytest.fixture
def api(client_of):
    """A client of pods, secrets and events."""
    return sdk.CoreV1Api(client_of())


def pod(name="one", script="print('hello')", **spec):
    container = {
        "name": "base",
        "image": "python:3",
        "command": [sys.executable, "-c", script],
        **spec.pop("container", {}),
    }
    labels = spec.pop("labels", {})
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 1, **spec},
    }


def refused(call, *args, **kwargs):
    with pytest.raises(ApiException) as caught:
        call(*args, **kwargs)
    return caught.value.status, json.loads(caught.value.body)


def phase_of(cluster, name="one"):
    return cluster.pods().get(name, {"status": {"phase": "gone"}})["status"].get("phase")


def until(cluster, phase, name="one"):
    wait_until(
        lambda: phase_of(cluster, name) == phase,
        otherwise=lambda: f"{name} is {cluster.pods().get(name)}",
    )


def test_a_pod_runs_and_its_log_code_and_message_are_read(api, cluster):
    script = "import os, sys; print(os.environ['GREETING']); open('/dev/termination-log', 'w').write('7'); sys.exit(3)"
    environment = [{"name": "WHO", "value": "you"}, {"name": "GREETING", "value": "hello $(WHO)"}]
    made = api.create_namespaced_pod("default", pod(script=script, container={"env": environment}))
    assert made.status.phase == "Pending"
    until(cluster, "Failed")

    found = api.read_namespaced_pod("one", "default")

    ended = found.status.container_statuses[0].state.terminated
    assert (ended.exit_code, ended.reason, ended.message) == (3, "Error", "7")
    assert api.read_namespaced_pod_log("one", "default") == "hello you\n"
    assert found.metadata.uid
    assert {each.type for each in found.status.conditions} >= {"PodScheduled", "Initialized", "Ready"}


def test_names_are_taken_once_and_what_does_not_fit_is_refused(api, client_of):
    api.create_namespaced_pod("default", pod())
    assert refused(api.create_namespaced_pod, "default", pod())[1]["reason"] == "AlreadyExists"
    code, body = refused(api.create_namespaced_pod, "default", pod("Not_A_Name", labels={"a": "x" * 64}))
    assert (code, body["reason"], len(body["details"]["causes"])) == (422, "Invalid", 2)
    assert refused(api.create_namespaced_pod, "nowhere", pod("two"))[0] == 404
    wrong = pod("three", volumes=[{"name": "v", "emptyDir": {}}], container={"resources": {"limits": {"cpu": "lots"}}})
    assert refused(api.create_namespaced_pod, "default", wrong)[0] == 422
    assert refused(api.read_namespaced_pod, "four", "default")[1]["reason"] == "NotFound"
    assert refused(sdk.CoreV1Api(client_of("wrong")).read_namespaced_pod, "one", "default")[0] == 401


def test_a_field_that_the_api_does_not_have_is_refused_or_dropped(cluster, client_of):
    body = pod()
    body["spec"]["containers"][0]["comand"] = ["true"]
    headers = {"Authorization": f"Bearer {cluster.token}", "Content-Type": "application/json"}
    pool = client_of().rest_client.pool_manager
    url = f"{cluster.url}/api/v1/namespaces/default/pods"

    strict = pool.request("POST", f"{url}?fieldValidation=Strict", body=json.dumps(body), headers=headers)
    warned = pool.request("POST", url, body=json.dumps(body), headers=headers)

    assert strict.status == 400
    assert 'unknown field "spec.containers[0].comand"' in strict.json()["message"]
    assert warned.status == 201
    assert "comand" in warned.headers["Warning"]


def test_a_watch_follows_a_pod_through_labels_and_goes_on_after_a_version(api, cluster):
    version = api.list_namespaced_pod("default").metadata.resource_version
    api.create_namespaced_pod("default", pod(labels={"app": "a"}))
    api.create_namespaced_pod("default", pod("other", labels={"app": "b"}))
    until(cluster, "Succeeded")
    api.delete_namespaced_pod("one", "default")

    told = [
        (each["type"], each["object"].metadata.name)
        for each in watch.Watch().stream(
            api.list_namespaced_pod, "default", label_selector="app=a", resource_version=version, timeout_seconds=1
        )
    ]

    assert told[0] == ("ADDED", "one")
    assert told[-1] == ("DELETED", "one")
    assert {each[1] for each in told} == {"one"}


def test_history_that_is_compacted_has_expired_as_an_event_or_as_a_status(api, cluster):
    version = api.list_namespaced_pod("default").metadata.resource_version
    cluster.store.compact()

    def first():
        return next(
            watch.Watch().stream(api.list_namespaced_pod, "default", resource_version=version, timeout_seconds=1)
        )

    with pytest.raises(ApiException) as caught:
        first()
    assert caught.value.status == 410
    cluster.watches.expired_by_http = True
    assert (
        refused(
            api.list_namespaced_pod,
            "default",
            watch=True,
            resource_version=version,
            timeout_seconds=1,
            _preload_content=False,
        )[1]["reason"]
        == "Expired"
    )


def test_bookmarks_come_and_a_watch_is_cut(api, cluster):
    cluster.watches.bookmark_every_s = 0.05
    seen = api.list_namespaced_pod(
        "default", watch=True, allow_watch_bookmarks=True, timeout_seconds=1, _preload_content=False
    ).read()
    assert {json.loads(line)["type"] for line in seen.splitlines()} == {"BOOKMARK"}

    cluster.watches.cut_after_s = 0.1
    cut = api.list_namespaced_pod("default", watch=True, timeout_seconds=30, _preload_content=False)
    with pytest.raises(Exception, match=r"IncompleteRead|broken"):
        cut.read()


def test_lists_come_in_pages(api, cluster):
    for number in range(3):
        api.create_namespaced_secret("default", {"metadata": {"name": f"s{number}"}, "stringData": {"k": "v"}})

    first = api.list_namespaced_secret("default", limit=2)
    rest = api.list_namespaced_secret("default", limit=2, _continue=first.metadata._continue)

    assert [each.metadata.name for each in (*first.items, *rest.items)] == ["s0", "s1", "s2"]
    assert first.items[0].data == {"k": "dg=="}
    cluster.store.compact()
    assert refused(api.list_namespaced_secret, "default", _continue=first.metadata._continue)[0] == 410


def test_a_deleted_pod_is_told_to_end_and_killed_after_its_grace(api, cluster):
    stubborn = "import signal, time; signal.signal(15, lambda *_: print('no')); print('up', flush=True); time.sleep(60)"
    api.create_namespaced_pod("default", pod(script=stubborn))
    wait_until(lambda: "up" in log_of(api), otherwise=lambda: log_of(api))
    code, body = refused(api.delete_namespaced_pod, "one", "default", body={"preconditions": {"uid": "another"}})
    assert (code, body["reason"]) == (409, "Conflict")

    begun = time.monotonic()
    marked = api.delete_namespaced_pod("one", "default", grace_period_seconds=2)
    assert marked.metadata.deletion_timestamp
    assert phase_of(cluster) == "Running"
    wait_until(lambda: phase_of(cluster) == "gone", otherwise=lambda: "it is there")

    assert 1.9 < time.monotonic() - begun < 30
    assert cluster.node.alive() == []


def log_of(api, **how):
    try:
        return api.read_namespaced_pod_log("one", "default", **how)
    except ApiException:
        return ""


def test_a_log_is_followed_with_instants_and_begins_at_a_whole_second(api, cluster):
    script = "import time\nfor n in range(4): print(n, flush=True); time.sleep(0.05)"
    api.create_namespaced_pod("default", pod(script=script))
    wait_until(lambda: "0" in log_of(api), otherwise=lambda: "no log")

    followed = (
        api.read_namespaced_pod_log("one", "default", follow=True, timestamps=True, _preload_content=False)
        .read()
        .decode()
    )

    stamps, lines = zip(*(line.split(" ", 1) for line in followed.splitlines()), strict=True)
    assert list(lines) == ["0", "1", "2", "3"]
    assert list(stamps) == sorted(stamps)
    assert len(stamps[0]) == len("2026-11-28T00:00:00.123456789Z")
    assert log_of(api, limit_bytes=3) == "0\n1"
    assert log_of(api, tail_lines=1) == "3\n"
    again = api.api_client.rest_client.pool_manager.request(
        "GET",
        f"{cluster.url}/api/v1/namespaces/default/pods/one/log?sinceTime={stamps[-1]}",
        headers={"Authorization": f"Bearer {cluster.token}"},
    ).data.decode()
    assert again.endswith("3\n")


def test_causes_of_a_pod_that_does_not_start(api, cluster):
    api.create_namespaced_pod("default", pod("lost", container={"image": "bad/image:1"}))
    api.create_namespaced_pod("default", pod("big", container={"resources": {"requests": {"cpu": "1000"}}}))
    needy = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "later", "key": "a"}}}]
    api.create_namespaced_pod(
        "default", pod("needy", script="import os; print(os.environ['A'])", container={"env": needy})
    )

    def reason(name):
        status = cluster.pods()[name]["status"]
        found = [each["state"].get("waiting", {}).get("reason") for each in status.get("containerStatuses", ())]
        return found + [each.get("reason") for each in status.get("conditions", ()) if each.get("reason")]

    wait_until(lambda: "ImagePullBackOff" in reason("lost"), otherwise=lambda: str(cluster.pods()["lost"]))
    wait_until(lambda: "Unschedulable" in reason("big"), otherwise=lambda: str(cluster.pods()["big"]))
    wait_until(lambda: "CreateContainerConfigError" in reason("needy"), otherwise=lambda: "it started")
    events = api.list_namespaced_event("default", field_selector="involvedObject.name=big,type=Warning").items
    assert [each.reason for each in events] == ["FailedScheduling"]
    assert "Insufficient cpu" in events[0].message

    cluster.secret("later", a="came")
    until(cluster, "Succeeded", "needy")
    assert api.read_namespaced_pod_log("needy", "default") == "came\n"


def test_what_ends_a_pod_from_outside_is_told(api, cluster):
    for name in ("hungry", "evicted", "lost", "late"):
        more = {"activeDeadlineSeconds": 1} if name == "late" else {}
        api.create_namespaced_pod("default", pod(name, script="import time; time.sleep(60)", **more))
    for name in ("hungry", "evicted", "lost"):
        until(cluster, "Running", name)

    cluster.node.oom("hungry")
    cluster.node.evict("evicted")
    until(cluster, "Failed", "hungry")
    until(cluster, "Failed", "late")

    ended = cluster.pods()["hungry"]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert cluster.pods()["evicted"]["status"]["reason"] == "Evicted"
    assert cluster.pods()["late"]["status"]["reason"] == "DeadlineExceeded"
    cluster.node.lose()
    wait_until(lambda: cluster.node.alive() == [], otherwise=lambda: str(cluster.node.alive()))
    assert phase_of(cluster, "lost") == "gone"


def test_a_quota_refuses_and_a_busy_server_says_when(api, cluster):
    cluster.quotas["default"] = 1
    api.create_namespaced_pod("default", pod(script="import time; time.sleep(60)"))

    code, body = refused(api.create_namespaced_pod, "default", pod("two"))

    assert (code, body["reason"]) == (403, "Forbidden")
    assert "exceeded quota" in body["message"]
    cluster.faults.too_many_requests(retry_after="7", when="GET /version/")
    with pytest.raises(ApiException) as caught:
        sdk.VersionApi(api.api_client).get_code()
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "7")


def test_init_containers_sidecars_and_a_shared_folder(api, cluster):
    mount = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    first = {"name": "first", "image": "x", "command": ["sh", "-c", "echo made > /shared/a"], **mount}
    beside = {"name": "beside", "image": "x", "restartPolicy": "Always", "command": ["sleep", "60"]}
    body = pod(
        script="print(open('/shared/a').read())", container=mount, initContainers=[first, beside],
        volumes=[{"name": "shared", "emptyDir": {}}],
    )  # fmt: skip
    api.create_namespaced_pod("default", body)

    until(cluster, "Succeeded")

    assert api.read_namespaced_pod_log("one", "default", container="base") == "made\n\n"
    assert cluster.node.alive() == []


def test_a_sidecar_holds_back_what_comes_after_it_until_it_has_started(api, cluster):
    """One that does not start is killed and started anew, as the probe's failures say."""
    shared = {"volumes": [{"name": "shared", "emptyDir": {}}]}
    mount = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    script = "echo begun >> /shared/log; [ $(wc -l < /shared/log) = 1 ] || touch /shared/up; exec sleep 60"
    probe = {"exec": {"command": ["sh", "-c", "test -f /shared/up || { echo not up; false; }"]}, "failureThreshold": 5}
    beside = {
        "name": "beside", "image": "x", "restartPolicy": "Always", "command": ["sh", "-c", script], "startupProbe": probe, **mount
    }  # fmt: skip
    main = {"name": "base", "image": "x", "command": ["cat", "/shared/log"], **mount}
    api.create_namespaced_pod("default", pod(container=main, initContainers=[beside], **shared))

    until(cluster, "Succeeded")

    (found,) = api.read_namespaced_pod("one", "default").status.init_container_statuses
    assert found.restart_count >= 1
    begun = api.read_namespaced_pod_log("one", "default", container="base").splitlines()
    assert len(begun) == 1 + found.restart_count
    words = [each.message for each in api.list_namespaced_event("default").items if each.reason == "Unhealthy"]
    assert words[:2] == ["Startup probe failed: not up\n"] * 2


@pytest.mark.parametrize(
    ("init", "says"),
    [
        (
            {"startupProbe": {"exec": {"command": ["true"]}}},
            "spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
        ({"restartPolicy": "Always", "startupProbe": {"periodSeconds": 1}}, "Required value: must specify a handler type"),
        (
            {"restartPolicy": "Always", "startupProbe": {"exec": {"command": ["true"]}, "successThreshold": 2}},
            "spec.initContainers[0].startupProbe.successThreshold: Invalid value: 2: must be 1",
        ),
    ],
)  # fmt: skip
def test_a_probe_that_cannot_be_is_refused(api, init, says):
    body = pod(initContainers=[{"name": "first", "image": "x", "command": ["true"], **init}])

    code, found = refused(api.create_namespaced_pod, "default", body)

    assert code == 422
    assert says in found["message"]


def test_a_job_makes_pods_until_one_succeeds_and_takes_them_with_it(api, cluster, tmp_path):
    jobs = sdk.BatchV1Api(api.api_client)
    flag = tmp_path / "flag"
    script = (
        f"import pathlib, sys; p = pathlib.Path('{flag}'); known = p.exists(); p.touch(); sys.exit(0 if known else 4)"
    )
    template = {"spec": pod(script=script)["spec"]}
    jobs.create_namespaced_job(
        "default", {"metadata": {"name": "j"}, "spec": {"backoffLimit": 2, "template": template}}
    )
    wait_until(
        lambda: jobs.read_namespaced_job("j", "default").status.succeeded,
        otherwise=lambda: str(cluster.pods()),
    )

    found = jobs.read_namespaced_job("j", "default")
    assert (found.status.failed, [each.type for each in found.status.conditions]) == (1, ["Complete"])
    assert len(api.list_namespaced_pod("default", label_selector="batch.kubernetes.io/job-name=j").items) == 2

    wrong = {"spec": {"containers": [{"name": "a", "image": "b"}], "restartPolicy": "Always"}}
    assert (
        refused(jobs.create_namespaced_job, "default", {"metadata": {"name": "k"}, "spec": {"template": wrong}})[0]
        == 422
    )
    jobs.delete_namespaced_job("j", "default", propagation_policy="Background")
    wait_until(lambda: not cluster.pods(), otherwise=lambda: str(cluster.pods()))


def test_annotations_are_patched_and_an_owner_takes_its_secret_with_it(api, cluster):
    made = api.create_namespaced_pod("default", pod(script="import time; time.sleep(60)"))
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "one", "uid": made.metadata.uid}
    api.create_namespaced_secret(
        "default", {"metadata": {"name": "s", "ownerReferences": [owner]}, "stringData": {"a": "b"}}
    )

    found = api.patch_namespaced_pod("one", "default", {"metadata": {"annotations": {"note": "kept"}}})
    assert found.metadata.annotations == {"note": "kept"}
    changed = {"spec": {"hostNetwork": True}}
    assert refused(api.patch_namespaced_pod, "one", "default", changed)[0] == 422

    api.delete_collection_namespaced_pod("default", label_selector="a notin (b)", grace_period_seconds=0)
    wait_until(lambda: not cluster.store.has("secrets", "s", "default"), otherwise=lambda: "the secret is there")
    wait_until(lambda: cluster.node.alive() == [], otherwise=lambda: "it lives")
