"""Servers that misbehave: TLS on a free port, and what happens on a connection is the test's."""

from __future__ import annotations

import base64
import hashlib
import select
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.sources.session import PATH
from bridge.sources.websocket import CloudSocket, Endpoint

HOST = "shelly-9-sim.shelly.cloud"

TOKEN = "eyJhbGciOi.c2VjcmV0LWNhbmFyeQ.c2lnbmF0dXJl"
"""What must not be told to anybody else."""

Opener = Callable[..., CloudSocket]

Serve = Callable[[socket.socket], None]
"""Called in a thread of its own for every connection, which is closed when it returns."""


class TlsPeer:
    """A server for `names`; its certificate ends `valid_days` from now. A context manager.

    Without `tls` it speaks plain TCP.
    """

    def __init__(
        self,
        serve: Serve,
        *,
        names: Iterable[str] = (HOST, "localhost"),
        valid_days: float = 1.0,
        tls: bool = True,
    ) -> None:
        self._serve = serve
        self._certificate, self._context = _identity(names, valid_days)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._over = False
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, name="peer-accept")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)
        self.cut()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def client_context(self) -> ssl.SSLContext:
        """Trusts this server's certificate, and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._certificate.decode())
        return context

    def resolve(self, _host: str, _port: int) -> tuple[str, int]:
        """Every name is this server."""
        return "127.0.0.1", self.port

    def endpoint(self) -> Endpoint:
        """This server as a cloud host."""
        return Endpoint(HOST, 6113, PATH, self.client_context(), self.resolve)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            thread = threading.Thread(target=self._handle, args=(connection,), name="peer")
            self._threads.append(thread)
            thread.start()

    def _handle(self, plain: socket.socket) -> None:
        used = plain
        try:
            if self._tls:
                used = self._context.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                )
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(used)
                if self._over:
                    return
                assert isinstance(used, ssl.SSLSocket)
                used.do_handshake()
            self._serve(used)
        except (OSError, ValueError):
            return
        finally:
            with self._lock:
                self._open.discard(used)
            used.close()


def _identity(names: Iterable[str], valid_days: float) -> tuple[bytes, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "server.pem"
        file.write_bytes(private + certificate)
        context.load_cert_chain(file)
    return certificate, context


def swallow(connection: socket.socket) -> None:
    """Read and never answer."""
    while connection.recv(65_536):
        pass


def idle(connection: socket.socket, seconds: float) -> None:
    """Let time pass without reading; shorter when the other side is gone."""
    poller = select.poll()
    poller.register(connection, select.POLLRDHUP | select.POLLHUP)
    poller.poll(seconds * 1_000)


def read_head(connection: socket.socket) -> bytes:
    """A request up to and with its empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        if not data:
            raise ConnectionError
        head += data
    return head


def accept_websocket(connection: socket.socket, *headers: str) -> bytes:
    """Answer a WebSocket handshake, with more headers if given; the request as it came."""
    head = read_head(connection)
    lines = head.decode("ascii").split("\r\n")
    (key,) = (line.split(": ")[1] for line in lines if line.startswith("Sec-WebSocket-Key: "))
    digest = hashlib.sha1(  # noqa: S324 - as RFC 6455 4.2.2 wants it
        f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()
    ).digest()
    answer = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
        *headers,
    ]
    connection.sendall("\r\n".join(answer).encode() + b"\r\n\r\n")
    return head


def say(data: bytes) -> Serve:
    """A peer that sends this after its handshake and then waits."""

    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        connection.sendall(data)
        connection.recv(1)

    return serve


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame as a server sends it."""
    payload = struct.pack("!H", code) + reason.encode()
    return struct.pack("!BB", 0x88, len(payload)) + payload


def read_frame(connection: socket.socket) -> tuple[int, bytes]:
    """Opcode and payload of a frame as a client sends it, masked."""
    first, second = _exactly(connection, 2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(_exactly(connection, 2), "big")
    mask = _exactly(connection, 4)
    payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(_exactly(connection, size)))
    return first & 0x0F, payload


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data
