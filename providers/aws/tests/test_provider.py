"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestAws(ProviderSuite):
    provider_id = "aws"
