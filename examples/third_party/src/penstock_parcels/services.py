"""What runs in the depot all the time."""

from penstock.spec.service import ServiceContext
from penstock_parcels.hooks import DepotHook


class Doorkeeper:
    """Keeps a note of how many parcels are in the depot.

    Args:
        every_s: Seconds from look to look.
    """

    def __init__(self, every_s: float = 1.0) -> None:
        self._every_s = every_s

    def run(self, context: ServiceContext) -> None:
        """Look until it is time to stop."""
        hook = DepotHook()
        while not context.wait(self._every_s):
            count = sum(path.is_file() for path in hook.folder.iterdir())
            hook.send("notes/door", str(count))
            context.report(f"{count} parcels")
