"""What a fake of Cloud Storage keeps: buckets, objects, uploads that have begun.

Generations are those of the service: microseconds of its clock at which the content was written, and only ever growing
(https://cloud.google.com/storage/docs/metadata#generation-number).
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import google_crc32c

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class StoredObject:
    """One object as it is now; a content that is replaced is gone.

    Attributes:
        bucket: Its bucket.
        name: Its name.
        content: The bytes as they are stored.
        generation: The number of this content.
        metageneration: The number of this generation's metadata.
        fields: The metadata that its writer may set, as they stand in the resource.
        components: Of how many objects it is composed; None if it is not.
        updated: When content or metadata changed last.
    """

    bucket: str
    name: str
    content: bytes
    generation: int
    fields: dict[str, Any] = field(default_factory=dict)
    metageneration: int = 1
    components: int | None = None
    updated: datetime = _EPOCH

    @property
    def crc32c(self) -> str:
        """The checksum as the service writes it: big-endian, in base64."""
        return base64.b64encode(google_crc32c.value(self.content).to_bytes(4, "big")).decode()

    @property
    def resource(self) -> dict[str, Any]:
        """The object's resource, as far as the fake keeps it."""
        created = _EPOCH + timedelta(microseconds=self.generation)
        made: dict[str, Any] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "storageClass": "STANDARD",
            "size": str(len(self.content)),
            "crc32c": self.crc32c,
            "etag": base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode(),
            "timeCreated": _written(created),
            "updated": _written(max(created, self.updated)),
        }
        if self.components is None:  # composed objects have no MD5
            made["md5Hash"] = base64.b64encode(hashlib.md5(self.content).digest()).decode()  # noqa: S324 - the service's
        else:
            made["componentCount"] = self.components
        return made | self.fields


@dataclass
class Bucket:
    """A bucket and its objects.

    Attributes:
        name: Its name.
        fields: What its creator set.
        objects: By name.
        public: Whether anybody may read it without a token.
    """

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, StoredObject] = field(default_factory=dict)
    public: bool = False

    @property
    def resource(self) -> dict[str, Any]:
        """The bucket's resource, as far as the fake keeps it."""
        return {
            "kind": "storage#bucket", "id": self.name, "name": self.name, "metageneration": "1",
            "location": "US", "storageClass": "STANDARD", "etag": "CAE=",
        } | self.fields  # fmt: skip


@dataclass
class UploadSession:
    """A resumable upload that has begun.

    Attributes:
        bucket: Where to.
        name: Where to.
        fields: The object's metadata.
        conditions: The preconditions of its beginning, which hold for its end too.
        received: What is persisted.
        done: The object, once it is complete.
    """

    bucket: str
    name: str
    fields: dict[str, Any]
    conditions: dict[str, str]
    received: bytearray = field(default_factory=bytearray)
    done: StoredObject | None = None


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
