"""`bridge/request/<name>` and its answers, in the form that zigbee2mqtt made known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.core import jsontext, options
from bridge.core.device import Device
from bridge.core.diagnostics import diagnostics
from bridge.core.effects import (
    Effect,
    Lane,
    Publish,
    Reconnect,
    Restart,
    SaveOptions,
    ScanRetained,
    SetLogLevel,
    Show,
)
from bridge.core.events import MessageArrived, RefreshAnswered, RetainedFound, Vitals
from bridge.core.grants import Grants
from bridge.core.instructed import Instructed
from bridge.core.misconduct import Misconduct
from bridge.core.model import DeviceId, DeviceOptions, Json, LinkId, Now, SourceKind
from bridge.core.options import OptionError
from bridge.core.presence import Presence
from bridge.core.publications import Publications
from bridge.core.refill import Refill
from bridge.core.registry import Override, Registry
from bridge.core.results import RESULT_EXPIRY, iso
from bridge.core.retained import AT_START, Retained
from bridge.core.visitors import LINK, Visitors
from bridge.errors import FrameError

MOST_OPEN = 100
"""Requests that may wait for something at once."""

MOST_LISTED = 500
"""Topics that an answer names."""

LONGEST_REQUEST = 8_192
"""Bytes of a request."""

MANAGING = frozenset(
    {
        *("device/approve", "device/remove", "device/options", "options"),
        *("restart", "retained/clean", "consent_url"),
    }
)
"""What `mqtt.manage` keeps from those who may publish requests."""

Data = dict[str, Json]


class _RefusedError(Exception):
    """The request cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    data: Data
    message: MessageArrived


class Requests:
    """Answers requests, some at once, some when the answer to a question has come."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        instructed: Instructed,
        grants: Grants,
        retained: Retained,
        misconduct: Misconduct,
        refill: Refill,
        visitors: Visitors,
        presence: Presence,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._instructed = instructed
        self._grants = grants
        self._retained = retained
        self._misconduct = misconduct
        self._refill = refill
        self._visitors = visitors
        self._presence = presence
        self._health: Data = {}
        self._verifying: dict[DeviceId, list[_Request]] = {}
        self._scans: dict[int, _Request] = {}
        self._last_scan = AT_START
        self._dropped: list[DeviceId] = []
        self._names: dict[str, Callable[[_Request, Now], list[Effect]]] = {
            "health_check": self._health_check,
            "device/refresh": self._refresh,
            "device/verify": self._verify,
            "device/remove": self._remove,
            "device/approve": self._approve,
            "host/reconnect": self._reconnect,
            "consent_url": self._consent_url,
            "login_url": self._login_url,
            "retained/clean": self._clean,
            "discovery/republish": self._republish,
            "options": self._options,
            "device/options": self._device_options,
            "diagnostics": self._diagnostics,
            "restart": self._restart,
        }

    def request(self, name: str, message: MessageArrived, now: Now) -> list[Effect]:
        """Answer a request; one that was stored by the broker is not run."""
        request = _Request(name, {}, message)
        try:
            if message.stored:
                raise _RefusedError("a retained request is never run; clear the topic")
            request = _Request(name, _data(message.payload), message)
            handler = self._names.get(name)
            if handler is None:
                known = ", ".join(sorted(self._names))
                raise _RefusedError(f"no such request; there are {known}")
            if name in MANAGING and message.asker is None and not self._registry.settings.manage:
                raise _RefusedError(
                    "mqtt.manage is off: this is done on the bridge's page or machine"
                )
            return handler(request, now)
        except (_RefusedError, OptionError) as error:
            return self._answer(request, {}, str(error))

    def taken_removed(self) -> list[DeviceId]:
        """The devices that requests removed since the last call."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def refreshed(self, event: RefreshAnswered) -> list[Effect]:
        """A device that a request waits for was verified, or not."""
        effects: list[Effect] = []
        for request in self._verifying.pop(event.device, ()):
            data: Data = {"id": event.device, "result": event.outcome}
            bad = event.outcome in ("timeout", "failed")
            error = f"no answer about the device: {event.outcome}" if bad else None
            effects += self._answer(request, data, error)
        return effects

    def gone(self, device: DeviceId, why: str = "the device was removed") -> list[Effect]:
        """A device is not here any more: nobody will answer questions about it."""
        return [
            effect
            for request in self._verifying.pop(device, ())
            for effect in self._answer(request, {"id": device}, why)
        ]

    def scanned(self, event: RetainedFound) -> list[Effect]:
        """The scan that a request waits for is done."""
        request = self._scans.pop(event.token, None)
        if request is None:
            return []
        if not event.complete:
            return self._answer(
                request,
                {},
                "the scan was not finished, perhaps another one is under way; nothing was cleared",
            )
        leftovers = self._retained.sort_out(topic for topic, _ in event.topics)
        listed = leftovers.all_topics()
        dry_run = bool(request.data.get("dry_run"))
        data: Data = {
            "dry_run": dry_run,
            "devices": sorted(leftovers.topics),
            "count": len(listed),
            "topics": listed[:MOST_LISTED],
            "stored_commands": leftovers.commands[:MOST_LISTED],
        }
        effects = [] if dry_run else self._retained.clear(leftovers)
        return [*effects, *self._answer(request, data)]

    @property
    def last_health(self) -> Data:
        """What `bridge/health` said last; empty at first."""
        return self._health

    def health(self, event: Vitals, now: Now) -> list[Effect]:
        """Publish `bridge/health`."""
        self._health = {
            "ts": iso(now.wall),
            **event.values,
            "devices": len(self._registry.devices),
            "bad_input": dict(self._misconduct.counts),
        }
        return self.health_again(Lane.STATE)

    def health_again(self, lane: Lane) -> list[Effect]:
        """`bridge/health` as it was last; nothing before the first."""
        if not self._health:
            return []
        topic = self._registry.settings.topics.bridge("health")
        text = jsontext.dump(self._health)
        return [Publish(topic, text, retain=self._registry.settings.retain, qos=0, lane=lane)]

    def _health_check(self, request: _Request, _: Now) -> list[Effect]:
        links = self._registry.links.values()
        data: Data = {
            "healthy": all(link.connected for link in links),
            "hosts": {link.id: link.state.value for link in links},
            "health": self._health,
            "bad_input": dict(self._misconduct.counts),
        }
        return self._answer(request, data)

    def _refresh(self, request: _Request, _: Now) -> list[Effect]:
        waiting = self._pending(request)
        if waiting is not None:
            return self._answer(request, {"id": waiting, "pending": True})
        device = self._device(request)
        asked = self._ask(device)
        data: Data = {
            "id": device.id,
            "topic": f"{self._registry.settings.topics.base}/{self._registry.root(device.id)}",
            "connected": any(
                path.kind is SourceKind.OUTBOUND and not path.away for path in device.paths.values()
            ),
        }
        return [*asked, *self._answer(request, data)]

    def _verify(self, request: _Request, _: Now) -> list[Effect]:
        device = self._device(request)
        asked = self._ask(device)
        if sum(map(len, self._verifying.values())) >= MOST_OPEN:
            raise _RefusedError("too many requests at once")
        self._verifying.setdefault(device.id, []).append(request)
        return asked

    def _ask(self, device: Device) -> list[Effect]:
        asked = self._instructed.refresh(device)
        if not asked:
            raise _RefusedError("the connection to the device's cloud host is down")
        return asked

    def _approve(self, request: _Request, now: Now) -> list[Effect]:
        waiting = self._pending(request)
        if waiting is None:
            raise _RefusedError("id: no such device waits for approval")
        effects = self._visitors.approve(waiting, now)
        return [*effects, *self._answer(request, {"id": waiting})]

    def _pending(self, request: _Request) -> DeviceId | None:
        """The device that is meant, if it waits for approval."""
        name = request.data.get("id")
        waiting = DeviceId(name.lower()) if isinstance(name, str) else None
        return waiting if waiting in self._registry.pending else None

    def _remove(self, request: _Request, now: Now) -> list[Effect]:
        waiting = self._pending(request)
        if waiting is not None:
            dismissed = self._visitors.dismiss(waiting, now)
            return [*dismissed, *self._answer(request, {"id": waiting})]
        device = self._device(request)
        if request.data.get("link") == LINK:
            others: Json = [link for link in device.paths if link != LINK]
            if others:
                effects = self._visitors.part(device, now)
                return [*effects, *self._answer(request, {"id": device.id, "kept_by": others})]
        accounts = [path for path in device.paths.values() if path.kind is SourceKind.ACCOUNT]
        if accounts:
            text = (
                f"it comes by the account {accounts[0].link}: remove it in the Shelly app, or set "
                f"devices.{device.id}.disabled: true in the configuration"
            )
            if len(accounts) == len(device.paths):
                raise _RefusedError(text)
            kept: Json = [path.link for path in accounts]
            effects = self._visitors.detach(device, now)
            data: Data = {"id": device.id, "kept_by": kept, "text": text}
            return [*effects, *self._answer(request, data)]
        self._dropped.append(device.id)
        effects = self._grants.remove(device.id, now)
        return [*effects, *self._answer(request, {"id": device.id})]

    def _reconnect(self, request: _Request, _: Now) -> list[Effect]:
        name = request.data.get("id", request.data.get("host"))
        if not isinstance(name, str) or LinkId(name) not in self._registry.links:
            known = ", ".join(sorted(self._registry.links)) or "none"
            raise _RefusedError(f"id: must be one of the connections: {known}")
        return [Reconnect(LinkId(name)), *self._answer(request, {"id": name})]

    def _consent_url(self, request: _Request, _: Now) -> list[Effect]:
        url = self._registry.settings.consent_url
        if url is None:
            raise _RefusedError("web.public.url is not set in the configuration")
        return self._answer(request, {"url": url})

    def _login_url(self, request: _Request, _: Now) -> list[Effect]:
        logins = self._registry.settings.logins
        name = request.data.get("account", request.data.get("id"))
        if name is None and len(logins) == 1:
            name = next(iter(logins))
        if not isinstance(name, str) or LinkId(name) not in logins:
            known = ", ".join(sorted(logins)) or "none"
            raise _RefusedError(f"account: must be one of the accounts: {known}")
        url = logins[LinkId(name)]
        if url is None:
            raise _RefusedError(f"there is no page to log in; run: shelly-bridge login {name}")
        return self._answer(request, {"account": name, "url": url})

    def _clean(self, request: _Request, _: Now) -> list[Effect]:
        if not isinstance(request.data.get("dry_run", False), bool):
            raise _RefusedError("dry_run: must be true or false")
        if len(self._scans) >= 4:
            raise _RefusedError("a scan is under way")
        self._last_scan += 1
        self._scans[self._last_scan] = request
        return [ScanRetained(self._last_scan)]

    def _republish(self, request: _Request, now: Now) -> list[Effect]:
        data: Data = {
            "devices": len(self._registry.devices),
            "discovery": self._registry.settings.topics.prefix is not None,
        }
        return [*self._answer(request, data), *self._refill.everything(now)]

    def _options(self, request: _Request, _: Now) -> list[Effect]:
        level = options.level(request.data.get("options"))
        return [SetLogLevel(level), *self._answer(request, {"restart_required": False})]

    def _device_options(self, request: _Request, now: Now) -> list[Effect]:
        device = self._device(request)
        before = self._registry.options.get(device.id, DeviceOptions(device.id))
        configured = self._registry.settings.overrides.get(device.id, Override())
        after = options.changed(before, request.data.get("options"), configured)
        self._registry.set_options(after)
        data: Data = {
            "id": device.id,
            "from": options.told(before),
            "to": options.told(after),
            "restart_required": False,
        }
        described = self._presence.describe(device, now)
        return [SaveOptions(after), *described, *self._answer(request, data)]

    def _diagnostics(self, request: _Request, _: Now) -> list[Effect]:
        protocol, counts = self._refill.protocol, self._misconduct.counts
        return self._answer(request, diagnostics(self._registry, protocol, self._health, counts))

    def _restart(self, request: _Request, _: Now) -> list[Effect]:
        return [*self._answer(request, {}), Restart()]

    def _device(self, request: _Request) -> Device:
        device = self._registry.find(request.data.get("id"))
        if device is None:
            raise _RefusedError("id: there is no such device")
        return device

    def _answer(self, request: _Request, data: Data, error: str | None = None) -> list[Effect]:
        body: Data = {"data": data, "status": "ok" if error is None else "error"}
        if error is not None:
            body["error"] = error
        if "transaction" in request.data:
            body["transaction"] = request.data["transaction"]
        own = self._registry.settings.topics
        places: list[tuple[str, bytes | None]] = [(own.response(request.name), None)]
        message = request.message
        if message.response_topic and own.is_answer_box(message.response_topic):
            places.append((message.response_topic, message.correlation))
        shown: list[Effect] = [] if message.asker is None else [Show(message.asker, body)]
        return shown + [
            Publish(
                topic,
                jsontext.dump(body),
                retain=False,
                lane=Lane.EVENT,
                correlation=correlation,
                expiry=RESULT_EXPIRY,
            )
            for topic, correlation in places
        ]


def _data(payload: bytes) -> Data:
    """A request's payload: a JSON object, a bare id, or nothing."""
    if len(payload) > LONGEST_REQUEST:
        raise _RefusedError(f"the request is longer than {LONGEST_REQUEST} bytes")
    text = payload.strip()
    if not text:
        return {}
    if not text.startswith(b"{"):
        return {"id": text.decode(errors="replace").strip('"')}
    try:
        return jsontext.parse_object(text)
    except FrameError as error:
        raise _RefusedError(str(error)) from None
