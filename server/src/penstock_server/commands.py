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
    from penstock_server.server_application import HttpAddress, server_application  # noqa: PLC0415 - as below
    from penstock_server.upgrades import upgraded  # noqa: PLC0415 - as above

    stop, stopping = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.write(stopping, b"x"))
    listening = listen(Address(host, port))
    printed: list[str] = []

    def print_once(text: str) -> None:
        if text not in printed:
            printed.append(text)
            print(text, flush=True)  # noqa: T201 - the terminal that it runs in

    if not upgraded(listening, stop, print_once):
        return 0
    with opened() as installation:
        lines = [f"{HttpAddress(installation, url_of(listening)).text()}. Ctrl-C stops."]

        def report() -> None:
            while lines:
                print(lines.pop(), flush=True)  # noqa: T201 - the terminal that it runs in

        answers, streams = server_application(installation)
        serve(answers, listening, stop, report, streams)
    return 0


def link(*, url: str = "http://127.0.0.1:8080") -> int:
    """Print a link that makes the first admin, once and within an hour; a link of before counts no more.

    Args:
        url: Where the server is reached.

    Raises:
        ConfigError: The settings are wrong.
        RequestError: There is an admin already.
        StoreError: The database cannot serve.
    """
    from penstock.errors import RequestError  # noqa: PLC0415 - as above
    from penstock_server.opened import opened  # noqa: PLC0415 - as above
    from penstock_server.server_application import first_link  # noqa: PLC0415 - as above

    with opened() as installation:
        found = first_link(installation, url.rstrip("/"))
    if not found:
        raise RequestError("there is an admin already, who adds others. Beside the database: penstock users add NAME")
    print(found)  # noqa: T201 - for people and scripts
    return 0
