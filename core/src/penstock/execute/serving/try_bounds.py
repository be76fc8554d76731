"""Holds tries to the memory and processors that they ask for, and tells of one that ran out of its memory."""

import signal
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from penstock.author.construct.task_resources import memory_text
from penstock.decoders import msgpack_decoder
from penstock.execute.channel import LINE_CLOSED
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome
from penstock.processes.bounds.control_groups import Group, Groups, OwnGroup
from penstock.processes.group import describe_exit
from penstock.spec.executor import TryRequest

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgpack_decoder(TryEnd).decode


class TryBounds:
    """The groups of the tries of one file server; nothing is looked for before the first try that asks for something."""

    def __init__(self) -> None:
        self._groups: Groups | None = None
        self._own = OwnGroup()
        self._left: list[Group] = []

    def begin(self, request: TryRequest, serial: int, pid: int) -> tuple[Group | None, str]:
        """Put the process of a try into a group of its own.

        Returns:
            The group, or None and why there is none; neither for a try that asks for nothing.
        """
        if not (request.cpu or request.memory_bytes) or request.wait is not None:
            return None, ""
        if self._groups is None:
            self._groups = Groups()
        if self._groups.reason:
            return None, self._groups.reason
        group = None
        try:
            group = self._groups.make(str(serial))
            group.bound(request.cpu, request.memory_bytes)
            group.add(pid)
        except OSError as error:
            if group is not None:
                self.end(group)
            return None, error.strerror or str(error)
        return group, ""

    def end(self, group: Group) -> None:
        """Remove a group, at once or when its last process has ended."""
        self._left.append(group)
        self.sweep()

    def close(self, groups: Iterable[Group | None]) -> None:
        """Remove these groups, too, and all that are left: their processes have been ended, and nobody comes back for them."""
        self._left += filter(None, groups)
        self.sweep()

    def verdict(self, request: TryRequest, group: Group | None, code: int) -> str:
        """Say how a try's process ended that gave no answer, by its exit code, and whether memory had run out."""
        if killed := out_of_memory(request, group):
            return killed
        if code == -signal.SIGKILL and self._own.has_killed():
            bound = self._own.memory_bytes()
            whose = (
                f"the {memory_text(bound)} of memory of its container or service" if bound else "the machine's memory"
            )
            return f"it ran out of memory: the kernel killed it, for {whose} had run out"
        return without_answer(code)

    def sweep(self) -> None:
        """Remove the groups whose last process has ended meanwhile."""
        self._left = [each for each in self._left if not each.remove()]


def own_process(request: TryRequest) -> bool:
    """Whether a try needs a process of its own, whatever its isolation: bounds are those of a process."""
    return bool(request.cpu or request.memory_bytes)


def unheld(request: TryRequest, reason: str) -> str:
    """What a try's log says where nothing holds it to what it asks for."""
    asked = [f"cpu {request.cpu:g}"] if request.cpu else []
    asked += [f"memory {memory_text(request.memory_bytes)}"] if request.memory_bytes else []
    return f"nothing holds it to what it asks for ({', '.join(asked)}): {reason}\n"


def out_of_memory(request: TryRequest, group: Group | None) -> str:
    """How a try has ended whose memory ran out; "" if it did not."""
    if group is None or not request.memory_bytes or not group.kills():
        return ""
    return f"it ran out of its {memory_text(request.memory_bytes)} of memory: the kernel killed a process of it"


def answer_of_exhausted(request: TryRequest, group: Group | None, answer: bytes) -> bytes:
    """The answer of a try, which says so if it failed because the kernel had killed a process that it started."""
    killed = out_of_memory(request, group)
    if not killed:
        return answer
    end = _decode_end(answer)
    return answer if end.outcome is Outcome.SUCCESS else _encode(replace(end, error=f"{killed}: {end.error}"))


def without_answer(code: int) -> str:
    """Say how a process ended that gave no answer, by its exit code."""
    if code == LINE_CLOSED:
        return "its answer is lost: its code has closed descriptors that are not its own, as os.closerange() does"
    if code >= 0:
        return (
            f"the task's process exited with status {code} without an answer: it neither returned nor raised, "
            "but was ended from within, as os._exit() does, or became another program"
        )
    return f"the task's process {describe_exit(code)}{_SIGNAL_HINTS.get(-code, '')}"


_SIGNAL_HINTS: dict[int, str] = {
    signal.SIGKILL: ": by the kernel if memory ran out, or by hand",
    signal.SIGSEGV: ": a bug in an extension module",
}
