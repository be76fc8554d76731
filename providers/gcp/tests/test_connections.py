"""Who we are: by a key, its path, the environment, impersonation, or nobody."""

import json

import pytest

from penstock import DAG, Connection
from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_gcp.connections import GcpFields
from penstock_gcp.hooks import GCSHook
from penstock_gcp.transfers import LocalFilesystemToGCSOperator
from penstock_testkit.gcs import Gcs

ROBOT, BOSS, MIDDLE = (f"{name}@a-project.iam.gserviceaccount.com" for name in ("robot", "boss", "middle"))


def hook_by(**parts):
    return GCSHook(connection=Connection("c", "gcp", **parts))


def test_a_key_says_who_we_are(gcs, hook):
    report = hook.test_connection()

    assert (report.ok, report.identity) == (True, ROBOT)
    assert report.endpoint == "https://storage.googleapis.com"


def test_a_key_file_does_as_well(gcs, key, tmp_path):
    (tmp_path / "key.json").write_text(json.dumps(key[1]))

    assert hook_by(extra={"key_path": str(tmp_path / "key.json")}).test_connection().identity == ROBOT


def test_without_a_key_the_environment_decides(gcs, key, tmp_path, monkeypatch):
    (tmp_path / "key.json").write_text(json.dumps(key[1]))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))

    assert hook_by().test_connection().identity == ROBOT


def test_a_user_is_let_in_without_a_name(gcs, tokens):
    tokens.users["refresh-it"] = "somebody"
    info = {"type": "authorized_user", "client_id": "1", "client_secret": "s", "refresh_token": "refresh-it"}

    report = hook_by(password=json.dumps(info), extra={"project": "p"}).test_connection()

    assert (report.ok, report.identity) == (True, "")


POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k8s"


def workload(path, **more):
    """A connection for who has a token of another identity provider in a file."""
    info = {
        "type": "external_account", "audience": POOL, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": str(path)}, **more,
    }  # fmt: skip
    return hook_by(password=json.dumps(info), extra={"project": "p"})


def test_a_workload_elsewhere_becomes_an_account(gcs, tokens, tmp_path):
    tokens.subjects[POOL, "first"] = "principal://workload"
    tokens.impersonators.add(("principal://workload", BOSS))
    (tmp_path / "token").write_text("first")
    account = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{BOSS}:generateAccessToken"

    report = workload(tmp_path / "token", service_account_impersonation_url=account).test_connection()

    assert (report.ok, report.identity) == (True, BOSS)


def test_the_token_of_a_workload_is_read_again_once_it_is_needed(gcs, tokens, tmp_path):
    tokens.subjects[POOL, "first"] = "principal://workload"
    (tmp_path / "token").write_text("first")
    gcs.put("gs://clicks/a", "one")
    hook = workload(tmp_path / "token")
    before = hook.read("gs://clicks/a")
    tokens.revoke()
    tokens.subjects = {(POOL, "second"): "principal://workload"}
    (tmp_path / "token").write_text("second")

    assert (before, hook.read("gs://clicks/a")) == (b"one", b"one")


def test_a_workload_that_the_pool_does_not_know_is_told(gcs, tmp_path):
    (tmp_path / "token").write_text("se-cret")

    report = workload(tmp_path / "token").test_connection()

    assert not report.ok
    assert "The subject token is not valid" in report.detail
    assert "se-cret" not in report.detail


def test_a_chain_of_accounts_ends_at_the_last(gcs, tokens, key):
    tokens.impersonators |= {(ROBOT, MIDDLE), (MIDDLE, BOSS)}

    hook = hook_by(password=json.dumps(key[1]), extra={"impersonation_chain": f"{MIDDLE}, {BOSS}"})

    assert hook.test_connection().identity == BOSS


def test_an_account_that_may_not_be_impersonated_is_told(gcs, tokens, key):
    tokens.impersonators.clear()

    report = hook_by(password=json.dumps(key[1]), extra={"impersonation_chain": BOSS}).test_connection()

    assert not report.ok
    assert "serviceAccounts.getAccessToken" in report.detail


def test_an_open_bucket_is_read_by_nobody(saas, tokens):
    gcs = saas.serve(Gcs(tokens))
    gcs.create_bucket("open", public=True)
    gcs.create_bucket("closed")
    gcs.put("gs://open/a", "one")
    hook = hook_by(extra={"anonymous": "true"})

    assert hook.read("gs://open/a") == b"one"
    assert hook.test_connection().ok
    assert hook.test_connection("open").ok
    with pytest.raises(ProviderError) as caught:
        hook.read("gs://closed/a")
    assert caught.value.kind is ErrorKind.AUTH


def test_a_service_that_does_not_answer_is_named_with_the_connection(gcs, key):
    gcs.faults.reset_before(None)
    hook = hook_by(password=json.dumps(key[1]), extra={"max_attempts": 1})

    detail = hook.test_connection().detail

    assert "Check that https://storage.googleapis.com is where the connection 'c' should lead" in detail


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_file_that_is_not_there_is_told(gcs, connection, parallel):
    with DAG("d", schedule=None) as dag:
        LocalFilesystemToGCSOperator(task_id="t", source="/nope/a", destination="gs://clicks/a", parallel=parallel)

    (error,) = run_dag(dag, connections={"gcp_default": connection}).tasks["t"].errors
    assert "gcs InsertObject: there is no file '/nope/a' on the machine of this task" in error


def test_a_bucket_is_asked_for(hook):
    assert hook.test_connection("clicks").ok
    assert "does not exist" in hook.test_connection("nowhere").detail


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"key_path": "/a", "keyfile_json": "{}"}, "exclude each other"),
        ({"anonymous": True, "key_path": "/a"}, "anonymous excludes"),
        ({"endpoint_url": "storage"}, "http://"),
        ({"impersonation_chain": "robot"}, "e-mail"),
        ({"deadline_s": 0}, "greater than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(extra, words):
    with pytest.raises(ConfigError, match=words):
        read_fields(Connection("c", "gcp", extra=extra), GcpFields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{se-cret", "is no JSON"),
        ('["se-cret"]', "is no JSON object"),
        ('{"type": "se-cret"}', "none of service_account"),
        ('{"type": "service_account", "private_key": "se-cret"}', "not whole"),
    ],
)
def test_a_damaged_key_is_refused_and_not_shown(gcs, text, words):
    report = hook_by(password=text).test_connection()

    assert words in report.detail
    assert "se-cret" not in report.detail
