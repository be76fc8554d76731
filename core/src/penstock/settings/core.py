"""``[core]``: where things are."""

import msgspec


class CoreSettings(msgspec.Struct, frozen=True):
    """``[core]``: where things are. Relative paths start at the folder of ``penstock.toml``.

    Attributes:
        dags_folder: Folder of the DAG files.
        state_folder: Folder of the database, the key file, source snapshots and sockets.
        logs_folder: Folder of the logs; ``logs`` in the state folder if empty.
    """

    dags_folder: str = "dags"
    state_folder: str = ".penstock"
    logs_folder: str = ""
