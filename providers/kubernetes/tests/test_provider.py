"""The provider from outside."""

from penstock.testing.provider_suite import ProviderSuite


class TestKubernetes(ProviderSuite):
    provider_id = "kubernetes"
