"""TLS: the certificate of the server, checked before it is served and read again when its files change."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from penstock.errors import ConfigError

_SOON = timedelta(days=14)
_OTHERS = 0o027  # others read it, or others than its user change it


class Tls:
    """Serves a certificate. While files that have changed make no good pair, the one of before is served, and `problem` says so.

    Args:
        certificate: File of the certificate and those that vouch for it, PEM.
        key: File of its private key.
        name: The host name that browsers ask; "" if any will do.
        now: Tells the present.

    Attributes:
        context: What connections are made with.
        problem: What is wrong, as a sentence; "" if nothing is.

    Raises:
        ConfigError: The files cannot be read, are no pair, do not count now or not for the name, or others can read the key.
    """

    def __init__(self, certificate: str, key: str, name: str, now: Callable[[], datetime]) -> None:
        self._certificate, self._key, self._name, self._now = Path(certificate), Path(key), name, now
        self.problem = ""
        self._stamp = self._stamped()
        self._served, self._ends = self._read()
        self.context = _context()
        self.context.sni_callback = self._choose
        self.refresh()

    def refresh(self) -> None:
        """Read the files again if they have changed; a pair that is no good changes nothing but `problem`."""
        stamp = self._stamped()
        if stamp != self._stamp:
            try:
                self._served, self._ends = self._read()
                self._stamp, self.problem = stamp, ""
            except ConfigError as error:  # perhaps half of a pair is written: the other half changes the stamp
                self.problem = f"the certificate of before is served: {error}"
                return
        left = self._ends - self._now()
        if left < _SOON:
            self.problem = f"the certificate {str(self._certificate)!r} ends on {self._ends:%Y-%m-%d}. Renew it."

    def _choose(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:  # noqa: ANN401 - an SSLObject
        connection.context = self._served

    def _read(self) -> tuple[ssl.SSLContext, datetime]:
        """The pair as it is now, and when it ends; raises ConfigError."""
        self._check_key_file()
        try:
            first = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        except OSError as error:
            raise self._refused("tls_certificate", self._certificate, f"it cannot be read: {error.strerror}") from None
        except ValueError:
            raise self._refused("tls_certificate", self._certificate, "it holds no certificate in PEM") from None
        made = _context()
        try:
            made.load_cert_chain(self._certificate, self._key, password=_no_password)
        except ssl.SSLError as error:
            why = (
                f"it is not the key of the certificate {str(self._certificate)!r}"
                if error.reason == "KEY_VALUES_MISMATCH"
                else "it holds no private key in PEM that needs no password"
            )
            raise self._refused("tls_key", self._key, why) from None
        now, begins, ends = self._now(), first.not_valid_before_utc, first.not_valid_after_utc
        if not begins <= now < ends:
            why = (
                f"it counts from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, and now is {now:%Y-%m-%d %H:%M}"
            )
            raise self._refused("tls_certificate", self._certificate, why)
        names = _names(first)
        if self._name and not any(_covers(each, self._name) for each in names):
            why = f"it is for {', '.join(names) or 'no name'}, and public_url has {self._name}"
            raise self._refused("tls_certificate", self._certificate, why)
        return made, ends

    def _check_key_file(self) -> None:
        try:
            mode = self._key.stat().st_mode
        except OSError as error:
            raise self._refused("tls_key", self._key, f"it cannot be read: {error.strerror}") from None
        if mode & _OTHERS:
            why = f"other users of this machine can read or change it. chmod 600 {self._key}"
            raise self._refused("tls_key", self._key, why)

    def _refused(self, key: str, file: Path, why: str) -> ConfigError:
        return ConfigError(f"The server cannot speak TLS with {key} = {str(file)!r}: {why}")

    def _stamped(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for file in (self._certificate, self._key):
            try:
                facts = file.stat()
            except OSError:
                continue
            found.append((facts.st_ino, facts.st_mtime_ns, facts.st_size))
        return tuple(found)


def _context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    return made


def _no_password() -> str:
    return ""  # without it, OpenSSL would ask the terminal


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def _covers(pattern: str, name: str) -> bool:
    """Whether a name of a certificate is that of a host (RFC 6125: ``*`` is the whole first label)."""
    pattern, name = pattern.lower(), name.lower()
    return pattern == name or (pattern.startswith("*.") and "." in name and pattern[2:] == name.partition(".")[2])
