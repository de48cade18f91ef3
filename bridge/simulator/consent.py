"""Consent callbacks as Shelly's cloud sends them, signed with a key of the simulated world's own.

(Shelly docs, Integrator API, Users: ES384, valid for two minutes, for one device and one tag.)
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.errors import ConnectionLost
from bridge.simulator.devices.base import Device

Json = Any

LIFETIME = 120
"""Seconds for which a trust token is valid."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver of a callback said."""

    status: int
    body: bytes


class ConsentCaller:
    """Signs and posts callbacks; may be used by any thread."""

    def __init__(self, tag: str, *, timeout: float = 10.0) -> None:
        """`timeout` (s) is for each step of a request."""
        self.tag = tag
        self.timeout = timeout
        self._key = ec.generate_private_key(ec.SECP384R1())

    @property
    def public_key_pem(self) -> str:
        """What the receiver must verify trust tokens with."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public.decode()

    def trust(self, device_id: Json, **claims: Json) -> str:
        """A value for `SCL-Trust`; `claims` replace or add to the usual ones, None removes."""
        usual = {"exp": int(time.time()) + LIFETIME, "itg": self.tag, "did": device_id}
        whole = {key: value for key, value in (usual | claims).items() if value is not None}
        return jwt.encode(whole, self._key, algorithm="ES384")

    def body(self, device: Device, action: str = "add", **fields: Json) -> dict[str, Json]:
        """The body of a callback; `fields` replace or add to the usual ones."""
        identity = device.identity
        return {
            "userId": identity.user,
            "deviceId": device.id,
            "deviceType": identity.type,
            "deviceCode": identity.code,
            "accessGroups": "01" if device.control else "00",
            "action": action,
            "host": identity.host,
            "name": list(identity.names),
            **fields,
        }

    def add(
        self, url: str, device: Device, *, context: ssl.SSLContext | None = None, **fields: Json
    ) -> Answer:
        """Tell that the owner granted a device."""
        body = self.body(device, "add", **fields)
        return self.post(url, body, trust=self.trust(device.id), context=context)

    def remove(
        self, url: str, device: Device, *, context: ssl.SSLContext | None = None, **fields: Json
    ) -> Answer:
        """Tell that the owner withdrew a device."""
        body = self.body(device, "remove", **fields)
        return self.post(url, body, trust=self.trust(device.id), context=context)

    def post(
        self,
        url: str,
        body: Json,
        *,
        trust: str | None = None,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """Post anything: `body` is sent as it is when it is bytes, else as JSON.

        `headers` replace the usual ones. `context` is for https, the system's authorities count
        without it. Raises `ConnectionLost` when no answer came.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Connection": "close"}
        if trust is not None:
            sent["SCL-Trust"] = trust
        sent |= headers or {}
        parts = urlsplit(url)
        connection = self._connect(parts.scheme, parts.hostname or "", parts.port, context)
        path = parts.path or "/"
        try:
            connection.request("POST", f"{path}?{parts.query}" if parts.query else path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            # The address holds a secret, so it is not named.
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ConnectionLost(f"the consent callback was not answered: {reason}") from None
        finally:
            connection.close()

    def _connect(
        self, scheme: str, host: str, port: int | None, context: ssl.SSLContext | None
    ) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self.timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self.timeout)
