"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestDocker(ProviderSuite):
    provider_id = "docker"
