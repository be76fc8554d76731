"""The fakes of Secret Manager and Pub/Sub, asked over REST with tokens by google-auth.

The official clients bring gRPC, 50 MB for a few requests, and are not among what the tests install. What is sent here is what
google-cloud-secret-manager 2.32.0 and google-cloud-pubsub 2.44.0 send with ``transport="rest"``; both were run against these fakes.
"""

import base64

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials

from penstock_testkit.gcs import Gcs, GoogleTokens, PubSub, SecretManager

SECRETS, SUBSCRIPTIONS = (f"https://{name}.googleapis.com/v1/projects/shop" for name in ("secretmanager", "pubsub"))
AS_CLIENTS_SEND = {"$alt": "json;enum-encoding=int"}
NAME = "projects/shop/subscriptions/s"


@pytest.fixture
def tokens(saas):
    return saas.serve(GoogleTokens())


@pytest.fixture
def ask(tokens):
    """A function that sends a request with a token; gives status and JSON."""
    key = tokens.account("robot@shop.iam.gserviceaccount.com", "shop")
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    with AuthorizedSession(Credentials.from_service_account_info(key, scopes=scopes)) as session:

        def asking(method, url, *, json=None, **params):
            answer = session.request(method, url, params=AS_CLIENTS_SEND | params, json=json, timeout=60)
            return answer.status_code, answer.json()

        yield asking


@pytest.fixture
def manager(saas, tokens):
    return saas.serve(SecretManager(tokens))


@pytest.fixture
def pubsub(saas, tokens):
    return saas.serve(PubSub(tokens))


def test_a_secret_of_any_project_is_read_with_its_checksum(manager, ask):
    manager.put("threshold", "123456789", project="shop")

    status, found = ask("GET", f"{SECRETS}/secrets/threshold/versions/latest:access")

    assert (status, base64.b64decode(found["payload"]["data"])) == (200, b"123456789")
    assert found["payload"]["dataCrc32c"] == str(0xE3069283)  # the check value of CRC-32/ISCSI
    assert ask("GET", f"{SECRETS}/secrets/none/versions/latest:access")[1]["error"]["status"] == "NOT_FOUND"
    manager.disabled.add("threshold")
    assert ask("GET", f"{SECRETS}/secrets/threshold/versions/latest:access")[0] == 400


def test_secrets_are_listed_in_pages_by_a_part_of_their_names(manager, ask):
    for name in ("a-one", "a-two", "a-three", "b"):
        manager.put(name, "x", project="shop")
    manager.put("a-of-another", "x", project="other")

    _, first = ask("GET", f"{SECRETS}/secrets", pageSize=250, filter="name:a-")
    _, rest = ask("GET", f"{SECRETS}/secrets", pageSize=250, filter="name:a-", pageToken=first["nextPageToken"])

    names = [each["name"].rpartition("/")[2] for page in (first, rest) for each in page["secrets"]]
    assert (names, "nextPageToken" in rest) == (["a-one", "a-three", "a-two"], False)


def test_a_new_content_is_delivered_until_it_is_acknowledged(saas, tokens, pubsub, ask):
    gcs = saas.serve(Gcs(tokens))
    gcs.create_bucket("clicks")
    pubsub.subscribe(NAME, gcs)
    gcs.put("gs://clicks/a", "x")
    asked = {"returnImmediately": True, "maxMessages": 5}

    def pulled():
        return ask("POST", f"{SUBSCRIPTIONS}/subscriptions/s:pull", json=asked)[1].get("receivedMessages", [])

    (first,) = pulled()
    assert (first["message"]["attributes"]["bucketId"], first["message"]["attributes"]["objectId"]) == ("clicks", "a")
    assert pulled() == []
    pubsub.redeliver(NAME)
    (again,) = pulled()
    assert again["message"]["messageId"] == first["message"]["messageId"]
    assert ask("POST", f"{SUBSCRIPTIONS}/subscriptions/s:acknowledge", json={"ackIds": [again["ackId"]]}) == (200, {})
    pubsub.redeliver(NAME)
    assert pulled() == []


def test_a_subscription_that_is_not_there_and_a_token_that_is_none_are_refused(pubsub, manager, tokens, ask):
    asked = {"returnImmediately": True, "maxMessages": 5}
    assert ask("POST", f"{SUBSCRIPTIONS}/subscriptions/none:pull", json=asked)[0] == 404
    tokens.is_live = lambda _: False
    assert ask("POST", f"{SUBSCRIPTIONS}/subscriptions/none:pull", json=asked)[0] == 401
    assert ask("GET", f"{SECRETS}/secrets", pageSize=1)[0] == 401


def test_a_pull_that_would_wait_is_told_to_be_unknown(pubsub, ask):
    pubsub.subscribe(NAME)

    with pytest.raises(ValueError, match="Expecting value"):  # it is plain text, of the fake
        ask("POST", f"{SUBSCRIPTIONS}/subscriptions/s:pull", json={"maxMessages": 5})

    assert pubsub.problems == ["a pull that waits for messages"]
    pubsub.problems.clear()
