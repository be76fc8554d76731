"""The provider from outside: is it what its manifest says, light to import, and easy to remove?"""

from penstock.testing import ProviderSuite


class TestProvider(ProviderSuite):
    provider_id = "sample"
