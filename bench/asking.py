"""Asks a server so many times a second, in a process of its own that costs as little as Python lets it.

    python bench/asking.py PORT PER_SECOND TOKEN CACHE_CONTROL PATH...

One connection a path, each of which has one request under way at most. Whatever is not 200 ends it. At the end of its input it prints how
many answers came, and how long they took at the median and in the slowest hundredth, in milliseconds.
"""

import selectors
import socket
import sys
import time

from penstock_server.niceness import USUAL, give_way

HEAD_END = b"\r\n\r\n"


class Asking:
    """One connection, and the request that is under way on it."""

    def __init__(self, port: int, path: str, token: str, cache_control: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.path, self.begun, self._left, self._head = path, 0.0, -1, b""
        said = [f"Authorization: Bearer {token}", *([f"Cache-Control: {cache_control}"] if cache_control else [])]
        lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *said, "", "")
        self._request = "\r\n".join(lines).encode()

    def ask(self, now: float) -> None:
        """Send the request."""
        self.begun, self._left, self._head = now, -1, b""
        self.socket.sendall(self._request)

    def read(self) -> bool:
        """Read what has come; returns whether the answer is whole."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise SystemExit(f"{self.path}: the server closed the connection")
        if self._left < 0:
            self._head += data
            end = self._head.find(HEAD_END)
            if end < 0:
                return False
            head = self._head[:end].lower()
            if not head.startswith(b"http/1.1 200"):
                raise SystemExit(f"{self.path}: {self._head[:500]!r}")
            length = head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
            self._left = int(length) - (len(self._head) - end - len(HEAD_END))
        else:
            self._left -= len(data)
        return self._left <= 0


def main() -> None:
    """Ask until the input ends."""
    port, per_second, token, cache_control, *paths = sys.argv[1:]
    give_way(USUAL)  # who asks has a machine of its own, elsewhere
    idle = [Asking(int(port), path, token, cache_control) for path in paths]
    waiting, spans, turn = selectors.DefaultSelector(), list[float](), 0
    waiting.register(sys.stdin, selectors.EVENT_READ)
    start = time.perf_counter()
    print("asks", flush=True)
    while True:
        now = time.perf_counter()
        due = start + turn / float(per_second)
        if idle and due <= now:
            each = idle.pop(0)
            each.ask(now)
            waiting.register(each.socket, selectors.EVENT_READ, each)
            # What cannot be asked in time is not asked later: a person who waits for a page does not ask twice as fast afterwards.
            turn = max(turn + 1, int((now - start) * float(per_second)) - len(paths))
            continue
        for key, _ in waiting.select(max(0.0, due - now) if idle else None):
            if key.data is None:
                _tell(spans)
                return
            if key.data.read():
                waiting.unregister(key.fileobj)
                spans.append(time.perf_counter() - key.data.begun)
                idle.append(key.data)


def _tell(spans: list[float]) -> None:
    ordered = sorted(spans) or [0.0]
    middle, slow = ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000
    print(f"{len(spans)} {middle:.1f} {slow:.1f}", flush=True)


if __name__ == "__main__":
    main()
