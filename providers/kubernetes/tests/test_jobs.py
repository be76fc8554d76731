"""Jobs of the cluster are created once, say why they failed, leave results, and take their pods with them."""

import pytest

from penstock_kubernetes.operators import KubernetesJobOperator
from penstock_testkit.processes import wait_until

JOBS = "POST /apis/batch/v1/namespaces/default/jobs"


def settled(cluster):
    wait_until(lambda: not cluster.pods() and cluster.node.alive() == [], otherwise=lambda: str(cluster.pods()))


def test_a_pod_that_failed_is_followed_by_another_and_the_result_is_its(cluster, run, python, tmp_path, caplog):
    script = (
        f"import json, os, pathlib, sys; p = pathlib.Path('{tmp_path}/flag'); known = p.exists(); p.touch(); print('began', known)\n"
        "if not known: sys.exit(4)\n"
        "json.dump('done', open('/penstock/result/return.json', 'w'))"
    )
    with caplog.at_level("INFO"):
        found = run(KubernetesJobOperator, **python(script), backoff_limit=1, result="file")

    assert (found.state, found.value, found.tries) == ("success", "done", 1)
    assert [each for each in caplog.messages if each.startswith("began")] == ["began False", "began True"]
    assert not cluster.store.all("jobs")
    settled(cluster)


def test_a_job_that_failed_says_why(cluster, run, python):
    found = run(KubernetesJobOperator, **python("import sys; sys.exit(3)"), backoff_limit=1)

    assert found.state == "failed"
    assert "container 'base' ended with exit code 3" in found.errors[0]
    assert "BackoffLimitExceeded" in found.errors[0]
    settled(cluster)


def test_an_exit_code_may_skip_and_a_deadline_ends_it(cluster, run, python):
    assert run(KubernetesJobOperator, **python("import sys; sys.exit(99)"), skip_on_exit_code=[99]).state == "skipped"

    late = run(KubernetesJobOperator, **python("import time; time.sleep(60)"), active_deadline_s=1)
    assert "DeadlineExceeded" in late.errors[0]
    settled(cluster)


def test_a_job_whose_answer_was_lost_is_created_once(cluster, run, python):
    cluster.faults.reset_after(when=JOBS)

    found = run(KubernetesJobOperator, **python("pass"), on_finish_action="keep", ttl_s=100)

    assert found.state == "success"
    assert [each["metadata"]["name"] for each in cluster.store.all("jobs")] == [found.value]


def test_pods_that_a_quota_refuses_are_waited_for_by_the_cluster(cluster, run, python):
    cluster.quotas["default"] = 0

    found = run(KubernetesJobOperator, **python("pass"), timeout=0.5)

    assert found.state == "failed"
    assert not cluster.store.all("jobs")


def test_what_can_be_no_job_fails_at_once(cluster, run, python):
    found = run(KubernetesJobOperator, **python("pass"), pod_patch={"spec": {"restartPolicy": "Always"}}, retries=2)

    assert (found.state, found.tries) == ("failed", 1)
    assert "Take Never or OnFailure" in found.errors[0]


@pytest.mark.parametrize("seconds", [0.5])
def test_a_job_that_runs_longer_than_its_task_may_is_gone_with_its_pods(cluster, run, python, seconds):
    short = {"spec": {"terminationGracePeriodSeconds": 1}}

    found = run(KubernetesJobOperator, **python("import time; time.sleep(60)"), timeout=seconds, pod_patch=short)

    assert found.state == "failed"
    assert (cluster.store.all("jobs"), cluster.pods(), cluster.node.alive()) == ([], {}, [])
