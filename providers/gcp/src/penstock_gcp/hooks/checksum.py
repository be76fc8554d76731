"""CRC32C as Cloud Storage writes it: Castagnoli's polynomial (RFC 3720, appendix B.4), big-endian, in base64."""

import base64

_POLYNOMIAL = 0x82F63B78  # with the lowest power in the highest bit, as the checksum itself
_ONE, _BYTE = 1 << 31, 1 << 23  # x^0, and x^8: a byte more


class Checksum:
    """The checksum of bytes that come one by one."""

    def __init__(self) -> None:
        self._value = 0

    def add(self, data: bytes) -> None:
        """Count bytes in."""
        import google_crc32c  # noqa: PLC0415 - on first use, as the rest of the SDK

        self._value = google_crc32c.extend(self._value, data)

    @property
    def text(self) -> str:
        """The checksum so far."""
        return base64.b64encode(self._value.to_bytes(4, "big")).decode()

    @staticmethod
    def number(data: bytes) -> int:
        """That of a whole, as the number that it is."""
        import google_crc32c  # noqa: PLC0415 - as above

        return int(google_crc32c.value(data))

    @staticmethod
    def declared(header: str) -> str:
        """That of an X-Goog-Hash header, such as ``crc32c=AAAAAA==,md5=...``; "" if it has none."""
        parts = (each.strip().partition("=") for each in header.split(","))
        return next((value for kind, _, value in parts if kind == "crc32c"), "")


def joined(first: str, second: str, size: int) -> str:
    """The checksum of two contents one behind the other, from those of both and the size of the second.

    A checksum is a remainder of polynomials: that of the first, moved by as many powers of x as the second has bits, plus that
    of the second.
    """
    moved, step = _number(first), _BYTE
    while size:
        if size & 1:
            moved = _product(step, moved)
        step = _product(step, step)
        size >>= 1
    return base64.b64encode((moved ^ _number(second)).to_bytes(4, "big")).decode()


def _product(one: int, other: int) -> int:
    """The product of two polynomials, modulo that of the checksum."""
    found = 0
    for power in range(32):
        if one & (_ONE >> power):
            found ^= other
        other = (other >> 1) ^ (_POLYNOMIAL if other & 1 else 0)
    return found


def _number(text: str) -> int:
    return int.from_bytes(base64.b64decode(text), "big")
