"""The hash by which stored content is named and compared: DAGs, source snapshots, archives, files of environments."""

import hashlib


def content_hash(data: bytes) -> str:
    """The hash that names stored content: BLAKE2b, 20 bytes, as 40 hexadecimal digits."""
    return content_hasher(data).hexdigest()


def content_hasher(begun: bytes = b"") -> "hashlib.blake2b":
    """What makes a `content_hash` of content that comes piece by piece."""
    return hashlib.blake2b(begun, digest_size=20)
