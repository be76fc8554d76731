"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestDask(ProviderSuite):
    provider_id = "dask"
