"""What people do with the depot from the command line."""

import sys

from penstock_parcels.hooks import DepotHook


def inventory(prefix: str = "") -> int:
    """List the parcels of the depot; the exit code is 1 if there is none."""
    names = sorted(
        path.name for path in DepotHook().folder.iterdir() if path.is_file() and path.name.startswith(prefix)
    )
    sys.stdout.writelines(f"{name}\n" for name in names)
    return 0 if names else 1
