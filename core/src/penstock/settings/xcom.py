"""``[xcom]``: the values that tasks pass on."""

from typing import Annotated

import msgspec

_KEPT_BYTES = 1 << 20


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

    @property
    def kept_bytes(self) -> int:
        """Bytes up to which the database keeps a value, where there is no store that workers of other machines reach."""
        return max(self.threshold_bytes, _KEPT_BYTES)
