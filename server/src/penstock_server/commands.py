"""What people do with the server from the command line: ``penstock server COMMAND``."""

import os
import signal


def start(*, host: str = "", port: int | None = None) -> int:
    """Serve the installation in the foreground, until Ctrl-C, as ``[services.server]`` says.

    Args:
        host: Address of this machine that it listens on, in place of that of the settings.
        port: The port, in place of that of the settings; 0 for one that is free.

    Raises:
        ConfigError: It may not listen there, or something else does; or the settings are wrong.
        StoreError: The database cannot serve.
    """
    from penstock_server.oidc.oidc_settings import read_oidc  # noqa: PLC0415 - as below
    from penstock_server.opened import described  # noqa: PLC0415 - a manifest's object is light to import
    from penstock_server.run import run  # noqa: PLC0415 - as above
    from penstock_server.server_settings import options_of, read_address, read_niceness  # noqa: PLC0415 - as above

    stop, stopping = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.write(stopping, b"x"))
    printed: list[bool] = []

    def report(text: str, well: bool) -> None:  # noqa: FBT001 - as a service reports
        if well not in printed:  # what it waits for, and where it listens: each is news once
            printed.append(well)
            print(f"{text}. Ctrl-C stops." if well else text, flush=True)  # noqa: T201 - the terminal that it runs in

    with described() as found:
        given = {"host": host or None, "port": port}
        options = {**options_of(found), **{name: value for name, value in given.items() if value is not None}}
    run(read_address(options), stop, report, read_oidc(options.get("oidc")), read_niceness(options))
    return 0


def openapi() -> int:
    """Print the OpenAPI document of the REST API, of which clients are made."""
    from penstock_server.http.api import openapi as text  # noqa: PLC0415 - as above

    print(text().decode())  # noqa: T201 - for programs
    return 0


def link(*, url: str = "") -> int:
    """Print a link that makes the first admin, once and within an hour; a link of before counts no more.

    Args:
        url: Where the server is reached, if not where the settings say.

    Raises:
        ConfigError: The settings are wrong.
        RequestError: There is an admin already.
        StoreError: The database cannot serve.
    """
    from penstock.errors import RequestError  # noqa: PLC0415 - as above
    from penstock_server.opened import opened  # noqa: PLC0415 - as above
    from penstock_server.server_application import first_link  # noqa: PLC0415 - as above
    from penstock_server.server_settings import url_of  # noqa: PLC0415 - as above

    with opened() as installation:
        found = first_link(installation, url_of(installation, url))
    if not found:
        raise RequestError("there is an admin already, who adds others. Beside the database: penstock users add NAME")
    print(found)  # noqa: T201 - for people and scripts
    return 0
