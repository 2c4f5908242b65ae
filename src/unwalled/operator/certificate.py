"""The operator's own certificate: looked at before it is used, and taken anew when its files change.

A change shows to new handshakes only; what is open goes on. Files that cannot be used (half-written, no pair, over)
leave the certificate of before in place, and are looked at again when they change once more.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import ssl
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from unwalled.clock import Clock
from unwalled.datafolder import Stamp, stamp_of
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR, OperatorLimits
from unwalled.operator.options import CertificateFiles, PublicUrl

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can be used now."""

    context: ssl.SSLContext
    warnings: list[str]
    """What the operator should be told, each a whole sentence."""
    ends_s: float
    """In seconds since 1970."""


def load_certificate(files: CertificateFiles, url: PublicUrl, now_wall_s: float) -> Certificate:
    """Reads and checks the files. Raises ConfigurationError with cause and remedy."""
    content = _read(files.certificate, "certificate")
    _read(files.key, "key")
    try:
        leaf = x509.load_pem_x509_certificates(content)[0]
    except ValueError:
        raise ConfigurationError(
            f"{files.certificate} holds no certificate.",
            "Give a PEM file: BEGIN CERTIFICATE, yours first, then its chain.",
        ) from None
    begins, ends = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    if ends <= now_wall_s:
        raise ConfigurationError(f"The certificate ended on {_day(ends)}.", "Renew it; check this machine's clock.")
    if begins > now_wall_s:
        raise ConfigurationError(
            f"The certificate begins to hold on {_day(begins)} only.", "Check this machine's clock."
        )
    return Certificate(_context(files), _warnings(files, leaf, url, ends, now_wall_s), ends)


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(OPERATOR.certificate_bytes + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The {what} {path} cannot be read ({error.strerror}).",
            "Check the path, and that the user of this program may read it.",
        ) from None
    if len(content) > OPERATOR.certificate_bytes:
        raise ConfigurationError(f"The {what} {path} is too large to be one.", "Give the right file.")
    return content


def _context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key must fail, not ask on the terminal for its password.
        context.load_cert_chain(files.certificate, files.key, lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"The key {files.key} is not that of the certificate {files.certificate}.",
                "Give the two files that were made together.",
            ) from None
        raise ConfigurationError(
            f"The certificate {files.certificate} cannot be used with the key {files.key}.",
            "Give both as PEM, the key without a password.",
        ) from None
    return context


def _warnings(
    files: CertificateFiles, leaf: x509.Certificate, url: PublicUrl, ends_s: float, now_wall_s: float
) -> list[str]:
    warnings = []
    if ends_s - now_wall_s < OPERATOR.certificate_soon_s:
        warnings.append(f"The certificate ends on {_day(ends_s)}: renew it.")
    host = urlsplit(url.text).hostname or ""
    if not _is_for(leaf, host):
        warnings.append(f"The certificate is not for {host}: nobody will connect.")
    if os.name == "posix" and files.key.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        warnings.append(f"All users of this machine may read the certificate's key. Run: chmod o= {files.key}")
    return warnings


def _is_for(leaf: x509.Certificate, host: str) -> bool:
    """Whether a browser would take it for this host (RFC 9525: the alternative names only)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    known = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return host in known or f"*.{host.partition('.')[2]}" in known


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


class LiveCertificate:
    """The certificate of a running server. Raises ConfigurationError when the files cannot be used to begin with."""

    def __init__(
        self, files: CertificateFiles, url: PublicUrl, clock: Clock, limits: OperatorLimits = OPERATOR
    ) -> None:
        self._files = files
        self._url = url
        self._clock = clock
        self._limits = limits
        self._stamps = self._look()
        self.trouble = ""
        """Why the newest files could not be used, or ""."""
        self.now = load_certificate(files, url, clock.wall())
        # OpenSSL asks at each handshake, whether the client names a host or not (RFC 6066 section 3).
        self.context = self.now.context
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self.now.context

    async def watch(self) -> None:
        """Looks at the files every ``certificate_check_s``, until cancelled."""
        while True:
            await asyncio.sleep(self._limits.certificate_check_s)
            self.check()

    def check(self) -> None:
        """Takes the files anew if they have changed; else, and when they cannot be used, nothing changes."""
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self.now = load_certificate(self._files, self._url, self._clock.wall())
        except ConfigurationError as error:
            self.trouble = reason = error.cause
            _log.warning("The new certificate cannot be used, so the one of before stays. %s", reason)
            return
        self.trouble = ""
        _log.info("There is a new certificate.")
        for reason in self.now.warnings:
            _log.warning("%s", reason)

    def _look(self) -> tuple[Stamp, Stamp]:
        return stamp_of(self._files.certificate), stamp_of(self._files.key)
