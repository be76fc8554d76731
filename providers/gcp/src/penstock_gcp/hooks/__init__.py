"""Hooks of Google Cloud: the only room that imports its SDK, and that on first use."""

from penstock_gcp.hooks.gcs import GCSHook
from penstock_gcp.hooks.pubsub import PubSubHook, PubSubMessage
from penstock_gcp.hooks.reading import GCSObject
from penstock_gcp.hooks.secret_values import SecretManagerHook

__all__ = ["GCSHook", "GCSObject", "PubSubHook", "PubSubMessage", "SecretManagerHook"]
