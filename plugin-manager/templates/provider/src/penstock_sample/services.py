"""What runs all the time under ``penstock up``, in a process of its own."""

from penstock.errors import ConfigError, ProviderError
from penstock.spec.service import ServiceContext

from penstock_sample.hooks import SampleHook


class SampleService:
    """Looks after the items of the service; implements `penstock.spec.service.Service`.

    Args:
        every_s: Seconds from look to look.
        sample_conn_id: The connection.

    Raises:
        ConfigError: It would look all the time.
    """

    def __init__(
        self,
        *,
        every_s: float = 30.0,
        sample_conn_id: str = "sample_default",
    ) -> None:
        if every_s <= 0:
            raise ConfigError(f"every_s is {every_s!r}; write a number of seconds above 0.")
        self._every_s, self._hook = every_s, SampleHook(sample_conn_id)

    def run(self, context: ServiceContext) -> None:
        """Report how many items there are, until Penstock stops."""
        while not context.stopping:
            try:
                count = sum(1 for _ in self._hook.list(""))
            except ProviderError as error:
                context.report(str(error), healthy=False)
            else:
                context.report(f"{count} items")
            context.wait(self._every_s)
