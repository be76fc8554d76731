"""Records that the Kinesis Producer Library has put together, and those that it was given. Pure.

Format: the page "KPL Aggregated Record Format" of awslabs/amazon-kinesis-producer at 162a68a (aggregation-format.md): four magic
bytes, a message of Protocol Buffers, and the 16 bytes of its MD5 checksum. The message has partition keys (field 1) and records
(field 3); a record has the index of its partition key (field 1) and its data (field 3). The encoding of fields is that of
"Encoding" in the documentation of Protocol Buffers.
"""

import hashlib
from collections.abc import Iterator

from penstock_aws.hooks.kinesis.events import AGGREGATED, Record

_DIGEST_BYTES = 16
_KEYS, _RECORDS = 1, 3
_KEY_INDEX, _DATA = 1, 3
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT_BITS = 63


def user_records(record: Record) -> list[Record]:
    """The records that a producer has given to its library, in their order: what is not aggregated, or is damaged, as it is."""
    body, digest = record.data[len(AGGREGATED) : -_DIGEST_BYTES], record.data[-_DIGEST_BYTES:]
    if not record.data.startswith(AGGREGATED) or hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return [record]
    try:
        fields = list(_fields(body))
        keys = [value.decode() for number, value in fields if number == _KEYS and isinstance(value, bytes)]
        return [
            _record(record, value, keys) for number, value in fields if number == _RECORDS and isinstance(value, bytes)
        ]
    except (ValueError, IndexError):
        return [record]


def _record(record: Record, message: bytes, keys: list[str]) -> Record:
    fields = dict(_fields(message))
    index, data = fields.get(_KEY_INDEX), fields.get(_DATA)
    if not isinstance(index, int) or not isinstance(data, bytes):
        raise ValueError("a record without its key or its data")  # noqa: TRY004 - the message's fault, as any other
    return record._replace(partition_key=keys[index], data=data)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message by their numbers; raises ValueError or IndexError for what is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _LENGTH:
            length, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + length > len(message):
            raise ValueError("a field that is cut off")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, at = value | (byte & 0x7F) << shift, at + 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > _LONGEST_VARINT_BITS:
            raise ValueError("a number of more than 64 bits")
