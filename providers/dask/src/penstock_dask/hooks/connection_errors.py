"""Why a connection to a scheduler has not come about, in a sentence: the SDK names classes, and often neither file nor side."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from penstock_dask.errors import CertificateError

_LONGEST = 200
_OUR_SIDE = ("ALERT_CERTIFICATE", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_UNSUPPORTED_CERTIFICATE")
"""How OpenSSL begins what the other side has said of our certificate."""


def check_files(**paths: str) -> None:
    """See whether the files of certificates can be read, by the names of their options.

    Raises:
        CertificateError: One cannot.
    """
    for option, path in paths.items():
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise CertificateError(f"{option}: {path} cannot be read: {error.strerror}") from None


def connection_error(error: BaseException, address: str) -> ConnectionError:
    """What the SDK raises where it cannot connect, as an error whose sentence says why."""
    causes = list(_causes(error))
    of_tls = next((each for each in causes if isinstance(each, ssl.SSLError)), None)
    if of_tls is not None:
        return CertificateError(f"{address}: {_of_tls(of_tls)}")
    if any(isinstance(each, ConnectionResetError) for each in causes) or "Stream is closed" in str(error):
        tls = "" if address.startswith("tls://") else ", as a scheduler does that is reached by TLS alone"
        return ConnectionError(f"what listens at {address} has closed the connection at once{tls}")
    text = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
    return ConnectionError(text if address in text else f"{address}: {text}")


def _of_tls(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    if isinstance(error, ssl.SSLEOFError):
        return "the scheduler has cut the connection within TLS, as it does where it refuses our certificate, tls_cert"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the scheduler's certificate is refused by tls_ca: {error.verify_message}"
    if any(words in reason for words in _OUR_SIDE):
        message = reason.partition("ALERT_")[2].replace("_", " ").lower()
        return f"the scheduler refuses our certificate, tls_cert: {message}"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "what answers there speaks no TLS: an address of tcp:// is for it"
    return f"TLS does not come about: {reason.replace('_', ' ').lower()}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        inner = getattr(found, "real_error", None)  # of tornado's StreamClosedError
        found = inner if isinstance(inner, BaseException) else found.__cause__ or found.__context__
