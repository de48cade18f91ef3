"""The cloud's certificates are always checked, by the system's authorities and one's own."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.simulator.certificates import Authority
from bridge.tls import cloud_context


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
