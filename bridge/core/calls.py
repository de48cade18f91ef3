"""Calls of people's own in a device's RPC: `<dev>/rpc` and its answer, where that is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core import jsontext, rpc
from bridge.core.cloud import HIGHEST_REQUEST
from bridge.core.effects import CallDevice, Effect, Lane, Publish
from bridge.core.events import CallAnswered, CommandNotSent, MessageArrived
from bridge.core.model import Json, Now, SourceKind
from bridge.core.registry import Registry
from bridge.core.results import RESULT_EXPIRY
from bridge.core.timers import Timers
from bridge.errors import FrameError

MOST_OPEN = 64
"""Calls that may wait for their answers."""

LONGEST_CALL = 8_192
"""Bytes of a call."""

_FIRST = HIGHEST_REQUEST + 1
"""Commands have the numbers up to here."""


@dataclass(frozen=True, slots=True)
class CallDue:
    """A timer's key: a call was not answered."""

    request: int


@dataclass(frozen=True, slots=True)
class _Call:
    topic: str
    id: Json
    message: MessageArrived


class Calls:
    """Passes calls on, and the answers back."""

    def __init__(self, registry: Registry, timers: Timers) -> None:
        self._registry = registry
        self._timers = timers
        self._open: dict[int, _Call] = {}
        self._last = _FIRST

    def call(self, name: str, message: MessageArrived, now: Now) -> list[Effect]:
        """Make a call, or answer why not; a stored one is never made."""
        topic = self._registry.settings.topics.device(name, "rpc/response")
        call = _Call(topic, None, message)
        if not message.payload:
            return []
        if self._registry.settings.cluster is not None and self._registry.find(name) is None:
            return []
        try:
            if message.stored or message.retain:
                raise FrameError("retained", "a retained call is never made; clear the topic")
            if len(message.payload) > LONGEST_CALL:
                raise FrameError("too_large", f"the call is longer than {LONGEST_CALL} bytes")
            frame = jsontext.parse_object(message.payload)
            call = _Call(topic, frame.get("id"), message)
            return self._pass(name, frame, call, now)
        except FrameError as error:
            return self._answer(call, error={"code": None, "message": str(error)})

    def _pass(self, name: str, frame: dict[str, Json], call: _Call, now: Now) -> list[Effect]:
        method = frame.get("method")
        allowed = self._registry.settings.rpc_methods
        if not isinstance(method, str) or method.lower() not in allowed:
            raise FrameError("not_allowed", "the method is not in outbound.rpc_methods")
        device = self._registry.find(name)
        paths = () if device is None else device.paths.values()
        path = next((path for path in paths if path.kind is SourceKind.OUTBOUND), None)
        if device is None or path is None or path.away:
            raise FrameError("away", "the device is not connected to the bridge")
        if len(self._open) >= MOST_OPEN:
            raise FrameError("rate_limited", "too many calls at once")
        self._last += 1
        self._open[self._last] = call
        end = now.mono + self._registry.settings.limits.timeout
        limit = rpc.answer_limit(method, self._registry.settings.limits.timeout)
        self._timers.set(CallDue(self._last), now.mono + limit)
        return [CallDevice(path.link, device.id, method, frame.get("params"), self._last, end)]

    def answered(self, event: CallAnswered, _: Now) -> list[Effect]:
        """The device answered."""
        call = self._taken(event.request)
        if call is None:
            return []
        if event.error is not None:
            return self._answer(call, error=event.error)
        return self._answer(call, result=event.result)

    def not_sent(self, event: CommandNotSent, _: Now) -> list[Effect]:
        """A call was given back; nothing if it is a command."""
        call = self._taken(event.request)
        if call is None:
            return []
        return self._answer(call, error={"code": None, "message": event.text})

    def timed_out(self, key: CallDue, _: Now) -> list[Effect]:
        """No answer came."""
        call = self._open.pop(key.request, None)
        if call is None:
            return []
        return self._answer(call, error={"code": None, "message": "no answer"})

    def _taken(self, request: int) -> _Call | None:
        self._timers.cancel(CallDue(request))
        return self._open.pop(request, None)

    def _answer(self, call: _Call, **said: Json) -> list[Effect]:
        body = jsontext.dump({"id": call.id, **said})
        own = self._registry.settings.topics
        places: list[tuple[str, bytes | None]] = [(call.topic, None)]
        message = call.message
        if message.response_topic and own.is_answer_box(message.response_topic):
            places.append((message.response_topic, message.correlation))
        return [
            Publish(
                topic,
                body,
                retain=False,
                lane=Lane.EVENT,
                correlation=correlation,
                expiry=RESULT_EXPIRY,
            )
            for topic, correlation in places
        ]
