"""Whether what was stored in the database is what a task would be given."""

from collections.abc import Callable

from penstock.errors import ConfigError, NotFoundError
from penstock.tries.vault_sources import DATABASE, ENVIRONMENT


def why_unused(source: Callable[[], str], variable: str) -> str:
    """Say why what was just stored is not used; "" if it is.

    Args:
        source: Finds the name of the source that is used; it may raise what the vault raises.
        variable: What the environment would have it in.
    """
    try:
        used = source()
    except NotFoundError:
        return "the database is not in [secrets] order: the stored one is not used"
    except ConfigError as error:
        return f"whether the stored one is used cannot be told: {error}"
    if used == DATABASE:
        return ""
    if not used:
        return "the database is not in [secrets] order: the stored one is not used"
    what = f"{variable} is set" if used == ENVIRONMENT else f"the secrets backend {used!r} has it, too,"
    return f"{what} and comes first: the stored one is not used"
