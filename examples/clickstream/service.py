"""The service that knows the customers and the events tracked for each: what the pipeline is made for.

Run it with ``python service.py --file customers.json --port 8765``. It prints one line of JSON when it is ready.

    GET    /customers                        {"customers": {"AA": ["scheduled", ...], ...}}
    PUT    /customers/AA                     body {"events": ["scheduled", ...]}
    PUT    /customers/AA/events/arrived      no body
    DELETE /customers/AA                     and /customers/AA/events/arrived
"""

import argparse
import json
import re
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CUSTOMER = re.compile(r"[A-Za-z0-9]{1,16}")
EVENT = re.compile(r"[a-z][a-z_]{0,31}")
LONGEST_BODY = 1 << 16


class Refused(Exception):  # noqa: N818 - it is an answer to the client
    """A request that is answered by an error."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Customers:
    """Customers with their events, kept in a JSON file that is replaced whole at each change."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        self._tracked: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))

    def all(self) -> dict[str, list[str]]:
        """A copy of everything."""
        with self._lock:
            return {customer: list(events) for customer, events in sorted(self._tracked.items())}

    def put(self, customer: str, events: list[str]) -> None:
        """Make the customer's events these."""
        with self._lock:
            self._tracked[customer] = list(dict.fromkeys(events))
            self._save()

    def add_event(self, customer: str, event: str) -> None:
        """Track one more event of a customer."""
        with self._lock:
            events = self._known(customer)
            if event not in events:
                events.append(event)
            self._save()

    def delete(self, customer: str) -> None:
        """Forget a customer."""
        with self._lock:
            self._known(customer)
            del self._tracked[customer]
            self._save()

    def delete_event(self, customer: str, event: str) -> None:
        """Stop tracking an event of a customer."""
        with self._lock:
            events = self._known(customer)
            if event not in events:
                raise Refused(HTTPStatus.NOT_FOUND, f"event {event!r} of customer {customer!r} is not tracked")
            events.remove(event)
            self._save()

    def _known(self, customer: str) -> list[str]:
        if customer not in self._tracked:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no customer {customer!r}")
        return self._tracked[customer]

    def _save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._tracked, indent=1, sort_keys=True), encoding="utf-8")
        new.replace(self._file)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    customers: Customers
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """All customers."""
        self._answer(self._all)

    def do_PUT(self) -> None:
        """Add or change a customer, or add an event."""
        self._answer(self._put)

    def do_DELETE(self) -> None:
        """Remove a customer or an event."""
        self._answer(self._delete)

    def _all(self) -> None:
        if self.path != "/customers":
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no {self.path}; see /customers")

    def _put(self) -> None:
        body = self._body()
        customer, event = self._names()
        if event:
            self.customers.add_event(customer, event)
            return
        try:
            events = json.loads(body)["events"]
        except (ValueError, TypeError, KeyError):
            raise Refused(HTTPStatus.BAD_REQUEST, 'the body must be JSON such as {"events": ["scheduled"]}') from None
        if not isinstance(events, list) or not all(isinstance(each, str) and EVENT.fullmatch(each) for each in events):
            raise Refused(HTTPStatus.BAD_REQUEST, f"events must be a list of names such as 'scheduled', got {events!r}")
        self.customers.put(customer, events)

    def _delete(self) -> None:
        self._body()
        customer, event = self._names()
        if event:
            self.customers.delete_event(customer, event)
        else:
            self.customers.delete(customer)

    def _names(self) -> tuple[str, str]:
        """Customer and event of the path; event is "" if it names none."""
        match self.path.strip("/").split("/"):
            case ["customers", customer] if CUSTOMER.fullmatch(customer):
                return customer, ""
            case ["customers", customer, "events", event] if CUSTOMER.fullmatch(customer) and EVENT.fullmatch(event):
                return customer, event
        raise Refused(HTTPStatus.BAD_REQUEST, f"{self.path}: write /customers/AA or /customers/AA/events/arrived")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            self.close_connection = True
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"Content-Length is {length!r}; at most {LONGEST_BODY} bytes are read"
            )
        return self.rfile.read(int(length))

    def _answer(self, act: Any) -> None:  # noqa: ANN401 - one of the three methods above
        status: HTTPStatus = HTTPStatus.OK
        try:
            act()
            answer: dict[str, Any] = {"customers": self.customers.all()}
        except Refused as refusal:
            status, answer = refusal.status, {"error": str(refusal)}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the name that http.server uses
        """Write a line for each change; reading is silent."""
        if self.command != "GET":
            super().log_message(format, *args)


def serve(file: Path, port: int) -> ThreadingHTTPServer:
    """A server on the loopback interface; the caller runs ``serve_forever``."""
    handler = type("Handler", (Handler,), {"customers": Customers(file)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    return server


def main() -> int:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, required=True, help="JSON file of customers and events; changes go there")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    arguments = parser.parse_args()
    with serve(arguments.file, arguments.port) as server:
        print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
