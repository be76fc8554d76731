"""Memory that a process has written to becomes huge pages, where the kernel makes them, and holds what it held."""

import re
import subprocess
import sys

SCRIPT = """
import ctypes, mmap
from penstock.processes.huge_pages import collapse, reserve

def memory(megabytes):
    # A shared mapping on either side keeps it apart from what else there is.
    return [mmap.mmap(-1, size << 20, flags=flags) for size, flags in (
        (1, mmap.MAP_SHARED), (megabytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), (1, mmap.MAP_SHARED))]

def shown(name, mapped):
    address, show = ctypes.addressof(ctypes.c_char.from_buffer(mapped)), False
    for line in open("/proc/self/smaps"):
        first, dash, rest = line.partition("-")
        if dash and " " in rest and all(each in "0123456789abcdef" for each in first):
            show = int(first, 16) <= address < int(rest.split()[0], 16)
        elif show and line.startswith("AnonHugePages"):
            print(name, line.split()[1])

reserve(4)
full, sparse = memory(8), memory(8)
full[1][:] = bytes(range(256)) * (1 << 15)
for page in range(0, 8 << 20, 1 << 14):
    sparse[1][page] = 1
print("found", collapse())
print("same", full[1][:] == bytes(range(256)) * (1 << 15))
shown("full", full[1])
shown("sparse", sparse[1])
print("arenas", max(int(end, 16) - int(first, 16) for first, end in (
    line.split()[0].split("-") for line in open("/proc/self/maps") if "rw-p" in line and len(line.split()) == 5)) >> 20)
"""


def test_memory_that_is_more_than_half_full_is_collapsed_and_stays_what_it_is():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    found = dict(re.findall(r"^(\w+) (\w+)$", done.stdout, re.MULTILINE))
    assert found["same"] == "True", done.stderr
    assert int(found["arenas"]) >= 4
    assert found["sparse"] == "0"
    # A kernel before 6.1, or one without huge pages to spare, collapses nothing and says so.
    assert found["found"] == "0" or int(found["full"]) >= 6 << 10
