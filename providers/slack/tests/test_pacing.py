"""The buckets of channels, as all processes of a machine's user see them."""

import os
import signal
import subprocess
import sys

import pytest

from penstock.errors import ProviderError
from penstock_slack.hooks.pacing import ChannelPacing

A_PROCESS = """
import sys
from pathlib import Path
from penstock_slack.hooks.pacing import ChannelPacing

waited = []
pacing = ChannelPacing(Path(sys.argv[1]), waited.append, lambda: 1000.0)
for _ in range(4):
    pacing.wait("token", "alerts", 60.0)
print(sum(waited))
"""
HOLDS = """
import sys, time
from pathlib import Path
from penstock_slack.hooks.pacing import ChannelPacing

with ChannelPacing(Path(sys.argv[1]))._locked(sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "buckets"


@pytest.fixture
def waited():
    return []


@pytest.fixture
def pacing(folder, waited):
    return ChannelPacing(folder, waited.append, lambda: 1000.0)


def test_processes_share_one_bucket_a_channel(pacing, folder, waited):
    for _ in range(2):
        pacing.wait("token", "alerts", 60.0)
    others = [
        subprocess.Popen([sys.executable, "-c", A_PROCESS, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [float(each.communicate(timeout=60)[0]) for each in others]
    assert sum(told) == 1 + 2 + 3 + 4 + 5 + 6  # ten messages, of which four were a burst
    pacing.wait("token", "general", 60.0)
    pacing.wait("another token", "alerts", 60.0)
    assert waited == []


def test_a_process_that_is_killed_keeps_no_lock(pacing, folder, waited):
    pacing.wait("token", "alerts", 60.0)
    (bucket,) = folder.iterdir()
    holder = [sys.executable, "-c", HOLDS, str(folder), bucket.name]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        os.kill(process.pid, signal.SIGKILL)
    for _ in range(4):
        pacing.wait("token", "alerts", 60.0)
    assert waited == [1.0]


def test_a_place_that_is_too_late_is_not_taken_and_its_time_is_told(pacing, waited):
    for _ in range(6):
        pacing.wait("token", "alerts", 2.0)
    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            pacing.wait("token", "alerts", 2.0)
        assert (caught.value.kind, caught.value.retry_after_s) == ("throttled", 3.0)
    assert waited == [1.0, 2.0]


def test_names_of_files_tell_no_secret_and_a_damaged_one_is_a_full_bucket(pacing, folder, waited):
    pacing.wait("xoxb-secret", "alerts", 60.0)
    (bucket,) = folder.iterdir()
    assert "xoxb" not in bucket.name
    bucket.write_bytes(b"no")
    for _ in range(5):
        pacing.wait("xoxb-secret", "alerts", 60.0)
    assert waited == [1.0]


@pytest.mark.parametrize("spoil", [lambda it: it.chmod(0o777), lambda it: (it.rmdir(), it.write_text("a file"))])
def test_a_folder_that_others_may_write_is_not_used(pacing, folder, waited, spoil):
    folder.mkdir(mode=0o700)
    spoil(folder)
    for _ in range(9):
        pacing.wait("token", "alerts", 60.0)
    assert waited == []
