"""A certificate of a test's own."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def self_signed(
    folder: Path, *, begins: timedelta = -timedelta(days=1), address: str = "127.0.0.1", name: str = "test"
) -> Path:
    """A certificate for an address and a name with its key, in one file.

    It is valid for two days, from ``begins`` from now on.
    """
    begins_d = begins / timedelta(days=1)
    return make_certificate(folder / "certificate.pem", address, name, begins_d=begins_d, ends_d=begins_d + 2)


def make_certificate(file: Path, *hosts: str, begins_d: float = -1, ends_d: float = 30) -> Path:
    """A certificate for addresses and names, with its key; for none with "". Its days are counted from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_d))
        .not_valid_after(now + timedelta(days=ends_d))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    holds = [_name_of(host) for host in hosts or ("127.0.0.1",) if host]
    if holds:
        builder = builder.add_extension(x509.SubjectAlternativeName(holds), critical=False)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    file.chmod(0o600)
    return file


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
