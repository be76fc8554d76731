"""Memory of a process that forks, in huge pages of 2 MB in place of 512 small ones.

A fork writes an entry for each page that its parent has, and takes it away when it ends: for 20 MB in small pages that is as much work as
the rest of a bare fork. Pages that were one huge page are entered and taken away together, even after some of them were copied.
Where the kernel has no huge pages, or does not collapse memory when it is asked (Linux before 6.1), nothing happens.
"""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

_HUGE, _PAGE = 1 << 21, 1 << 12
_MADV_COLLAPSE = 25
_BLOCK = 512
"""The largest object that Python takes from its arenas, with its header; larger ones it has from the heap."""
_ARENA = 1 << 20
_HEAP_BLOCK = 100_000
_HEADER = sys.getsizeof(b"")

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
if _libc is not None:
    _libc.malloc.argtypes, _libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
_held: list[bytes] = []


def reserve(megabytes: int) -> None:
    """Have Python's arenas, and the heap of C, lie in one piece each, so that they fill huge pages; to be called before imports.

    Later they lie wherever libraries that were loaded in between have left room, and a heap that grows in a fork begins another piece.

    Args:
        megabytes: Megabytes of either.
    """
    if _libc is None:
        return
    size = megabytes << 20
    blocks = [bytes(_BLOCK - _HEADER) for _ in range(size // _BLOCK)]
    _held[:] = blocks[:: _ARENA // _BLOCK // 2]  # an arena in which nothing is left is given back
    # What is free at the end of the heap is given back, so that the last of these stays.
    *others, _ = [ctypes.c_void_p(_libc.malloc(_HEAP_BLOCK)) for _ in range(size // _HEAP_BLOCK)]
    for each in others:
        _libc.free(each)


def collapse() -> int:
    """Move what this process has written to into huge pages, as far as it half fills them; returns how many there are."""
    if _libc is None:
        return 0
    found = 0
    present = (ctypes.c_ubyte * (_HUGE // _PAGE))()
    for first, end in _own_memory():
        for start in range(-(-first // _HUGE) * _HUGE, end - _HUGE + 1, _HUGE):
            where, size = ctypes.c_void_p(start), ctypes.c_size_t(_HUGE)
            if _libc.mincore(where, size, present) == 0 and 2 * sum(present) > len(present):
                found += _libc.madvise(where, size, _MADV_COLLAPSE) == 0
    return found


def _own_memory() -> Iterator[tuple[int, int]]:
    """First address and end of each range of memory that this process can write to and that is no file's."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        addresses, access, _, _, _, *name = line.split(maxsplit=5)
        if access == "rw-p" and name in ([], ["[heap]"]):
            first, end = addresses.split("-")
            yield int(first, 16), int(end, 16)
