"""What people do with the server from the command line: ``penstock server COMMAND``."""

import os
import signal


def start(*, host: str = "127.0.0.1", port: int = 8080) -> int:
    """Serve the installation in the foreground, until Ctrl-C.

    Args:
        host: Address of this machine that it listens on.
        port: The port; 0 for one that is free.

    Raises:
        ConfigError: It may not listen there, or something else does; or the settings are wrong.
        StoreError: The database cannot serve.
    """
    from penstock_server.http.address import Address, listen, url_of  # noqa: PLC0415 - a manifest's object is light to import
    from penstock_server.http.serve import serve  # noqa: PLC0415 - as above
    from penstock_server.opened import opened  # noqa: PLC0415 - as above
    from penstock_server.server_application import server_application  # noqa: PLC0415 - as below

    stop, stopping = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.write(stopping, b"x"))
    listening = listen(Address(host, port))
    lines = [f"listening on {url_of(listening)}. Ctrl-C stops."]

    def report() -> None:
        while lines:
            print(lines.pop(), flush=True)  # noqa: T201 - the terminal that it runs in

    with opened() as installation:
        serve(server_application(installation), listening, stop, report)
    return 0
