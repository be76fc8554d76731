"""Types are decoded by many threads from the first moment on."""

import subprocess
import sys

import msgspec
import pytest

from penstock.decoders import convert, decode_json, decode_msgpack

FIRST = """
import sys, threading
import msgspec
from penstock.decoders import convert, decode_json, decode_msgpack

sys.setswitchinterval(1e-6)
SLOW = [(f"slow_{n}", "dict[str, list[int]] | None", None) for n in range(20)]  # texts are looked up in Python
WAYS = [
    lambda kind: decode_json(b'{"last": 7}', kind),
    lambda kind: decode_msgpack(msgspec.msgpack.encode({"last": 7}), kind),
    lambda kind: convert({"last": 7}, kind),
    lambda kind: decode_json(b'[{"last": 7}]', list[kind])[0],
]
for _ in range(150):
    inner = msgspec.defstruct("Inner", SLOW, module="builtins")
    kind = msgspec.defstruct("Kind", [("inner", list[inner] | None, None), ("last", int)], kw_only=True)
    together, found = threading.Barrier(len(WAYS)), []

    def first(way):
        together.wait()
        found.append(way(kind).last)

    threads = [threading.Thread(target=first, args=(way,)) for way in WAYS]
    [each.start() for each in threads]
    [each.join() for each in threads]
    assert found == [7] * len(WAYS), found
"""

FORKED = """
import os, threading
import msgspec
from penstock.decoders import decode_json

class Kind(msgspec.Struct):
    number: int

stop = threading.Event()

def describe():
    while not stop.is_set():
        decode_json(b"[]", list[msgspec.defstruct("Other", [("kind", Kind)])])

thread = threading.Thread(target=describe)
thread.start()
for _ in range(30):
    if (child := os.fork()) == 0:
        os._exit(decode_json(b'{"number": 7}', msgspec.defstruct("Own", [("number", int)])).number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
stop.set()
thread.join()
"""


@pytest.mark.parametrize("program", [pytest.param(FIRST, id="threads"), pytest.param(FORKED, id="forks")])
def test_a_type_that_is_new_to_all_threads_ends_no_process(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("make", "given"),
    [(decode_json, b'"1"'), (decode_msgpack, b"\xa11"), (convert, "1")],
    ids=lambda each: str(each)[:20],
)
def test_another_type_is_told(make, given):
    for _ in range(2):
        with pytest.raises(msgspec.ValidationError, match="Expected `int`, got `str`"):
            make(given, int)


def test_a_text_is_a_number_where_that_is_asked_for():
    assert convert("1", int, strict=False) == 1
