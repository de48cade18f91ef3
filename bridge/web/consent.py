"""The public listener: Shelly's cloud tells here which devices their owners grant or take back.

Owns the order of the checks and what each refusal answers. Nothing of an unchecked body reaches
the registry, a connection or a topic. Knows nothing of connections and MQTT: whoever needs to know
is notified after the grant is on disk.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Protocol

from flask import Flask, Response, request
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
)

from bridge.core.events import GrantRevoked, GrantStored
from bridge.core.model import DeviceId, Grant
from bridge.errors import FrameError, StoreError
from bridge.store import Proof, ProofReused
from bridge.web.answers import HealthCheck, answer, create_app
from bridge.web.consent_body import Action, Consent, parse_consent
from bridge.web.refusals import WINDOW, Refusals, network_of
from bridge.web.scl_trust import Reason, TrustCheck, TrustRefused

_log = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024
"""Bytes."""
REFUSAL_LIMIT = 20
"""Refusals a minute and address that are answered by their reason; further ones by 429."""

_LONGEST_TURN = 10.0
"""Seconds to wait until earlier callbacks are stored."""

Notify = Callable[[GrantStored | GrantRevoked], bool]
"""Takes what was stored and returns at once; False if it had to leave it."""


class GrantStore(Protocol):
    """What the callback needs of the registry (see `bridge.store.Store`)."""

    def grant(self, device: DeviceId) -> Grant | None:
        """The grant of one device."""

    def put_grant(self, grant: Grant, *, at: float, proof: Proof | None = None) -> bool:
        """Store a grant durably; False if this very callback came before."""

    def revision(self, device: DeviceId) -> int:
        """How many consents of a device were stored."""

    def delete_grant(self, device: DeviceId, *, proof: Proof | None = None) -> bool:
        """Delete a grant durably; False if there was none or this very callback came before."""


def create_public_app(
    *,
    secret: str,
    trust: TrustCheck,
    host_allowed: Callable[[str], bool],
    store: GrantStore,
    notify: Notify,
    health: HealthCheck,
    wall: Callable[[], float] = time.time,
) -> Flask:
    """The application of the public listener: `POST /consent/<secret>` and `GET /healthz`.

    `host_allowed` judges the `host` of a grant by its text alone. `wall` gives unix seconds.
    """
    app = create_app(__name__, health)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    callback = _ConsentCallback(secret, trust, host_allowed, store, notify, wall)
    app.add_url_rule(
        "/consent/<given>",
        endpoint="consent",
        view_func=callback.receive,
        methods=["POST"],
        provide_automatic_options=False,
    )
    return app


class _ConsentCallback:
    def __init__(
        self,
        secret: str,
        trust: TrustCheck,
        host_allowed: Callable[[str], bool],
        store: GrantStore,
        notify: Notify,
        wall: Callable[[], float],
    ) -> None:
        self._secret = secret.encode()
        self._trust = trust
        self._host_allowed = host_allowed
        self._store = store
        self._notify = notify
        self._wall = wall
        self._turn = threading.Lock()
        self._refusals = Refusals()

    def receive(self, given: str) -> Response:
        """Answer one callback; 200 only after what it says is on disk."""
        if not secrets.compare_digest(given.encode("utf-8", "replace"), self._secret):
            raise self._refused(NotFound(), "wrong secret in the address")
        if not request.is_json:
            raise UnsupportedMediaType
        body = request.get_data(cache=False)
        now = self._wall()
        try:
            # The signature comes first: nothing that an attacker wrote is parsed before it.
            token = self._trust.check(request.headers.get("SCL-Trust"), now)
            consent = parse_consent(body)
            if token.device != consent.cloud_id:
                raise TrustRefused(Reason.OTHER_DEVICE, "the token is for another device")
            self._carry_out(consent, Proof(token.signed, consent.digest, now, token.expires))
        except TrustRefused as error:
            raise self._refused(Unauthorized(), str(error)) from None
        except ProofReused:
            text = "the token was used before for another body"
            raise self._refused(Unauthorized(), text) from None
        except FrameError as error:
            _log.warning("consent refused: the body is not as documented: %s", error)
            raise BadRequest from None
        except StoreError as error:
            _log.error("consent refused, it could not be stored: %s", error)
            raise ServiceUnavailable from None
        return answer({"ok": True})

    def _carry_out(self, consent: Consent, proof: Proof) -> None:
        # One at a time: what is told last must be what was stored last.
        if not self._turn.acquire(timeout=_LONGEST_TURN):
            raise StoreError("earlier consents are still being stored")
        try:
            carry_out = self._remove if consent.action is Action.REMOVE else self._add
            event = carry_out(consent, proof)
            if event is not None and not self._notify(event):
                _log.warning("consent of %s: stored, but not taken over at once", consent.device)
        finally:
            self._turn.release()

    def _add(self, consent: Consent, proof: Proof) -> GrantStored | None:
        if not self._host_allowed(consent.host):
            _log.warning("consent refused: host %s is not allowed", ascii(consent.host[:80]))
            raise Forbidden
        known = self._store.grant(consent.device)
        # The token does not cover the body, so control counts only if the cloud itself told us
        # so over our own connection; that is asked again after every grant.
        confirmed = known is not None and known.host == consent.host and known.control
        grant = Grant(
            consent.device,
            consent.host,
            consent.code,
            consent.type,
            consent.names,
            consent.claims_control and confirmed,
            consent.user,
        )
        if not self._store.put_grant(grant, at=proof.seen, proof=proof):
            return None
        _log.info("consent: device %s on %s was granted", grant.device, grant.host)
        return GrantStored(grant, self._store.revision(grant.device))

    def _remove(self, consent: Consent, proof: Proof) -> GrantRevoked | None:
        if self._store.delete_grant(consent.device, proof=proof):
            _log.info("consent: device %s was withdrawn", consent.device)
        elif self._store.grant(consent.device) is not None:
            # This very callback came before, and the device was granted anew since.
            return None
        return GrantRevoked(consent.device)

    def _refused(self, error: HTTPException, text: str) -> HTTPException:
        """Count and log a refusal; `error`, or 429 when the address has had too many."""
        count = self._refusals.add(request.remote_addr)
        if count > REFUSAL_LIMIT:
            return TooManyRequests(retry_after=int(WINDOW))
        source = network_of(request.remote_addr)
        _log.warning("consent refused (from %s): %s", source, text)
        if count == REFUSAL_LIMIT:
            _log.warning("further refusals from %s in this minute are not logged", source)
        return error
