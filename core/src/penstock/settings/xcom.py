"""``[xcom]``: the values that tasks pass on."""

from typing import Annotated

import msgspec


class XComSettings(msgspec.Struct, frozen=True):
    """``[xcom]``: values that tasks pass on.

    Attributes:
        threshold_bytes: Values whose JSON is longer go to the object store, by reference.
        store: URL under which they are put. If empty, it is the state folder; of what workers of other machines leave, the database, up
            to 1 MiB.
        conn_id: Connection of that object store; the scheme's default if empty.
    """

    threshold_bytes: Annotated[int, msgspec.Meta(ge=0)] = 65536
    store: str = ""
    conn_id: str = ""
