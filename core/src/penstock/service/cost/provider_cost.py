"""The operation that measures what a provider costs."""

import sys

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.plugins.import_cost import import_cost
from penstock.plugins.isolated import isolated_pythons
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation


class DistributionCost(msgspec.Struct, frozen=True):
    """A distribution that is there for a provider: its own, or one that comes along.

    Attributes:
        bytes: Size of its files, as it wrote them down when it was installed; 0 if it did not.
    """

    name: str
    version: str
    bytes: int


class ProviderCost(msgspec.Struct, frozen=True):
    """What a provider costs.

    Attributes:
        import_ms: Milliseconds that it takes to import all that it offers where the core is imported already; None if that failed.
        problem: Why it failed; "" if it did not.
        distributions: Its own distribution and those that come along, without the core's.
    """

    id: str
    import_ms: float | None
    problem: str
    distributions: list[DistributionCost]

    @property
    def bytes(self) -> int:
        """Size of all its distributions."""
        return sum(each.bytes for each in self.distributions)


@operation("POST", "/providers/{provider_id}/cost", needs=Permission.INSTALLATION_WRITE, reads=True)
def measure_provider(installation: Installation, provider_id: str) -> ProviderCost:
    """Measure what a provider costs: what it offers is imported in a process of its own, in the environment that it lives in.

    Raises:
        NotFoundError: No provider of this id is installed.
        RequestError: It is broken, so that nothing says what to import.
        ConfigError: The file of isolated providers cannot be read.
    """
    host = installation.host
    if provider_id not in host.ids():
        hint = f"Install it with: plugin-manager install {provider_id}"
        raise NotFoundError("installed provider", provider_id, host.ids(), hint=hint)
    provider = host.provider(provider_id)
    if provider.manifest is None:
        problems = " ".join(provider.problems)
        raise RequestError(f"provider {provider_id!r} is broken, and is not imported: {problems}")
    python = isolated_pythons(installation.settings.isolated_file).get(provider_id, sys.executable)
    distribution = next((each.distribution for each in provider.entry_points), "")
    offered = [each.object.partition(":")[0] for each in provider.manifest.capabilities]
    found = import_cost(python, distribution, list(dict.fromkeys([*provider.manifest.imports, *offered])))
    rows = [DistributionCost(*each) for each in found.distributions]
    return ProviderCost(provider_id, found.import_ms, found.problem, rows)
