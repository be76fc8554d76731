"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestCelery(ProviderSuite):
    provider_id = "celery"
