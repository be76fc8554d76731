"""The hook finds its cluster in three ways, says what a refusal means, and reads logs and Secrets as they are."""

import json
import sys
from pathlib import Path

import pytest

from penstock import Connection
from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock_kubernetes.errors import QUOTA, provider_error, refusal
from penstock_kubernetes.hooks import KubernetesHook, LogFollower, SecretValues
from penstock_testkit.kubernetes import KubeCluster
from penstock_testkit.processes import wait_until


def pod(name, script):
    container = {"name": "base", "image": "python:3", "command": [sys.executable, "-c", script]}
    return {"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [container]}}


def test_a_kubeconfig_has_the_server_the_account_and_the_namespace(cluster, tmp_path, monkeypatch):
    cluster.store.create("namespaces", {"metadata": {"name": "sales"}})
    file = tmp_path / "config"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": cluster.token},
    }  # fmt: skip
    plugin = {
        "apiVersion": credential["apiVersion"], "command": "echo", "args": [json.dumps(credential)], "interactiveMode": "Never",
    }  # fmt: skip
    entries = {
        "apiVersion": "v1", "kind": "Config", "current-context": "other",
        "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [
            {"name": "wanted", "context": {"cluster": "c", "user": "u", "namespace": "sales"}},
            {"name": "other", "context": {"cluster": "c", "user": "u"}},
        ],
    }  # fmt: skip
    file.write_text(json.dumps(entries))

    hook = KubernetesHook(
        connection=Connection("k", "kubernetes", extra={"kubeconfig": str(file), "context": "wanted"})
    )

    assert hook.namespace == "sales"
    assert hook.test_connection().identity == cluster.user
    assert (
        KubernetesHook(connection=Connection("k", "kubernetes", extra={"kubeconfig": str(file)})).namespace == "default"
    )


def test_a_server_is_reached_through_a_proxy_by_its_own_authority(saas, tmp_path, monkeypatch):
    cluster = saas.serve(KubeCluster(tmp_path))
    authority = saas.env["REQUESTS_CA_BUNDLE"]
    server = {"server": f"https://{cluster.hosts[0]}", "max_attempts": 1}
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def report(**more):
        return KubernetesHook(
            connection=Connection("k", "kubernetes", password=cluster.token, extra={**server, **more})
        ).test_connection()

    assert report(ca_file=authority).ok
    assert report(ca_data=Path(authority).read_text()).ok


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"server": "kube.example"}, "server must be a URL"),
        ({"server": "https://kube.example"}, "server needs a token"),
        ({"kubeconfig": "a", "in_cluster": "true"}, "kubeconfig and in_cluster exclude each other"),
        ({"context": "a", "in_cluster": "true"}, "context is one of a kubeconfig"),
        ({"ca_file": "a"}, "go with server"),
        ({"namespace": "Sales"}, "namespace must be lower-case"),
    ],
)
def test_fields_that_do_not_go_together_are_told(extra, says):
    with pytest.raises(ConfigError, match=says):
        _ = KubernetesHook(connection=Connection("k", "kubernetes", extra=extra)).fields


def test_outside_of_a_cluster_without_a_kubeconfig_the_error_says_so(monkeypatch, tmp_path):
    report = KubernetesHook(connection=Connection("k", "kubernetes", extra={"in_cluster": True})).test_connection()

    assert not report.ok
    assert "we are no pod of a cluster" in report.detail


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"reason": "Unauthorized"}, ErrorKind.AUTH),
        (403, {"reason": "Forbidden", "message": 'User "a" cannot create'}, ErrorKind.PERMISSION),
        (403, {"reason": "Forbidden", "message": 'pods "a" is forbidden: exceeded quota: q'}, ErrorKind.THROTTLED),
        (404, {"reason": "NotFound"}, ErrorKind.NOT_FOUND),
        (409, {"reason": "AlreadyExists"}, ErrorKind.CONFLICT),
        (410, {"reason": "Expired"}, ErrorKind.TRANSIENT),
        (422, {"reason": "Invalid"}, ErrorKind.INVALID),
        (429, {"reason": "TooManyRequests"}, ErrorKind.THROTTLED),
        (500, {"reason": "ServerTimeout"}, ErrorKind.TIMEOUT),
        (500, {"reason": "InternalError"}, ErrorKind.TRANSIENT),
        (502, None, ErrorKind.TRANSIENT),
    ],
)
def test_a_refusal_has_the_kind_of_its_reason(status, body, kind):
    content = b"<html>" if body is None else json.dumps({"kind": "Status", "message": "no", **body}).encode()

    found = refusal(status, {"Retry-After": "7"}, content, operation="create pods", what="default/a", conn_id="k")

    assert (found.kind, found.http_status, found.retry_after_s) == (kind, status, 7.0)
    assert (found.code == QUOTA) == ("quota" in content.decode())


def test_a_failure_to_reach_it_is_one_of_the_network():
    assert provider_error(TimeoutError("slow"), operation="get pods").kind is ErrorKind.TIMEOUT
    assert provider_error(ConnectionResetError("cut"), operation="get pods").kind is ErrorKind.TRANSIENT
    kept = ProviderError("x", service="kubernetes", operation="y", kind=ErrorKind.INVALID)
    assert provider_error(kept, operation="get pods") is kept


def test_objects_are_created_listed_annotated_and_deleted(cluster, hook):
    made = hook.create("secrets", {"metadata": {"name": "a", "labels": {"app": "x"}}, "stringData": {"k": "v"}})
    assert made
    assert hook.create("secrets", {"metadata": {"name": "a"}}) is None
    assert hook.create("secrets", {"metadata": {"name": "b"}}, dry=True)
    assert [each["metadata"]["name"] for each in hook.listed("secrets", labels="app=x")[0]] == ["a"]
    assert hook.annotate("secrets", "a", "default", {"note": "some words"})
    assert hook.get("secrets", "a")["metadata"]["annotations"] == {"note": "some words"}
    assert not hook.delete("secrets", "a", uid="another")
    assert hook.delete("secrets", "a", uid=made["metadata"]["uid"])
    assert (
        hook.get("secrets", "a"),
        hook.delete("secrets", "a"),
        hook.annotate("secrets", "a", "default", {"n": None}),
    ) == (None, False, False)
    assert SecretValues(hook).value("nowhere/key") is None


def test_a_secret_with_bytes_is_no_text(cluster, hook):
    hook.create("secrets", {"metadata": {"name": "a"}, "data": {"k": "/w=="}})

    with pytest.raises(ProviderError, match="holds bytes and no text"):
        SecretValues(hook).value("a/k")


def test_a_busy_server_is_asked_again_and_a_quota_is_not(cluster, hook):
    cluster.faults.too_many_requests(retry_after="0", when="GET /api/v1/namespaces/default/secrets")
    assert hook.listed("secrets")[0] == []
    cluster.quotas["default"] = 0

    with pytest.raises(ProviderError) as raised:
        hook.create("pods", pod("a", "pass"))

    assert (raised.value.code, raised.value.kind) == (QUOTA, ErrorKind.THROTTLED)
    assert len(cluster.asked("POST /api/v1/namespaces/default/pods")) == 1


def test_a_log_is_read_on_from_where_it_was(cluster, hook):
    script = "import time\nfor n in range(30): print('line', n, flush=True); time.sleep(0.01)\nprint('x' * 200000)"
    hook.create("pods", pod("a", script))
    follower, seen = LogFollower(hook, "a", "default", "base"), []

    def ended():
        if "waiting" not in json.dumps(cluster.pods()["a"]["status"].get("containerStatuses", [{"waiting": 1}])):
            seen.extend(follower.new_lines())
        return cluster.pods()["a"]["status"]["phase"] == "Succeeded"

    wait_until(ended, otherwise=lambda: str(seen))
    seen.extend(LogFollower(hook, "a", "default", "base", follower.place).new_lines())

    assert [each for each in seen if each.startswith("line")] == [f"line {number}" for number in range(30)]
    assert sum(len(each) for each in seen if each.startswith("x")) == 200000
