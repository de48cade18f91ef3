"""The cloud's certificates are always checked, by the system's authorities and one's own."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.simulator.certificates import Authority
from bridge.tls import certificate_problem, cloud_context
from tests.brokers import make_certificate


def test_checks_are_on_and_old_tls_is_off() -> None:
    context = cloud_context(None)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_authority_of_ones_own_is_trusted_besides(tmp_path: Path) -> None:
    usual = len(cloud_context(None).get_ca_certs())
    context = cloud_context(Authority(tmp_path).ca_file)
    assert len(context.get_ca_certs()) == usual + 1
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\x00", None])
def test_a_file_without_a_certificate_is_a_mistake_of_the_configuration(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        cloud_context(file)
    assert str(caught.value) == f"configuration: integrator.ca_file: {file} holds no certificate"


def test_a_directory_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        cloud_context(tmp_path)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (1, "certificate is not yet valid (is the clock of this machine right?)"),
        (-1, "certificate has expired (is the clock of this machine right?)"),
        (0, "IP address mismatch, certificate is not valid for '127.0.0.2'."),
    ],
)
def test_a_certificate_refused_by_its_dates_is_perhaps_the_clocks_fault(
    tmp_path: Path, days: int, said: str
) -> None:
    certificate, key = make_certificate(tmp_path, timedelta(days=days))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    host = "127.0.0.1" if days else "127.0.0.2"
    mine = cloud_context(certificate).wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (mine, theirs):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        mine.do_handshake()
    assert certificate_problem(caught.value) == said
