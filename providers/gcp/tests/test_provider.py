"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestGcp(ProviderSuite):
    provider_id = "gcp"
