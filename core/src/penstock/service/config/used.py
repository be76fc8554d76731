"""Whether what is stored in the database is what a task would be given."""

from typing import Literal

from penstock.errors import ConfigError
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import DATABASE, ENVIRONMENT, ask


def why_unused(vault: Vault, method: Literal["connection", "variable"], name: str, variable: str) -> str:
    """Say why what is stored in the database is not used, or will not be once it is stored; "" if it is.

    Only what comes before the database is asked: secrets backends may take long, and so are asked before anything is written.

    Args:
        vault: Connections and Variables.
        method: What it is, as sources are asked for it.
        name: Its name.
        variable: What the environment would have it in.

    Raises:
        StoreError: The database failed.
    """
    for source in vault.sources:
        if source.name == DATABASE:
            return ""
        try:
            found = ask(source, method, name)
        except ConfigError as error:
            return f"whether the stored one is used cannot be told: {error}"
        if found is not None:
            what = (
                f"{variable} is set"
                if source.name == ENVIRONMENT
                else f"the secrets backend {source.name!r} has it, too,"
            )
            return f"{what} and comes first: the stored one is not used"
    return "the database is not in [secrets] order: the stored one is not used"
