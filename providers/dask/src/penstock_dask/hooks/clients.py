"""The SDK's clients of a cluster."""

from typing import Any


def open_client(address: str, tls_ca: str, tls_cert: str, tls_key: str, timeout_s: float) -> Any:  # noqa: ANN401 - the SDK's
    """A new client, which is nobody's default; raises what the SDK does."""
    from distributed import Client  # noqa: PLC0415 - it takes 0.4 s
    from distributed.security import Security  # noqa: PLC0415 - as above

    security = None
    if tls_ca:
        security = Security(  # type: ignore[no-untyped-call]  # as the SDK is
            tls_ca_file=tls_ca, tls_client_cert=tls_cert, tls_client_key=tls_key, require_encryption=True
        )
    return Client(  # type: ignore[no-untyped-call]  # as above
        address, timeout=timeout_s, security=security, set_as_default=False, name="penstock"
    )
