"""An API server that forbids or answers nonsense, and pods that are not as they were asked for: no job is doubled, lost or left."""

import contextlib
import json
import threading

import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import Running
from penstock_kubernetes.hooks import KubernetesHook, SecretValues
from penstock_kubernetes.hooks.cluster_log import LogFollower, LogPlace
from penstock_kubernetes.hooks.results import ResultError, of_log, of_message
from penstock_kubernetes.operators import KubernetesJobOperator, KubernetesPodOperator
from penstock_testkit.kubernetes.api_refusals import ApiRefusedError
from penstock_testkit.nightly import nightly_but
from penstock_testkit.processes import wait_until
from penstock_testkit.saas import HttpAnswer
from penstock_testkit.saas.http_faults import Order

PODS = "/api/v1/namespaces/default/pods"
CREATE, GET, DELETE, LOG = f"POST {PODS}", f"GET {PODS}/{{name}}", f"DELETE {PODS}/{{name}}", f"GET {PODS}/{{name}}/log"
NONSENSE = {
    "html": (200, b"<html>login</html>"), "half": (200, b'{"kind": "Pod", "metadata": {"na'), "null": (200, b"null"),
    "empty": (200, b"{}"), "status": (200, b'{"kind": "Status", "status": "Success"}'), "deep": (200, b"[" * 100000),
    "kinds": (200, b'{"metadata": {"name": "a", "uid": "b"}, "status": []}'),
    "redirect": (302, b"moved"), "proxy": (404, b"<html>404 Not Found</html>"), "conflict": (409, b"odd"), "gone": (410, b""),
}  # fmt: skip
FOREVER = "import time; print('up', flush=True); time.sleep(60)"


def answers(cluster, when, status, body, times=1):
    cluster.faults.append(Order(lambda _: HttpAnswer(status, {"Content-Type": "application/json"}, body), times, when))


def settled(cluster):
    wait_until(lambda: not cluster.pods() and cluster.node.alive() == [], otherwise=lambda: str(cluster.pods()))


@pytest.fixture
def connection(cluster):
    """A connection whose client asks once."""
    extra = {"server": cluster.url, "max_attempts": 1}
    return Connection("kubernetes_default", "kubernetes", password=cluster.token, extra=extra)


@pytest.mark.parametrize("kind", nightly_but(["html", "proxy", "empty", "conflict"], list(NONSENSE)))
def test_nonsense_at_each_step_fails_no_job_and_doubles_none(cluster, run, python, kind):
    """Made and answered by nonsense: the token was forgotten, and the pod left."""
    status, body = NONSENSE[kind]
    cluster.faults.append(Order(lambda _: lambda answer: HttpAnswer(status, answer.headers, body), 1, CREATE))
    for when in (GET, LOG):
        answers(cluster, when, status, body)

    found = run(KubernetesPodOperator, **python("print('done')"), poke_interval=0.05)

    assert (found.state, found.tries) == ("success", 1), found.errors
    settled(cluster)


def test_a_deletion_that_is_answered_by_nonsense_is_told(cluster, run, python, caplog):
    answers(cluster, DELETE, 404, b"<html>404 Not Found</html>")
    assert run(KubernetesPodOperator, **python("pass")).state == "success"
    assert "has ended and could not be deleted" in caplog.text
    assert len(cluster.pods()) == 1


@pytest.mark.parametrize("verb", ["create", "get"])
def test_a_verb_that_is_forbidden_fails_a_job_at_once_with_what_to_do(cluster, run, python, verb):
    cluster.denied.add((verb, "pods"))
    found = run(KubernetesPodOperator, **python("pass"), retries=2)
    assert (found.state, found.tries) == ("failed", 1)
    assert f'cannot {verb} resource "pods"' in found.errors[0]
    assert "Give the account a Role that allows it" in found.errors[0]


def test_logs_and_events_that_may_not_be_read_fail_no_job(cluster, run, python, caplog):
    cluster.denied |= {("get", "pods/log"), ("list", "events")}
    assert run(KubernetesPodOperator, **python("pass")).state == "success"
    assert "The pod's own log cannot be read" in caplog.text
    settled(cluster)


def test_events_that_fail_keep_nobody_from_seeing_the_pod(cluster, run, python):
    answers(cluster, "GET /api/v1/namespaces/default/events", 500, b"{}", times=None)
    assert run(KubernetesPodOperator, **python("pass")).state == "success"
    settled(cluster)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (ApiRefusedError(403, 'admission webhook "a.b" denied the request: ' + "no " * 40000, "[denied]"), "denied the request: no no"),
        ("terminating", "The namespace is being deleted"),
    ],
)  # fmt: skip
def test_a_pod_that_is_not_taken_fails_in_few_words(cluster, run, python, refusal, says):
    def refuse(pod):
        raise refusal

    if refusal == "terminating":
        cluster.terminate("default")
    else:
        cluster.admission.append(refuse)
    found = run(KubernetesPodOperator, **python("pass"), retries=2)
    assert (found.state, found.tries) == ("failed", 1)
    assert says in found.errors[0]
    assert "Role" not in found.errors[0]
    assert len(found.errors[0].splitlines()[0]) < 1500


def test_a_webhook_that_times_out_is_waited_for(cluster, run, python):
    words = 'Internal error occurred: failed calling webhook "a.b": failed to call webhook: context deadline exceeded'
    answers(cluster, CREATE, 500, ApiRefusedError(500, words).answer.content, times=2)
    assert run(KubernetesPodOperator, **python("pass")).state == "success"
    settled(cluster)


def test_a_container_that_a_webhook_renames_is_told_and_its_pod_ended_even_if_pods_are_kept(cluster, run, python):
    def renamed(pod):
        spec = pod["spec"]
        return {**pod, "spec": {**spec, "containers": [{**each, "name": "other"} for each in spec["containers"]]}}

    cluster.admission.append(renamed)
    found = run(KubernetesPodOperator, **python(FOREVER), on_finish_action="keep", termination_grace_s=0)
    assert found.state == "failed"
    assert "has no container 'base', but 'other'" in found.errors[0]
    assert all(each["metadata"].get("deletionTimestamp") for each in cluster.pods().values())


def test_a_pod_that_is_given_up_before_it_started_is_deleted_even_if_pods_are_kept(cluster, run, python):
    """It would start later, beside the next try's."""
    found = run(
        KubernetesPodOperator,
        **{**python("pass"), "image": "bad/image:1"},
        startup_timeout_s=0.3,
        on_finish_action="keep",
    )
    assert found.state == "failed"
    settled(cluster)


def test_sidecars_init_containers_images_and_labels_of_webhooks_do_no_harm(cluster, run, python):
    mesh = {"name": "mesh", "image": "x", "command": ["sleep", "60"]}

    def changed(pod):
        spec, metadata = pod["spec"], pod["metadata"]
        containers = [mesh, *({**each, "image": "mirror/x"} for each in spec["containers"])]
        inits = [*spec.get("initContainers", ()), {"name": "setup", "image": "x", "command": ["true"]}]
        labels = {**metadata["labels"], "mesh": "yes"}
        return {
            **pod,
            "metadata": {**metadata, "labels": labels},
            "spec": {**spec, "containers": containers, "initContainers": inits},
        }

    cluster.admission.append(changed)
    script = "open('/dev/termination-log', 'w').write('7')"
    found = run(KubernetesPodOperator, **python(script), result="message", termination_grace_s=0)
    assert (found.state, found.value) == ("success", 7), found.errors
    by_file = run(KubernetesPodOperator, **python("pass"), result="file", termination_grace_s=0)
    assert "its result cannot be read while 'mesh' runs beside it" in by_file.errors[0]
    settled(cluster)


@pytest.mark.parametrize("operator", [KubernetesPodOperator, KubernetesJobOperator])
def test_what_is_not_ours_and_has_our_name_is_not_taken_for_ours(cluster, runtime, python, operator):
    task = operator(task_id="job", **python("pass"))
    pod = {"restartPolicy": "Never", "containers": [{"name": "base", "image": "x", "command": ["true"]}]}
    if operator is KubernetesPodOperator:
        cluster.create("pods", {"metadata": {"name": "penstock-1"}, "spec": pod}, "default")
    else:
        cluster.create("jobs", {"metadata": {"name": "penstock-1"}, "spec": {"template": {"spec": pod}}}, "default")
    with pytest.raises(ProviderError, match="is not of this task") as raised:
        task.submit("penstock-1")
    assert raised.value.kind is ErrorKind.INVALID


def test_a_pod_that_never_ends_by_itself_is_refused(run, python):
    found = run(KubernetesPodOperator, **python("pass"), pod_patch={"spec": {"restartPolicy": "Always"}})
    assert found.state == "failed"
    assert "restartPolicy is 'Always'" in found.errors[0]


@pytest.mark.parametrize(
    "change", [{"phase": "Unknown"}, {"phase": "Pending", "containerStatuses": []}], ids=["unknown", "backwards"]
)
def test_a_pod_that_has_run_is_not_given_up_for_what_its_phase_becomes(cluster, runtime, python, change):
    task = KubernetesPodOperator(task_id="job", **python(FOREVER), startup_timeout_s=0.2)
    job_id = task.submit("penstock-1")
    wait_until(lambda: cluster.pods()["penstock-1"]["status"]["phase"] == "Running", otherwise=cluster.pods)
    assert task.look(job_id) == Running()
    cluster.store.update("pods", "penstock-1", "default", lambda pod: pod["status"].update(change))
    threading.Event().wait(1.3)
    assert task.look(job_id) == Running()


def test_finalizers_that_keep_a_pod_are_named(cluster, hook):
    spec = {"containers": [{"name": "base", "image": "x", "command": ["true"]}]}
    cluster.create("pods", {"metadata": {"name": "kept", "finalizers": ["example.org/kept"]}, "spec": spec}, "default")
    with pytest.raises(ProviderError, match=r"kept by its finalizers: example\.org/kept"):
        hook.delete_and_see("pods", "kept", "default", grace_s=0, patience_s=0.1)


# Results.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "no JSON"), ('{"a": Infinity}', "no JSON"), ("[" * 3000, "no JSON"), ('"\\ud800"', "no JSON"),
        ('["' + "x" * 4094, "holds 4096 bytes: leave a longer result in a file"),
    ],
)  # fmt: skip
def test_a_message_that_is_no_json_is_told(text, says):
    with pytest.raises(ResultError, match=says):
        of_message(text)


@pytest.mark.parametrize(
    "lines", [["size x", "end"], ["size -1", "end"], ["size 3", "ÿÿÿ", "end"], ["noise", "size 2", "MQ==", "end"]]
)
def test_a_log_of_the_sidecar_that_is_garbled_is_told(lines):
    with pytest.raises(ResultError):
        of_log(lines)


def test_a_result_whose_log_is_gone_ends_the_task_after_a_while(cluster, runtime, python, monkeypatch):
    """The machine went after the pod had succeeded: the task waited for ever."""
    monkeypatch.setattr("penstock_kubernetes.operators.pod_look.RESULT_S", 0.3)
    answers(cluster, LOG, 500, ApiRefusedError(500, "dial tcp 10.0.0.1:10250: i/o timeout").answer.content, times=None)
    task = KubernetesPodOperator(task_id="job", **python("pass"), result="file", get_logs=False)
    job_id = task.submit("penstock-1")
    found = []

    def looked():
        with contextlib.suppress(ProviderError):  # it is asked again for a while
            found.append(task.look(job_id))
        return found and found[-1] != Running()

    wait_until(looked, otherwise=lambda: str(found))
    assert "i/o timeout" in found[-1].reason
    assert found[-1].kind is ErrorKind.JOB_FAILED


# Credentials.


def test_a_token_that_is_renewed_in_its_file_is_taken_at_once(cluster, tmp_path):
    file = tmp_path / "token"
    file.write_text(cluster.token)
    extra = {"server": cluster.url, "token_file": str(file), "max_attempts": 1}
    hook = KubernetesHook(connection=Connection("c", "kubernetes", extra=extra))
    assert hook.get("pods", "none") is None
    cluster.token = "the-next-one"
    with pytest.raises(ProviderError, match="Check the token of the connection 'c'") as raised:
        hook.get("pods", "none")
    assert raised.value.kind is ErrorKind.AUTH
    file.write_text("the-next-one\n")
    assert hook.get("pods", "none") is None
    cluster.token = "the-last-one"
    file.write_text("the-last-one")
    assert hook.get("pods", "none") is None


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "is empty"), (b"a\nb", "holds what no token has"), (b"\xff\xfe", "cannot be read")]
)
def test_a_token_file_that_holds_none_is_told_without_it(cluster, tmp_path, content, says):
    file = tmp_path / "token"
    file.write_bytes(content)
    extra = {"server": cluster.url, "token_file": str(file), "max_attempts": 1}
    with pytest.raises(ProviderError, match=says):
        KubernetesHook(connection=Connection("c", "kubernetes", extra=extra)).get("pods", "none")


@pytest.mark.parametrize(
    ("data", "says"), [({"uri": "%%%"}, "no text"), ({"uri": 5}, "no text"), (["uri"], "whose data are list")]
)
def test_a_secret_of_another_form_is_told(cluster, hook, data, says):
    body = json.dumps({"metadata": {"name": "s", "uid": "u"}, "data": data}).encode()
    answers(cluster, "GET /api/v1/namespaces/default/secrets/{name}", 200, body)
    with pytest.raises(ProviderError, match=says):
        SecretValues(hook).value("s/uri")


def test_a_secret_behind_a_proxy_is_not_taken_for_one_that_is_not_there(cluster, hook):
    answers(cluster, "GET /api/v1/namespaces/default/secrets/{name}", 404, b"<html>404 Not Found</html>")
    with pytest.raises(ProviderError, match="that is none of an API server's: '<html>404 Not Found</html>'"):
        SecretValues(hook).value("s/uri")


# Answers.


@pytest.mark.parametrize("date", ["garbage", "Sat, 28 Nov 2026 10:00:00 -0000", ""])
def test_a_date_that_is_none_fails_nothing(cluster, hook, date):
    body = json.dumps({"metadata": {"name": "a", "uid": "u"}}).encode()
    cluster.faults.append(Order(lambda _: HttpAnswer(200, {"Date": date}, body), 1, GET))
    assert hook.get("pods", "a")
    assert hook.server_time.tzinfo


def test_an_answer_that_comes_in_drops_has_an_end(cluster):
    cluster.faults.slow_body(1, 0.05, None, when=GET)
    extra = {"server": cluster.url, "max_attempts": 1, "deadline_s": 0.3}
    hook = KubernetesHook(connection=Connection("c", "kubernetes", password=cluster.token, extra=extra))
    with pytest.raises(ProviderError, match=r"no end within 0\.3 s"):
        hook.get("pods", "a")


def test_pages_that_lead_to_themselves_have_an_end(cluster, hook):
    body = json.dumps({"metadata": {"resourceVersion": "1", "continue": "x"}, "items": []}).encode()
    answers(cluster, f"GET {PODS}", 200, body, times=None)
    with pytest.raises(ProviderError, match="its pages lead to themselves"):
        hook.listed("pods")


def test_lines_of_a_machine_whose_clock_changes_its_zone_are_read(cluster, hook):
    lines = b"2026-10-25T02:59:59.000000000+02:00 one\n2026-10-25T02:00:01.000000000+01:00 two\n"
    answers(cluster, LOG, 200, lines)
    follower = LogFollower(hook, "a", "default", "base", LogPlace("2026-10-25T02:59:59.000000000+02:00", 1))
    assert list(follower.new_lines()) == ["two"]


def test_a_line_without_an_instant_and_without_an_end_is_read_and_has_an_end(cluster, hook):
    answers(cluster, LOG, 200, b"x" * (1 << 18))
    assert len(list(LogFollower(hook, "a", "default", "base").new_lines())) <= 4


def test_lines_without_an_instant_are_read_once(cluster, hook):
    answers(cluster, LOG, 200, b"unable to retrieve container logs for containerd://abc", times=2)
    follower = LogFollower(hook, "a", "default", "base", LogPlace("2026-10-25T02:59:59.000000000Z", 1))
    assert len(list(follower.new_lines())) <= 1
    assert list(follower.new_lines()) == []
    assert follower.place.instant.startswith("2026-10-25")
