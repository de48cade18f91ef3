"""Which part of the bridge carries out which of the engine's effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge import log
from bridge.core.effects import (
    Adopt,
    CallDevice,
    DropGrant,
    LetGo,
    Move,
    Reconnect,
    Refresh,
    Release,
    Restart,
    SaveComponents,
    SaveGrant,
    SaveOptions,
    SaveTopics,
    SaveVisitor,
    ScanRetained,
    SendCommand,
    SetLogLevel,
    Show,
)
from bridge.core.model import SourceKind
from bridge.engine_loop import Executor
from bridge.mqtt.client import MqttAdapter
from bridge.mqtt.outbox import Outbox
from bridge.sources.integrator import IntegratorSource
from bridge.sources.router import Router
from bridge.store_writer import StoreWriter
from bridge.web.desk import Desk

if TYPE_CHECKING:
    from bridge.sources.outbound import OutboundSource

_WRITTEN = (SaveGrant, SaveVisitor, SaveOptions, DropGrant, SaveTopics, SaveComponents)


def executors(
    *,
    sources: Router,
    integrator: IntegratorSource | None,
    outbound: OutboundSource | None,
    writer: StoreWriter,
    mqtt: MqttAdapter,
    outbox: Outbox,
    desk: Desk,
    restart: Callable[[], None],
) -> dict[type, Executor]:
    """Who carries out each kind of effect; sources that are not wanted are None."""

    def release(effect: Release) -> None:
        if integrator is not None and effect.kind in (None, SourceKind.INTEGRATOR):
            integrator.release(effect.device)
        if outbound is not None and effect.kind in (None, SourceKind.OUTBOUND):
            outbound.release(effect.device)

    def let_go(effect: LetGo) -> None:
        outbox.let_go(effect.topics)
        writer.let_go(effect.device)

    found: dict[type, Executor] = dict.fromkeys(_WRITTEN, writer.put)
    found |= {
        SendCommand: sources.send,
        Refresh: lambda effect: sources.refresh(effect.link, effect.device),
        Reconnect: lambda effect: sources.reconnect(effect.link),
        SetLogLevel: lambda effect: log.set_level(effect.level),
        Restart: lambda _: restart(),
        Show: desk.show,
        ScanRetained: lambda effect: mqtt.request_scan(effect.token),
        LetGo: let_go,
        Release: release,
    }
    if outbound is not None:
        found[CallDevice] = outbound.call
    return found | _consents(integrator)


def _consents(integrator: IntegratorSource | None) -> dict[type, Executor]:
    """Who carries out what concerns consents: the integrator, or nobody."""
    if integrator is None:
        return dict.fromkeys((Adopt, Move), lambda _: None)
    return {
        Adopt: lambda effect: integrator.adopt(effect.grant),
        Move: lambda effect: integrator.move(effect.device, effect.to),
    }
