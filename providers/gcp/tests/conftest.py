"""Hooks that talk to the fakes of Google over their real host names."""

import json
import uuid

import pytest

from penstock import Connection
from penstock_gcp.hooks import GCSHook
from penstock_testkit.gcs import Gcs, GoogleTokens, PubSub

ACCOUNT = "robot@a-project.iam.gserviceaccount.com"


@pytest.fixture(scope="session")
def key():
    """Tokens of Google, and the key file of a service account: to make a key takes a second."""
    tokens = GoogleTokens()
    return tokens, tokens.account(ACCOUNT)


@pytest.fixture
def tokens(saas, key):
    """The issuers of tokens, which know one service account."""
    return saas.serve(key[0])


@pytest.fixture
def gcs(saas, tokens):
    """Cloud Storage with an empty bucket; it lets in who has a token, and lists 50 objects at once."""
    fake = saas.serve(Gcs(tokens, page_size=50))
    fake.create_bucket("clicks")
    return fake


@pytest.fixture
def connection(gcs, key):
    """A connection by the key of a service account."""
    return Connection("gcp_default", "gcp", password=json.dumps(key[1]), extra={"max_attempts": 3})


@pytest.fixture
def hook(connection):
    """A hook on the fake."""
    return GCSHook(connection=connection)


@pytest.fixture
def pubsub(saas, tokens):
    """Pub/Sub without a subscription."""
    return saas.serve(PubSub(tokens))


@pytest.fixture
def subscription(pubsub, gcs):
    """A subscription to what is written from now on; its name is new, as a process remembers what one has told."""
    name = f"projects/a-project/subscriptions/{uuid.uuid4().hex}"
    pubsub.subscribe(name, gcs)
    return name
