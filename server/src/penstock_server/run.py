"""Runs the server until it is told to stop."""

from collections.abc import Callable, Mapping

from penstock.service.installation import Installation
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.reach.tls import Tls
from penstock_server.http.serve import serve
from penstock_server.niceness import USUAL, give_way
from penstock_server.oidc.oidc_settings import OidcSettings
from penstock_server.opened import described, opened
from penstock_server.server_application import HttpAddress, server_application
from penstock_server.upgrades import is_readable, upgraded

Report = Callable[[str, bool], None]
"""Takes a sentence, and whether all is well."""


def run(
    address: Address,
    stop: int,
    report: Report,
    oidc: Mapping[str, OidcSettings] | None = None,
    niceness: int = USUAL,
) -> None:
    """Serve the installation of this folder, once its database has the schema of this code.

    Args:
        address: Where.
        stop: Descriptor that is readable once no more is to be answered.
        report: Told how the server fares, from time to time.
        oidc: The identity providers by which users sign in, by their ids; none unless given.
        niceness: How far it stands back once it answers; until then it is waited for.

    Raises:
        ConfigError: It may not listen there, or its certificate cannot be served; or the settings are wrong.
        StoreError: The database failed.
    """
    with described() as found:
        tls = _tls(address, found)
    context = None if tls is None else tls.context
    listening = listen(address)
    if not upgraded(listening, stop, lambda text: report(text, False), address, context):
        return
    with opened() as installation:
        if is_readable(stop):  # the database was made just now, or waited for
            return
        url = address.url(listening)
        sentence = HttpAddress(installation, url)

        def reported() -> None:
            if tls is not None:
                tls.refresh()
            problem = "" if tls is None else tls.problem
            report(f"{sentence.text()}{f'; {problem}' if problem else ''}", not problem)

        answers, lasting = server_application(installation, address, url, oidc)
        give_way(niceness)
        serve(answers, listening, stop, reported, lasting, context)


def _tls(address: Address, installation: Installation) -> Tls | None:
    if not address.tls_certificate:
        return None
    name = "" if address.trusted_proxies else address.public_host  # a proxy asks by the name that it was told
    return Tls(address.tls_certificate, address.tls_key, name, installation.now)
