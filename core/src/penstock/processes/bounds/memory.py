"""Bounds on the memory of a process that runs a stranger's code."""

import resource

_MEGABYTE = 1 << 20


def limit_memory(megabytes: int) -> tuple[int, int]:
    """Limit what this process may take from now on; a tighter limit stays.

    Args:
        megabytes: Megabytes beyond those that it has already.

    Returns:
        The limits as they were, for `resource.setrlimit` with `resource.RLIMIT_AS`.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + megabytes * _MEGABYTE
    if before[1] == resource.RLIM_INFINITY or limit < before[1]:
        resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    return before


def _address_space() -> int:
    """Bytes of address space that this process has already; 0 where the kernel does not tell."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - read in forks, where `Path` copies pages
            pages = int(file.read().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()
