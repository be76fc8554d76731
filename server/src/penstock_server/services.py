"""The service that ``penstock up`` keeps alive."""

from penstock.spec.service import ServiceContext


class ServerService:
    """Serves the installation over HTTP; implements `penstock.spec.service.Service`.

    Args:
        host: Address of this machine that it listens on.
        port: The port; 0 for one that is free.

    Raises:
        ConfigError: It may not listen there.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 8080) -> None:
        from penstock_server.http.address import Address, check  # noqa: PLC0415 - a manifest's object is light to import

        self._address = Address(host, port)
        check(self._address)

    def run(self, context: ServiceContext) -> None:
        """Answer until Penstock stops."""
        from penstock_server.http.address import listen, url_of  # noqa: PLC0415 - as above
        from penstock_server.http.serve import serve  # noqa: PLC0415 - as above
        from penstock_server.opened import opened  # noqa: PLC0415 - as above
        from penstock_server.server_application import HttpAddress, server_application  # noqa: PLC0415 - as above
        from penstock_server.upgrades import upgraded  # noqa: PLC0415 - as above

        listening = listen(self._address)
        if not upgraded(listening, context.fileno(), lambda text: context.report(text, healthy=False)):
            return
        with opened() as installation:
            served = HttpAddress(installation, url_of(listening))
            answers, streams = server_application(installation)
            serve(answers, listening, context.fileno(), lambda: context.report(served.text()), streams)
