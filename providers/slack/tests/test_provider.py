"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestSlack(ProviderSuite):
    provider_id = "slack"
