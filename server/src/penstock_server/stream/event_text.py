"""Server-sent events are made into bytes. Source: the HTML standard, section 9.2."""

import msgspec

RETRY = b"retry: 2000\n\n"
"""Has the browser wait so many milliseconds before it comes again."""


def event(name: str, position: object, data: bytes) -> bytes:
    """One event: the browser has all of it or nothing, and comes again with the position of the last one.

    Args:
        name: Its type.
        position: Where in the feed it ends.
        data: JSON in one line.
    """
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(position).encode(), name.encode(), data)


def end(position: object, reason: str) -> bytes:
    """The last event of a stream that the server ends: why, and what to do."""
    return event("end", position, msgspec.json.encode({"reason": reason}))


def beat(position: object) -> bytes:
    """A comment that keeps proxies from closing the line; the position moves on, and no event is made of it."""
    return b"id: %s\n: beat\n\n" % str(position).encode()
