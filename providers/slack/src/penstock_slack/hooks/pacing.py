"""How fast messages go into one channel: a token bucket a channel, shared by all processes of a user on a machine.

Slack takes about one message a second in a channel, and short bursts of more (docs.slack.dev, "Rate limits", Posting
messages). A bucket is one number in a file: the instant until which its places are taken, on the machine's monotonic clock,
which all processes see alike. A process that is killed has taken a place for nothing, and the kernel takes its lock away.
Processes on several machines do not see each other's buckets: what is too fast together is answered with 429, and waits as
long as that says. The same holds where no folder can be shared.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from penstock.errors import ErrorKind, ProviderError

RATE_PER_S = 1.0
BURST = 4.0
_LOCK_S = 2.0  # for a lock that is held for microseconds, unless its holder was stopped
_PLACE = struct.Struct("d")


class ChannelPacing:
    """The buckets of a machine's user.

    Args:
        folder: Where they are; one of this user's in the machine's folder for temporary files unless given.
        sleep: Waits seconds.
        monotonic: Tells seconds that never go back, the same in all processes.
    """

    def __init__(
        self,
        folder: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._sleep, self._monotonic = folder, sleep, monotonic

    def wait(self, secret: str, channel: str, most_s: float) -> None:
        """Take a place for one message, and wait until it is there.

        Args:
            secret: The token, or the webhook's URL; it is not written down.
            channel: Id or name of the channel; each has a bucket of its own.
            most_s: Seconds beyond which no place is taken.

        Raises:
            penstock.errors.ProviderError: Of kind ``throttled``: the next place is later than that.
        """
        name = hashlib.sha256(f"{_boot_id()}\0{secret}\0{channel}".encode()).hexdigest()[:32]
        try:
            delay_s = self._take(name, most_s)
        except OSError:
            return  # there is nothing to share: Slack's own answer says when
        if delay_s > most_s:
            raise ProviderError(
                f"so many messages wait for the channel {channel!r} that the next has its turn in {delay_s:.0f} s",
                service="slack", operation="chat.postMessage", kind=ErrorKind.THROTTLED, code="ratelimited",
                retry_after_s=delay_s,
            )  # fmt: skip
        if delay_s > 0:
            self._sleep(delay_s)

    def _take(self, name: str, most_s: float) -> float:
        """Seconds until a place, which is taken if they are no more than most_s."""
        with self._locked(name) as file:
            now, kept = self._monotonic(), os.pread(file, _PLACE.size, 0)
            taken_until = _PLACE.unpack(kept)[0] if len(kept) == _PLACE.size else 0.0
            free_at = max(taken_until, now - BURST / RATE_PER_S) + 1.0 / RATE_PER_S
            if free_at - now <= most_s:
                os.pwrite(file, _PLACE.pack(free_at), 0)
            return free_at - now

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        """The file of a bucket, open for nobody else; raises OSError if there can be none."""
        file = os.open(own_folder(self._folder) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            end = time.monotonic() + _LOCK_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.002)
            yield file
        finally:
            os.close(file)


def own_folder(folder: Path | None = None) -> Path:
    """A folder that only this user may write, made if need be.

    Args:
        folder: Which; one in the machine's folder for temporary files unless given.

    Raises:
        PermissionError: It is another user's, or others may write it.
        OSError: There can be none.
    """
    found = folder or Path(tempfile.gettempdir()) / f"penstock-slack-{os.geteuid()}"
    found.mkdir(mode=0o700, exist_ok=True)
    is_now = found.lstat()
    if not stat.S_ISDIR(is_now.st_mode) or is_now.st_uid != os.geteuid() or is_now.st_mode & 0o022:
        raise PermissionError(f"{found} is not this user's alone")
    return found


def _boot_id() -> str:
    """What tells this run of the machine from the one before it, whose monotonic clock was another; "" where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""


pacing = ChannelPacing()
