"""An operator's own certificate, looked at before it is used."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.support.certificate import make_certificate
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.certificate import load_certificate
from unwalled.operator.options import CertificateFiles, PublicUrl


def warnings(file: Path, url: str = "https://127.0.0.1", key: Path | None = None) -> list[str]:
    return load_certificate(CertificateFiles(file, key or file), PublicUrl.parse(url), time.time()).warnings


@pytest.mark.parametrize(
    ("host", "url", "is_for"),
    [
        ("127.0.0.1", "https://127.0.0.1:8443", True),
        ("127.0.0.2", "https://127.0.0.1", False),
        ("::1", "https://[::1]", True),
        ("news.example", "https://news.example/sub", True),
        ("News.Example", "https://NEWS.example", True),
        ("*.news.example", "https://bridges.news.example", True),
        ("*.news.example", "https://a.b.news.example", False),
        ("*.news.example", "https://news.example", False),
        ("news.example", "https://127.0.0.1", False),
        ("", "https://news.example", False),
    ],
)
def test_for_whom_it_is(tmp_path: Path, host: str, url: str, is_for: bool) -> None:
    told = warnings(make_certificate(tmp_path / "c.pem", host), url)
    assert (told == []) is is_for
    assert is_for or "nobody will connect" in told[0]


def test_one_that_ends_soon_or_that_all_may_read_is_told(tmp_path: Path) -> None:
    file = make_certificate(tmp_path / "c.pem", ends_d=3)
    file.chmod(0o644)
    soon, open_to_all = warnings(file)
    assert soon.startswith("The certificate ends on ")
    assert "chmod o=" in open_to_all


def test_certificate_and_key_may_be_two_files(tmp_path: Path) -> None:
    both = make_certificate(tmp_path / "both.pem").read_text()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    begin = both.index("-----BEGIN CERTIFICATE")
    key.write_text(both[:begin])
    key.chmod(0o600)
    certificate.write_text(both[begin:])
    assert warnings(certificate, key=key) == []
    with pytest.raises(ConfigurationError, match="cannot be used with the key"):
        warnings(certificate)


@pytest.mark.parametrize(
    ("begins_d", "ends_d", "part"),
    [(-9, -1, "The certificate ended on"), (1, 9, "begins to hold on .* only")],
)
def test_one_that_does_not_hold_today(tmp_path: Path, begins_d: int, ends_d: int, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        warnings(make_certificate(tmp_path / "c.pem", begins_d=begins_d, ends_d=ends_d))


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    good, other, bad = make_certificate(tmp_path / "a.pem"), make_certificate(tmp_path / "b.pem"), tmp_path / "bad.pem"
    with pytest.raises(ConfigurationError, match=r"The certificate .* cannot be read"):
        warnings(tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match=r"The key .* cannot be read"):
        warnings(good, key=tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match="is not that of the certificate"):
        warnings(good, key=other)
    bad.write_bytes(b"nonsense")
    with pytest.raises(ConfigurationError, match="holds no certificate"):
        warnings(bad, key=good)
    with pytest.raises(ConfigurationError, match="cannot be used with the key"):
        warnings(good, key=bad)
    bad.write_bytes(bytes(OPERATOR.certificate_bytes + 1))
    with pytest.raises(ConfigurationError, match="too large"):
        warnings(bad)
    # Such a key must not make a server that starts by itself ask for its password.
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    bad.write_bytes(locked)
    with pytest.raises(ConfigurationError, match="cannot be used with the key"):
        warnings(good, key=bad)
