"""A container's log is read to its end, each line once: across pieces, streams, cuts, and readers that begin anew."""

import struct

import pytest

from penstock.errors import ProviderError
from penstock_docker.hooks import LogLine, LogPlace
from penstock_docker.hooks.container_logs import LogReader, frames_of, instant_ns

LOGS = "GET /{version}/containers/{name}/logs"
T = "2026-11-28T00:20:{:02}.{:09}Z"


def frame(stream, second, text, ns=0):
    return stream, f"{T.format(second, ns)} {text}".encode()


def read(place, frames, *, ended=False):
    reader = LogReader(place)
    return [*reader.lines(frames), *(reader.rest() if ended else ())]


def texts(lines):
    return [each.text for each in lines]


@pytest.mark.parametrize("cut", range(9))
def test_each_line_is_there_once_wherever_a_reader_was_cut(cut):
    """Lines of one instant, a line in pieces, a line of the other stream that is late, and one without an end."""
    frames = [
        frame(1, 1, "a\n"), frame(1, 1, "b\n"), frame(2, 1, "c\n"), frame(1, 2, "long "), frame(2, 3, "d\n"),
        frame(1, 2, "line\n"), frame(2, 3, "e\n"), frame(1, 4, "f"),
    ]  # fmt: skip
    place = LogPlace()
    first = read(place, frames[:cut])
    since = place.since
    kept = LogPlace.of_plain(place.plain())
    again = [
        each for each in frames if since == "0" or instant_ns(each[1].split(b" ")[0].decode()) >= instant_of(since)
    ]

    found = first + read(kept, again, ended=True)

    assert sorted(texts(found)) == ["a", "b", "c", "d", "e", "f", "long line"]
    assert read(kept, frames, ended=True) == []


def instant_of(since):
    seconds, _, rest = since.partition(".")
    return int(seconds) * 10**9 + int(rest)


@pytest.mark.parametrize(
    ("stamp", "rest_ns"),
    [
        ("2026-11-28T00:20:50.039958713Z", 39_958_713),
        ("2026-11-28T00:20:50.1Z", 100_000_000),
        ("2026-11-28T00:20:50Z", 0),
        ("2026-11-28T01:20:50.000000001+01:00", 1),
    ],
)
def test_an_instant_keeps_its_nanoseconds(stamp, rest_ns):
    assert instant_ns(stamp) == 1795825250 * 10**9 + rest_ns


def test_a_line_without_an_end_does_not_grow_for_ever():
    lines = read(LogPlace(), [frame(1, 1, "x" * 16384) for _ in range(40)])
    assert len(lines) == 2
    assert all(len(each.text) < 300_000 for each in lines)


class Answer:
    """A streamed answer of some bytes."""

    def __init__(self, content):
        self.raw, self._content = self, content

    def read(self, size):
        given, self._content = self._content[:size], self._content[size:]
        return given


@pytest.mark.parametrize("cut", [3, 8, 12])
def test_a_frame_that_breaks_off_is_no_line(cut):
    content = struct.pack(">BxxxL", 1, 10) + b"0123456789"
    assert list(frames_of(Answer(content))) == [(1, b"0123456789")]
    with pytest.raises(EOFError):
        list(frames_of(Answer(content[:cut])))


def test_a_log_that_is_cut_goes_on_where_it_was(run, engine, lines):
    """The script's lines come at once: each cut falls somewhere into them."""
    for after in (30, 700, 1400, 2000):
        engine.faults.cut_answer(after, when=LOGS)

    assert run(["sh", "-c", 'sleep 0.1; for n in $(seq 40); do echo "|$n"; echo "|e$n" >&2; done']).state == "success"

    assert sorted(lines(), key=str) == sorted([*map(str, range(1, 41)), *(f"e{n}" for n in range(1, 41))])


def test_lines_of_one_stream_keep_their_order_and_long_ones_are_whole(run, lines):
    long = "x" * 50_000
    assert run(["python3", "-c", "print('|' + 'x' * 50_000); print('|end')"]).state == "success"
    assert lines() == [long, "end"]


def test_a_log_that_is_always_cut_fails_no_task(run, engine, caplog):
    engine.faults.cut_answer(
        0, None, when=lambda request: "/logs" in request.target and "timestamps=1" in request.target
    )

    assert run("echo done").check().value("load") == "done"
    assert "The container's log cannot be read" in caplog.text


def test_many_lines_are_read_some_at_a_time(hook, engine, monkeypatch):
    monkeypatch.setattr("penstock_docker.hooks.docker_hook._LOG_BYTES", 1000)
    made = hook.create("many", "busybox", host={}, command=["seq", "1000"])
    hook.start(made)
    assert engine.containers[made].ended.wait(60)

    place, found, reads = LogPlace(), [], 0
    while more := list(hook.read_log(made, place, ended=True)):
        found, reads = found + more, reads + 1
    hook.remove(made)

    assert found == [LogLine(1, str(number)) for number in range(1, 1001)]
    assert reads > 2


def test_the_engine_counts_since_as_we_do(hook, engine):
    made = hook.create("since", "busybox", host={}, command=["sh", "-c", "echo one; echo two"])
    hook.start(made)
    assert engine.containers[made].ended.wait(60)
    place = LogPlace()
    reader = hook.read_log(made, place)
    assert next(reader) == LogLine(1, "one")
    reader.close()

    assert list(hook.read_log(made, place)) == [LogLine(1, "two")]
    assert list(hook.read_log(made, place)) == []
    hook.remove(made)


def test_a_log_of_a_container_that_is_gone_is_an_error(hook):
    with pytest.raises(ProviderError, match="No such container"):
        list(hook.read_log("gone", LogPlace()))
