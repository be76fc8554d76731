"""Offloads large values of a try to the object store, and sends a reference in their place."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from penstock.author.runtime import Runtime
from penstock.errors import ConfigError
from penstock.model.attempt import Value
from penstock.model.names import LARGEST_CHECKPOINT
from penstock.model.values.value import Reference, elements, form_of, refer
from penstock.spec.executor import Offload, TryRequest

PART_BYTES = 1 << 20
"""A list or dict is cut into objects of about this size, so that a task mapped over it reads little for one element."""


def offloaded(xcoms: Mapping[str, Value], request: TryRequest, runtime: Runtime) -> dict[str, Value]:
    """Values as they travel. A large one is in the object store before this returns.

    Objects are named by the try: a late try overwrites nothing, and a repeated one leaves nothing half old.

    Raises:
        PenstockError: The object store could not be opened or written, or there is none.
    """
    where = request.offload
    return {
        key: value
        if where is None or len(value.json) <= where.threshold_bytes
        else Value(
            refer(_put(value, where, _place(where, request, f"XCom {key!r}", key, value.json), runtime)), value.length
        )
        for key, value in xcoms.items()
    }


def put_checkpoint(key: str, value: bytes, request: TryRequest, runtime: Runtime) -> bytes:
    """The JSON of a checkpoint as it travels. A large one is in the object store before this returns.

    Its object is named by what is in it, too: what the database has kept before stays whole until it keeps this.

    Raises:
        PenstockError: As `offloaded`.
    """
    where = request.offload
    if where is None or len(value) <= min(where.threshold_bytes, LARGEST_CHECKPOINT):
        return value
    name = f"{key}\0{hashlib.sha256(value).hexdigest()}"
    url = _place(where, request, f"checkpoint {key!r}", name, value)
    runtime.object_store(url, where.conn_id or None).write(url, value)
    return refer(Reference(url, where.conn_id))


def _put(value: Value, where: Offload, url: str, runtime: Runtime) -> Reference:
    store = runtime.object_store(url, where.conn_id or None)
    if not value.length:
        store.write(url, value.json)
        return Reference(url, where.conn_id)
    reference = Reference(url, where.conn_id, form_of(value.json), tuple(map(len, _parts(elements(value.json)))))
    for part_url, part in zip(reference.urls(), _parts(elements(value.json)), strict=True):
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


def _place(where: Offload, request: TryRequest, what: str, key: str, value: bytes) -> str:
    """The URL of a value."""
    if not where.url:
        raise ConfigError(
            f"{what} has {len(value):,} bytes as JSON, and no object store is named that the workers of queue {request.queue!r} reach. "
            "Name one by `[xcom] store`, such as s3://BUCKET/xcom, or file:///FOLDER of one that all have mounted; or hand on less."
        )
    return where.url + _name(request, key)


def _name(request: TryRequest, key: str) -> str:
    """A name of bounded length, whatever the ids and the key."""
    task_id, map_index = request.facts.task_id, request.facts.map_index
    whole = f"{task_id}\0{map_index}\0{request.epoch}\0{key}"
    return f"{task_id[:80]}-{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
