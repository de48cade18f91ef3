"""Home Assistant running in this process, without network: one MQTT entry on a broker in memory.

Owns the core, the broker and what Home Assistant logs. Does not judge anything. The attributes
with a leading underscore are Home Assistant's; the releases are pinned, so they stay put.
"""

# Home Assistant is not installed where mypy runs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from homeassistant import config_entries, core, loader
from homeassistant.components.mqtt import (
    async_client,
    client,
    config_flow,
    util,
)
from homeassistant.components.mqtt import (
    entity as mqtt_entity,
)
from homeassistant.helpers import (
    area_registry,
    category_registry,
    device_registry,
    entity,
    entity_registry,
    floor_registry,
    frame,
    issue_registry,
    label_registry,
    restore_state,
    template,
    translation,
)
from paho.mqtt.client import MQTTMessage
from paho.mqtt.matcher import MQTTMatcher
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

SETTLE_LIMIT = 30.0
"""Seconds Home Assistant may take over one message."""

_COOLDOWNS = (
    "DISCOVERY_COOLDOWN",
    "INITIAL_SUBSCRIBE_COOLDOWN",
    "SUBSCRIBE_COOLDOWN",
    "UNSUBSCRIBE_COOLDOWN",
)
_PLATFORMS = (
    "binary_sensor",
    "button",
    "climate",
    "cover",
    "device_automation",
    "event",
    "fan",
    "light",
    "number",
    "select",
    "sensor",
    "switch",
    "text",
    "update",
    "valve",
)
"""Loaded beforehand: loading two at once upon a discovery message makes Home Assistant warn."""
_NOT_SET_UP = ("http", "file_upload")
"""Integrations that the MQTT integration wants beside it and does not use here."""


class Broker:
    """Takes the place of Home Assistant's paho client and of the broker behind it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._mid = 0
        self._retained: dict[str, MQTTMessage] = {}
        self.birth = asyncio.Event()

    def deliver(self, topic: str, payload: str) -> None:
        """Publish a retained message: to Home Assistant now, and to later subscriptions."""
        message = MQTTMessage(topic=topic.encode())
        message.payload = payload.encode()
        message.timestamp = time.monotonic()
        self.on_message(self, None, message)
        stored = MQTTMessage(topic=topic.encode())
        stored.payload, stored.retain = message.payload, True
        self._retained[topic] = stored
        if not payload:
            del self._retained[topic]

    def on_message(self, *_arguments: Any) -> None:
        """Set by Home Assistant, as are the other callbacks of paho."""

    def setup(self) -> None:
        """Nothing to set up."""

    def enable_logger(self) -> None:
        """Nothing to log."""

    def will_set(self, **_options: Any) -> None:
        """Nobody would get the will."""

    def connect(self, **_options: Any) -> int:
        """Called in a worker thread; connected as soon as the loop gets to it."""
        answer = ReasonCode(PacketTypes.CONNACK, "Success")
        self._loop.call_soon_threadsafe(lambda: self._call("on_connect", None, answer, None))
        return 0

    def disconnect(self) -> int:
        """Home Assistant stops."""
        return 0

    def subscribe(self, topics: list[tuple[str, int]]) -> tuple[int, int]:
        """Acknowledge, then send what is retained there."""
        mid = self._acknowledge("on_subscribe")
        for topic_filter, _qos in topics:
            matcher = MQTTMatcher()  # type: ignore[no-untyped-call]  # paho's class has no hints
            matcher[topic_filter] = True
            for topic, message in self._retained.items():
                if any(matcher.iter_match(topic)):  # type: ignore[no-untyped-call]  # as above
                    self._loop.call_soon(self.on_message, self, None, message)
        return 0, mid

    def unsubscribe(self, _topics: list[str]) -> tuple[int, int]:
        """Acknowledge only: Home Assistant drops what it did not ask for."""
        return 0, self._acknowledge("on_unsubscribe")

    def publish(self, topic: str, *_message: Any) -> SimpleNamespace:
        """Acknowledge; the birth message says that Home Assistant is ready."""
        if topic == "homeassistant/status":
            self.birth.set()
        return SimpleNamespace(mid=self._acknowledge("on_publish"), rc=0)

    def _acknowledge(self, callback: str) -> int:
        self._mid += 1
        self._loop.call_soon(self._call, callback, self._mid, [], None)
        return self._mid

    def _call(self, callback: str, *arguments: Any) -> None:
        getattr(self, callback)(self, None, *arguments)


class LogRecorder(logging.Handler):
    """Keeps what Home Assistant logs at warning and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message and, of a traceback, its last line."""
        lines = record.getMessage().strip().splitlines()
        text = lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {record.exc_info[1]!r}"
        self._lines.append(f"{record.levelname} {record.name}: {text}")

    def take(self) -> list[str]:
        """What was logged since the last call."""
        lines, self._lines = self._lines, []
        return lines


class Instance:
    """One Home Assistant with its MQTT integration connected."""

    def __init__(self, hass: Any, broker: Broker, log: LogRecorder) -> None:
        self.hass = hass
        self._broker = broker
        self.log = log

    async def deliver(self, topic: str, payload: str) -> None:
        """Publish, and return once Home Assistant has dealt with the message."""
        self._broker.deliver(topic, payload)
        await self.settle()

    async def settle(self) -> None:
        """Wait for tasks, (un)subscriptions and what is retained on new subscriptions."""
        mqtt = self.hass.data["mqtt"].client
        async with asyncio.timeout(SETTLE_LIMIT):
            await self.hass.async_block_till_done()
            while (
                mqtt._pending_subscriptions
                or mqtt._pending_unsubscribes
                or mqtt._pending_operations
            ):
                await asyncio.sleep(0)
                await self.hass.async_block_till_done()

    def entity_id(self, platform: str, unique_id: str) -> str | None:
        """The id under which Home Assistant knows an entity; None when it does not."""
        registry = entity_registry.async_get(self.hass)
        found: str | None = registry.async_get_entity_id(platform, "mqtt", unique_id)
        return found

    def entity(self, platform: str, unique_id: str) -> Any:
        """The running entity; None when there is none."""
        entity_id = self.entity_id(platform, unique_id)
        platforms = self.hass.data.get("entity_components", {})
        if entity_id is None or platform not in platforms:
            return None
        return platforms[platform].get_entity(entity_id)

    def state(self, platform: str, unique_id: str) -> str | None:
        """The entity's state as shown to the user; None when it has none."""
        entity_id = self.entity_id(platform, unique_id)
        state = self.hass.states.get(entity_id) if entity_id is not None else None
        return None if state is None else str(state.state)


@asynccontextmanager
async def running() -> AsyncIterator[Instance]:
    """Start Home Assistant with an empty configuration; stop it at the end."""
    loop = asyncio.get_running_loop()
    broker, log = Broker(loop), LogRecorder()
    async_client.AsyncMQTTClient = lambda **_options: broker
    for cooldown in _COOLDOWNS:
        setattr(client, cooldown, 0)
    # A disabled entity never sees its messages, so every one is enabled here.
    mqtt_entity.MqttEntity.entity_registry_enabled_default = True
    with TemporaryDirectory() as directory:
        Path(directory, "configuration.yaml").touch()
        hass = core.HomeAssistant(directory)
        await _set_up(hass)
        logging.getLogger().addHandler(log)
        try:
            await _connect(hass)
            async with asyncio.timeout(SETTLE_LIMIT):
                await broker.birth.wait()
            instance = Instance(hass, broker, log)
            await instance.settle()
            if logged := log.take():
                raise RuntimeError(f"Home Assistant complains at its start: {logged}")
            yield instance
        finally:
            logging.getLogger().removeHandler(log)
            await hass.async_stop(force=True)


async def _set_up(hass: Any) -> None:
    """Do what Home Assistant's bootstrap does, less all integrations."""
    loader.async_setup(hass)
    hass.config.skip_pip = True
    hass.config.components.update(_NOT_SET_UP)
    hass.data[loader.DATA_CUSTOM_COMPONENTS] = {}
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    for helper in (entity, frame, template, translation):
        helper.async_setup(hass)
    for registry in (
        area_registry,
        category_registry,
        device_registry,
        entity_registry,
        floor_registry,
        issue_registry,
        label_registry,
        restore_state,
    ):
        await registry.async_load(hass)
    await hass.config_entries.async_initialize()
    hass.set_state(core.CoreState.running)


async def _connect(hass: Any) -> None:
    entry = config_entries.ConfigEntry(
        data={"broker": "in memory"},
        discovery_keys={},
        domain="mqtt",
        minor_version=config_flow.FlowHandler.MINOR_VERSION,
        options={},
        source="user",
        subentries_data=(),
        title="MQTT",
        unique_id=None,
        version=config_flow.FlowHandler.VERSION,
    )
    await hass.config_entries.async_add(entry)
    if entry.state is not config_entries.ConfigEntryState.LOADED:
        raise RuntimeError(f"the MQTT integration does not start: {entry.state} {entry.reason}")
    for platform in _PLATFORMS:
        await util.async_forward_entry_setup_and_setup_discovery(hass, entry, {platform})
