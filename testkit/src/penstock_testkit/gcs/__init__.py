"""Cloud Storage, Pub/Sub, Secret Manager and the tokens of Google, as fakes for the official client."""

from penstock_testkit.gcs.cloud_storage import Gcs
from penstock_testkit.gcs.pubsub import PubSub
from penstock_testkit.gcs.secret_manager import SecretManager
from penstock_testkit.gcs.tokens import GoogleTokens

__all__ = ["Gcs", "GoogleTokens", "PubSub", "SecretManager"]
