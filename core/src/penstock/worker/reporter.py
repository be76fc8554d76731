"""Tells the server what is new of the tries: what they print, piece by piece, and how they ended.

What a try prints stands in a file of this machine first, within the bounds of its log: that is the buffer while no server can be
reached. A piece says where it stands in the log that the server has, so that one that is sent twice is written once.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec

from penstock.clock import Clock
from penstock.errors import ServerError
from penstock.model.attempt import TryEnd
from penstock.model.names import error_sentence
from penstock.model.remote.execution_messages import LARGEST, LogPiece, ReportAnswer, Reported, Reports, TryReport
from penstock.model.state import Outcome
from penstock.processes.files import open_file
from penstock.processes.supervise import Backoff
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError
from penstock.worker.message_pace import MessagePace
from penstock.worker.server_outage import ServerOutage
from penstock.worker.worker_tries import WorkerTries
from penstock.worker.worker_try import WorkerTry

EVERY_S = 0.25
"""Seconds between two looks for what tries have printed."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
"""Seconds before what was not answered is sent again."""
PIECE = 256 << 10
"""Bytes of one log in one message."""
MOST_TRIES = 100
PAUSE_S = 1.0
"""Seconds before more is sent to a server that cannot write a log."""
LOG_PATIENCE_S = 60.0
"""Seconds after its end for which a try waits to have its log written; then its end is told without the rest."""
_LARGEST_END = LARGEST // 2
_UNREADABLE = frozenset({400, 413, 422})
_REPORTS, _LOGS = "reports", "logs"  # what is wanted of the server
_FULL = 1 << 16
_CUT = b"[penstock: the disk of this try's worker is full: what it has printed last may be missing here]\n"
_MOVED = "[penstock: {:,} bytes of this log are not here: another server was told them, or they were lost there]\n"

_encode = msgspec.msgpack.Encoder().encode


class Reporter:
    """A thread that reports.

    Args:
        client: The way to the server.
        tries: What there is to report of.
        gone: Called with a try that the server has given up.
        report: Takes a sentence for people.
        outage: Notes that the server cannot take what tries tell.
        clock: Tells the monotonic instant.
    """

    def __init__(
        self,
        client: ExecutionClient,
        tries: WorkerTries,
        gone: Callable[[WorkerTry], None],
        report: Callable[[str], None],
        outage: ServerOutage,
        clock: Clock,
    ) -> None:
        self._clock, self._outage = clock, outage
        self._client, self._tries, self._gone, self._log = client, tries, gone, report
        self._wake, self._stopping, self._backoff = threading.Event(), False, Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._held_up, self._last, self._message_pace = False, 0, MessagePace()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def wake(self) -> None:
        """Have it look at once: a try has ended."""
        self._wake.set()

    def stop(self) -> None:
        """End it."""
        self._stopping = True
        self._stopped.set()
        self._wake.set()
        if self._thread.ident is not None:  # else the worker was refused before it began
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            try:
                while self._report():
                    self._stopped.wait(PAUSE_S if self._held_up else self._message_pace.wait_s(self._now_s()))
                self._backoff.reset()
                self._outage.has(_REPORTS)
            except ServerError as error:
                self._outage.lacks(_REPORTS, str(error))
                self._wake.wait(self._backoff.pause())
            except Exception as error:  # noqa: BLE001 - without this thread no try would ever end
                self._log(f"what tries tell cannot be sent: {error_sentence(error)}")
                self._stopped.wait(self._backoff.pause())

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s

    def _report(self) -> bool:
        """Send what is new; whether there may be more."""
        self._held_up = False
        fitting = list(self._fitting())
        if fitting:
            self._send(fitting)
        return bool(fitting) and not self._stopping

    def _fitting(self) -> Iterator[tuple[WorkerTry, TryReport]]:
        """What goes into one message: each try has its turn, however much others print."""
        tries = self._tries.all()
        first, size, number = self._last % len(tries) if tries else 0, 0, 0
        for held in (*tries[first:], *tries[:first]):
            report = self._news(held)
            if report is not None:
                size += len(report.end or b"") + (len(report.log.data) if report.log else 0)
                number += 1
                if number > 1 and (size > _LARGEST_END or number > MOST_TRIES):
                    return
                yield held, report
            self._last = first = first + 1

    def _send(self, reports: Sequence[tuple[WorkerTry, TryReport]]) -> None:
        message = Reports(tuple(report for _, report in reports))
        self._message_pace.sent(sum(each.end is not None for each in message.tries), self._now_s())
        try:
            answer = self._client.ask("reports", reports[0][0].token, message, ReportAnswer)
        except RefusedByServerError as error:
            if len(reports) > 1:  # one that the server will never take must not hold up the others
                for each in reports:
                    self._send([each])
                return
            self._log(str(error))
            self._refused(*reports[0], error)
            return
        for (held, report), found in zip(reports, answer.tries, strict=True):
            self._received(held, report, found)
        self._outage.has(_REPORTS)
        if not self._held_up:
            self._outage.has(_LOGS)

    def _refused(self, held: WorkerTry, report: TryReport, error: RefusedByServerError) -> None:
        """Tell of a try whose report the server will never take: of its end without its answer, once; else it is given up."""
        if report.end is None or held.refused or error.status not in _UNREADABLE:
            self._gone(held)
            return
        held.refused, held.before = True, b""
        held.end = TryEnd(Outcome.FAILED, f"its answer cannot be sent: {error}", retryable=False)

    def _news(self, held: WorkerTry) -> TryReport | None:
        if held.gone:
            return None
        if held.given_back:
            return TryReport(held.token, given_back=True)
        ended = held.end  # looked at first: what is printed until then is read after it
        data, more = _read(held)
        data = held.before + data
        waited_s = self._now_s() - held.ended_s if ended is not None else 0.0
        if ended is not None and (held.refused or waited_s > LOG_PATIENCE_S):
            data, more = b"", False  # its log could not be written until now: its end is told without the rest
        elif ended is not None and not more and _is_full(held):
            data += _CUT
        end = None
        if ended is not None and not more:
            end = _encode(ended)
            if len(end) > _LARGEST_END:
                reason = f"its answer has {len(end):,} bytes, and {_LARGEST_END:,} can be sent"
                held.end = TryEnd(Outcome.FAILED, reason, retryable=False)
                end = _encode(held.end)
        if not data and end is None:
            return None
        return TryReport(held.token, LogPiece(held.sent, data) if data else None, end)

    def _received(self, held: WorkerTry, report: TryReport, answer: Reported) -> None:
        if not answer.known:
            self._gone(held)
            return
        if report.log is not None:
            self._written(held, report.log, answer)
        if held.given_back and not answer.ended:  # it was cancelled before others could have it
            held.given_back, held.end = False, TryEnd(Outcome.CANCELLED, held.cancel_reason or "it was cancelled")
        elif answer.ended:
            if not held.given_back:
                self._tries.count(held)
            self._tries.remove(held)
            try:
                held.ended(None if held.given_back else held.end)
            except Exception as error:  # noqa: BLE001 - a provider's code
                self._log(f"the source of tickets cannot take how a try ended: {error_sentence(error)}")

    def _written(self, held: WorkerTry, piece: LogPiece, answer: Reported) -> None:
        """Note how much of a log the server has now."""
        taken = answer.log_size - piece.offset
        if answer.problem:
            self._outage.lacks(_LOGS, answer.problem)
            self._held_up = True
        if taken < 0:  # another server, or a folder that was emptied: what comes follows what is there
            held.before = _MOVED.format(held.read).encode() if held.read else held.before
        else:  # more than the whole if a piece of before was written, though its answer was lost
            taken = min(taken, len(piece.data))
            held.read += max(0, taken - len(held.before))
            held.before = held.before[taken:]
        held.sent = answer.log_size


def _is_full(held: WorkerTry) -> bool:
    """Whether the disk on which a try leaves its output takes no more: then nobody could write there that some of it is missing."""
    try:
        space = os.statvfs(held.log.parent)
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < _FULL or bool(space.f_files and not space.f_favail)


def _read(held: WorkerTry) -> tuple[bytes, bool]:
    """What of a log is to be sent next, and whether there is more of it."""
    try:
        with open_file(held.log) as file:
            file.seek(held.read)
            data = file.read(PIECE + 1)
    except OSError:  # it has printed nothing yet
        return b"", False
    return data[:PIECE], len(data) > PIECE
