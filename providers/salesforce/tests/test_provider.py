"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestSalesforce(ProviderSuite):
    provider_id = "salesforce"
