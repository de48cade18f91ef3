"""One file of messages against one running Home Assistant.

Owns the order of things: discovery, then every device made available, then its states. Every
finding comes from the schemas, from Home Assistant's log, or from what it made of the entities.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from . import states
from .findings import Finding, Kind
from .instance import Instance
from .messages import Message
from .schemas import Component, describe, is_discovery


class Checker:
    """Feeds messages to Home Assistant and collects what is wrong with them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._devices: dict[str, list[Component]] = {}
        """Per discovery topic, what Home Assistant should have now."""
        self._listening: dict[str, list[Component]] = {}
        """Per topic, whose state or availability it is."""
        self._published: set[str] = set()
        self._findings: list[Finding] = []

    async def check(self, messages: Sequence[Message]) -> list[Finding]:
        """Take the messages in their order, as a broker would have delivered them."""
        for message in messages:
            self._instance.log.take()
            if is_discovery(message.topic):
                await self._discover(message)
            else:
                await self._update(message)
        self._check_published()
        return list(dict.fromkeys(self._findings))

    async def _discover(self, message: Message) -> None:
        topic = message.topic
        if message.retain is False:
            self._add(Kind.RETAIN, topic, "", "a discovery message must be retained")
        description = describe(topic, message.payload)
        self._findings += description.findings
        await self._instance.deliver(topic, message.payload)
        before = self._devices.get(topic, [])
        self._devices[topic] = description.components
        self._listen()
        self._check_created(topic)
        self._check_removed(topic, before)
        self._check_names(topic)
        await self._bring_online(description.components)
        self._add_logged(topic, known=[finding.text for finding in description.findings])

    async def _update(self, message: Message) -> None:
        self._published.add(message.topic)
        bound = list(self._entities(self._listening.get(message.topic, ())))
        stateful = [
            (component, entity)
            for component, entity in bound
            if component.config.get("state_topic") == message.topic
        ]
        for component, entity in stateful:
            states.forget(component, entity)
            if component.platform == "event" and message.retain:
                self._add(Kind.RETAIN, message.topic, component, "events must not be retained")
        await self._instance.deliver(message.topic, message.payload)
        self._add_logged(message.topic)
        if not message.payload:
            return
        for component, entity in stateful:
            shown = self._instance.state(component.platform, component.unique_id or "")
            for text in states.ignored(component, entity, shown, message.payload):
                self._add(Kind.STATE_IGNORED, message.topic, component, text)
        available = [pair for pair in bound if message.topic in self._online_words(*pair)]
        for component, entity in available:
            self._check_availability(message, component, entity)
        await self._bring_online([component for component, _ in available])

    async def _bring_online(self, components: Sequence[Component]) -> None:
        """Make the entities available: one that is not does not show what it makes of a state."""
        words: dict[str, str] = {}
        for component, entity in self._entities(components):
            words |= self._online_words(component, entity)
        for topic, word in words.items():
            await self._instance.deliver(topic, word)

    def _online_words(self, component: Component, entity: Any) -> dict[str, str]:
        """Per availability topic without a template, the word for available."""
        return {
            topic: options["payload_available"]
            for topic, options in entity._avail_topics.items()
            if topic in component.topics() and options.get("availability_template") is None
        }

    def _check_availability(self, message: Message, component: Component, entity: Any) -> None:
        if message.retain is False:
            self._add(Kind.RETAIN, message.topic, component, "availability must be retained")
        options = entity._avail_topics[message.topic]
        words = {options["payload_available"]: True, options["payload_not_available"]: False}
        if message.payload not in words:
            text = f"{message.payload!r} is none of {', '.join(map(repr, words))}"
            self._add(Kind.UNAVAILABLE, message.topic, component, text)
            return
        expected = words[message.payload]
        # With these two options, other messages count as well.
        undecided = component.config.get("availability_mode") == "any" and not expected
        undecided |= "expire_after" in component.config and expected
        if entity.available is not expected and not undecided:
            text = f"{message.payload!r} leaves the entity at available={entity.available}"
            self._add(Kind.UNAVAILABLE, message.topic, component, text)

    def _check_created(self, topic: str) -> None:
        for component in self._devices[topic]:
            unique_id = component.unique_id
            if unique_id and self._instance.state(component.platform, unique_id) is None:
                text = f"{component.platform} {unique_id} does not exist afterwards"
                self._add(Kind.NOT_CREATED, topic, component, text)

    def _check_removed(self, topic: str, before: Sequence[Component]) -> None:
        now = {(each.platform, each.unique_id) for each in self._devices[topic]}
        for component, _ in self._entities(before):
            if (component.platform, component.unique_id) not in now:
                text = f"{component.platform} {component.unique_id} is still there"
                self._add(Kind.LEFT_BEHIND, topic, component, text)

    def _check_names(self, topic: str) -> None:
        named = {entity: each for each, entity in self._entities(self._devices[topic])}
        often = Counter((component.platform, entity.name) for entity, component in named.items())
        for entity, component in named.items():
            if entity.name is not None and entity.name == entity._default_name:
                text = f"neither a name nor a class that gives one: shown as {entity.name!r}"
                self._add(Kind.NAME, topic, component, text)
            elif often[component.platform, entity.name] > 1:
                text = f"several of the {component.platform} entities are named {entity.name!r}"
                self._add(Kind.NAME, topic, component, text)

    def _check_published(self) -> None:
        if not self._published:
            return
        for topic, components in self._devices.items():
            for component in components:
                for missing in sorted(component.topics(retained=True) - self._published):
                    text = f"nothing was published on {missing}"
                    self._add(Kind.NEVER_PUBLISHED, topic, component, text)

    def _listen(self) -> None:
        listening = defaultdict(list)
        for components in self._devices.values():
            for component in components:
                for topic in component.topics():
                    listening[topic].append(component)
        self._listening = listening

    def _entities(self, components: Sequence[Component]) -> Iterator[tuple[Component, Any]]:
        """The components that have a running entity, and the entity."""
        for component in components:
            entity = self._instance.entity(component.platform, component.unique_id or "")
            if entity is not None:
                yield component, entity

    def _add_logged(self, topic: str, known: Sequence[str] = ()) -> None:
        """Add what Home Assistant logged, less what is known already."""
        for line in self._instance.log.take():
            if not any(text in line for text in known):
                self._add(Kind.LOGGED, topic, "", line)

    def _add(self, kind: Kind, topic: str, component: Component | str, text: str) -> None:
        component_id = component if isinstance(component, str) else component.component_id
        self._findings.append(Finding(kind, topic, component_id, text))
