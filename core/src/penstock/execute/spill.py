"""Large values on their way out of a try: they go to the object store, and a reference travels in their stead."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from penstock.author.run.execution import Left
from penstock.author.runtime import Runtime
from penstock.model.value import Reference, elements, form_of, refer
from penstock.spec.executor import Spill, TryRequest, XComValue

PART_BYTES = 1 << 20
"""A list or dict is cut into objects of about this size, so that a task mapped over it reads little for one element."""


def spilled(xcoms: Mapping[str, Left], request: TryRequest, runtime: Runtime) -> dict[str, XComValue]:
    """Values as they travel. A large one is in the object store before this returns.

    Objects are named by the try: a late try overwrites nothing, and a repeated one leaves nothing half old.

    Raises:
        PenstockError: The object store could not be opened or written.
    """
    where = request.spill
    return {
        key: XComValue(
            left.value
            if where is None or len(left.value) <= where.threshold_bytes
            else refer(_put(left, where, where.url + _name(request, key), runtime)),
            left.length,
        )
        for key, left in xcoms.items()
    }


def _put(left: Left, where: Spill, url: str, runtime: Runtime) -> Reference:
    store = runtime.object_store(url, where.conn_id or None)
    if not left.length:
        store.write(url, left.value)
        return Reference(url, where.conn_id)
    reference = Reference(url, where.conn_id, form_of(left.value), tuple(map(len, _parts(elements(left.value)))))
    for part_url, part in zip(reference.urls(), _parts(elements(left.value)), strict=True):
        store.write(part_url, b"[" + b",".join(part) + b"]")
    return reference


def _parts(encoded: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Elements in their order, as many together as make a part."""
    part: list[bytes] = []
    size = 0
    for each in encoded:
        if part and size + len(each) > PART_BYTES:
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each)
    yield part


def _name(request: TryRequest, key: str) -> str:
    """A name of bounded length, whatever the ids and the key."""
    whole = f"{request.task_id}\0{request.map_index}\0{request.epoch}\0{key}"
    return f"{request.task_id[:80]}-{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
