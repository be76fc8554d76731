"""Reading parts of a stream that is sent to an object store part by part."""

import io
from typing import BinaryIO


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Exactly ``size`` bytes, unless the stream ends before: a raw stream may give less at a time.

    Args:
        stream: What is read on.
        size: Bytes of the part.

    Raises:
        OSError: It cannot be read.
    """
    held = io.BytesIO()
    while held.tell() < size:
        piece = stream.read(size - held.tell())
        if not piece:
            break
        held.write(piece)
    return held.getvalue()
