"""The service that ``penstock up`` keeps alive."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.spec.service import ServiceContext


class ServerService:
    """Serves the installation over HTTP; implements `penstock.spec.service.Service`.

    Args:
        host: Address of this machine that it listens on.
        port: The port; 0 for one that is free.
        tls_certificate: File of its certificate, with those that vouch for it, PEM.
        tls_key: File of the certificate's private key, PEM.
        public_url: What browsers ask, such as ``https://penstock.example.com``; unless given, where it listens.
        trusted_proxies: Addresses or networks of proxies in front of it, whose X-Forwarded headers are believed.
        names: More names by which machines ask it.
        niceness: How far it stands back where scheduler and tries want all processors: 0 for not at all, up to 19.
        oidc: Identity providers by which users sign in, each a table of its own, by its id; none unless given.

    Raises:
        ConfigError: It may not listen there, or a provider cannot be so.
    """

    def __init__(  # noqa: PLR0913 - one argument a setting
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        tls_certificate: str = "",
        tls_key: str = "",
        public_url: str = "",
        trusted_proxies: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        niceness: int = 10,
        oidc: Mapping[str, Any] | None = None,
    ) -> None:
        from penstock_server.http.reach.address import Address, check  # noqa: PLC0415 - a manifest's object is light to import
        from penstock_server.niceness import check_niceness  # noqa: PLC0415 - as above
        from penstock_server.oidc.oidc_settings import read_oidc  # noqa: PLC0415 - as above
        from penstock_server.run import run  # noqa: PLC0415 - now: to import it takes longer than a service may take to end

        self._run = run
        self._address = Address(
            host, port, tls_certificate, tls_key, public_url, tuple(trusted_proxies or ()), tuple(names or ())
        )
        check(self._address)
        check_niceness(niceness)
        self._niceness = niceness
        self._oidc = read_oidc(oidc)

    def run(self, context: ServiceContext) -> None:
        """Answer until Penstock stops."""
        self._run(
            self._address,
            context.fileno(),
            lambda text, well: context.report(text, healthy=well),
            self._oidc,
            self._niceness,
        )
