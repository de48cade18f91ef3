"""Reverse proxies before a bridge: the examples, made fit for this machine and run for real."""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.brokers import free_port, make_certificate, wait_until
from tests.packages.programs import nginx_path

Proxy = Callable[[Path, int, int], list[str]]
"""Makes the configuration for a directory, the proxy's port and the bridge's; gives the command."""


def changed(text: str, changes: dict[str, str]) -> str:
    """An example with what is of this machine in it."""
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def checked(command: list[str], *options: str) -> list[str]:
    """A proxy's command, after it found no fault with its configuration by these options."""
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
    return command


def nginx_site(
    directory: Path, port: int, example: str, name: str, changes: dict[str, str]
) -> list[str]:
    """nginx with an example for the site `name`, on another port and with these changes."""
    certificate, key = make_certificate(directory)
    listen = {"listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "    listen [::]:443 ssl;\n": ""}
    keys = {
        f"/etc/letsencrypt/live/{name}/fullchain.pem": str(certificate),
        f"/etc/letsencrypt/live/{name}/privkey.pem": str(key),
    }
    server = changed(example, {**listen, **keys, **changes})
    return checked(_nginx_command(directory, server), "-t")


def caddy_site(
    directory: Path, port: int, example: str, name: str, changes: dict[str, str]
) -> list[str]:
    """Caddy with an example for the site `name`, on another port and with these changes."""
    certificate, key = make_certificate(directory)
    options = "\tadmin off\n\tauto_https disable_redirects\n"
    place = {f"\n{name} {{": f"\nhttps://127.0.0.1:{port} {{\n\ttls {certificate} {key}"}
    site = changed(example, {**place, **changes})
    before, block, after = site.partition("\n{\n")
    # Not every example has options of its own.
    site = f"{before}{block}{options}{after}" if block else f"{{\n{options}}}\n{site}"
    conf = directory / "Caddyfile"
    conf.write_text(site)
    configuration = ["--adapter", "caddyfile", "--config", str(conf)]
    checked(["caddy", "validate", *configuration])
    return ["caddy", "run", *configuration]


def _nginx_command(directory: Path, server: str) -> list[str]:
    """nginx with one server, keeping all that it writes in a directory."""
    program = nginx_path()
    assert program is not None
    temporary = "\n".join(
        f"    {name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = directory / "nginx.conf"
    conf.write_text(
        f"pid {directory}/pid;\ndaemon off;\nmaster_process off;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\n access_log {directory}/access.log;\n{temporary}\n{server}}}\n"
    )
    return [program, "-p", str(directory), "-c", str(conf), "-e", "stderr"]


@contextmanager
def running(proxy: Proxy, directory: Path, public: int) -> Iterator[int]:
    """The proxy in front of a port; gives its own."""
    port = free_port()
    command = proxy(directory, port, public)
    with (directory / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "HOME": str(directory)}
        )
    try:
        wait_until(lambda: answers(port), 10, "the proxy listens")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def trusting(directory: Path) -> ssl.SSLContext:
    """A context that trusts the proxy's certificate."""
    return ssl.create_default_context(cafile=str(directory / "certificate.pem"))


def answers(port: int) -> bool:
    """Whether somebody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 400
    except OSError:
        return False
    finally:
        connection.close()
