"""Real host names and real TLS for fakes, and nothing else reachable: a proxy on loopback for official clients.

A client that honours the environment (`HTTPS_PROXY`, and the variables of its TLS library) asks the proxy for a
tunnel to `shop.example:443` (CONNECT, RFC 9110 9.3.6), finds there a certificate of that name by an authority that it
trusts, and speaks to the fake. A tunnel to any other host is refused and recorded.
Not covered: HTTP/2 and so gRPC, and clients that read no environment.
"""

import contextlib
import http.server
import os
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

import trustme

from penstock_testkit.saas.app import App
from penstock_testkit.saas.exchange import Exchange, Listener
from penstock_testkit.saas.loopback import listening
from penstock_testkit.saas.patterns import host_matches
from penstock_testkit.saas.service import Service

_PORT = "443"
_DIRECT = "127.0.0.1,localhost,::1"
_Served = TypeVar("_Served", bound=App)


class SaasNet:
    """The hosts that are served, and what was refused.

    Args:
        port: Of the proxy, on 127.0.0.1; 0 takes a free one.

    Attributes:
        url: Of the proxy.
        denied: What was refused, as `CONNECT host:port`; a test that provokes one empties the list.
        apps: The fakes that are served.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.url = ""
        self.denied: list[str] = []
        self.apps: list[App] = []
        self._hosts: dict[str, App] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._authority = trustme.CA()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start the proxy in a thread of this process."""
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-saas-"))
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - processes of other users read the certificate
        self._ca_file = os.path.join(folder, "ca.pem")  # noqa: PTH118
        self._authority.cert_pem.write_to_path(self._ca_file)
        listener = Listener(("127.0.0.1", self._port), _tunnels(self))
        self.url = self._stack.enter_context(listening(listener, "saas"))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, and let go whom a fault holds."""
        for app in list(self.apps):
            self.remove(app)
        self._stack.close()

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that lead the clients of a process to the fakes, and to nothing else."""
        proxies = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
        authorities = (
            "SSL_CERT_FILE",  # OpenSSL, so Python's own ssl
            "REQUESTS_CA_BUNDLE",  # requests
            "CURL_CA_BUNDLE",  # libcurl
            "AWS_CA_BUNDLE",  # botocore
        )
        return {
            **dict.fromkeys(proxies, self.url),
            **dict.fromkeys(authorities, self._ca_file),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), _DIRECT),
        }

    def serve(self, app: _Served) -> _Served:
        """Answer for the hosts of an app, and return it.

        Raises:
            ValueError: The app has no hosts, or another app has one of them.
        """
        with self._lock:
            if not app.hosts:
                raise ValueError(f"{app.name} has no hosts: its class names them")
            for host in app.hosts:
                if host in self._hosts:
                    raise ValueError(f"{app.name} is not served: {self._hosts[host].name} has the host {host}")
            self._hosts |= dict.fromkeys(app.hosts, app)
            self.apps.append(app)
        return app

    def remove(self, app: App) -> None:
        """Answer for an app's hosts no longer."""
        with self._lock:
            for host in app.hosts:
                self._hosts.pop(host, None)
            self.apps.remove(app)
        app.faults.clear()

    def complaints(self) -> list[str]:
        """What a test has to hear of at its end, as sentences: what was denied, and the complaints of each app."""
        denied = [f"denied {each}: no fake serves it" for each in self.denied]
        return denied + [each for app in self.apps for each in app.complaints()]

    def forget(self) -> None:
        """Forget what was denied, and the requests, problems and faults of each app."""
        self.denied.clear()
        for app in self.apps:
            app.forget()

    def find(self, connected: str, named: str) -> Service | None:
        """The app of a host, if the request names the host that its connection is to."""
        app = self._app_of(connected)
        # Without one, its connection was let through for a fake that is gone: what a killed process of an earlier test had sent
        # may be read only now. It is refused, and no fault of the test that runs meanwhile.
        if app is not None and named != connected:
            app.problems.append(f"a request on a connection to {connected} names the host {named!r}")
            return None
        return app

    def context_of(self, target: str) -> ssl.SSLContext | None:
        """The TLS of a `host:port` that is served; None, and a note, for any other."""
        host, _, port = target.rpartition(":")
        if port != _PORT or self._app_of(host) is None:
            self.denied.append(f"CONNECT {target}")
            return None
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.set_alpn_protocols(["http/1.1"])
                context.num_tickets = 0  # a client that goes before it has read them resets, and what it sent is lost
                self._authority.issue_cert(host).configure_cert(context)
                self._contexts[host] = context
            return self._contexts[host]

    def _app_of(self, host: str) -> App | None:
        with self._lock:
            if host in self._hosts:
                return self._hosts[host]
            return next((app for pattern, app in self._hosts.items() if host_matches(pattern, host)), None)


def _tunnels(net: SaasNet) -> type[http.server.BaseHTTPRequestHandler]:
    """The class of the connections to a net's proxy."""

    class Tunnel(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            context = net.context_of(self.path)
            self.close_connection = True
            if context is None:
                self._refuse()
                return
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with contextlib.suppress(OSError), context.wrap_socket(self.connection, server_side=True) as secure:
                Exchange(secure, self.server, net.find, self.path.rpartition(":")[0])

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

        def _deny(self) -> None:
            net.denied.append(f"{self.command} {self.path}")
            self._refuse()

        def _refuse(self) -> None:
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._deny
            raise AttributeError(name)

    return Tunnel


@contextlib.contextmanager
def saas_net(*apps: App, port: int = 0) -> Iterator[SaasNet]:
    """Run a proxy before apps, in threads of this process."""
    with SaasNet(port) as net:
        for app in apps:
            net.serve(app)
        yield net
