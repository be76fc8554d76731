"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestRedshift(ProviderSuite):
    provider_id = "redshift"
