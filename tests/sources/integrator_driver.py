"""The Integrator API's source, with a simulated cloud as its far side."""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.hosts import HostRule
from bridge.core.ids import device_from_hex
from bridge.core.model import Grant, LinkId
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from bridge.sources.integrator import IntegratorSettings, IntegratorSource
from bridge.sources.timing import Timing
from bridge.tls import cloud_context
from tests.sources.cloud_driver import CloudDriver

HOSTS = ("shelly-1-sim.shelly.cloud", "shelly-2-sim.shelly.cloud")

TIMING = Timing(
    open_limit=0.4,
    send_limit=0.5,
    ping_interval=0.2,
    silence_limit=0.7,
    look=0.02,
    token_limit=0.3,
    answer_limit=0.3,
    quick=0.2,
    displaced_delay=0.5,
)


def grant(device: Device, host: str | None = None) -> Grant:
    """The owner's consent, as stored."""
    identity = device.identity
    names = tuple(identity.names)
    return Grant(
        device_from_hex(device.hex_id),
        host or device.host,
        device.code,
        identity.type,
        names,
        device.control,
    )


class IntegratorDriver(CloudDriver):
    """A source with two devices on the first host of `world`; `configured` are opened at once."""

    def __init__(
        self,
        world: World,
        *,
        configured: tuple[str, ...] = (),
        allowed: tuple[str, ...] = ("*.shelly.cloud",),
        token: str | None = None,
        timing: Timing = TIMING,
        exclusive: bool = False,
    ) -> None:
        lamp = world.add_device("SNSW-001P16EU")
        super().__init__(world, lamp, world.add_device("SNSN-0024X", online=False))
        self.tokens: list[str] = []
        settings = IntegratorSettings(
            tag=world.tag,
            token=token or world.token,
            hosts=configured,
            allowed_hosts=HostRule(allowed),
            api_url=world.api_url,
            wss_port=6113,
            context=cloud_context(world.ca_file),
            reconnect_first=0.05,
            reconnect_longest=0.2,
            resolve=self.resolve,
            timing=timing,
            exclusive=exclusive,
        )
        self.source: IntegratorSource = IntegratorSource(
            settings, self.recorder, self.recorder.crashed, self.tokens.append
        )
        self.link = LinkId(self.host.name)

    @property
    def secrets(self) -> tuple[str, ...]:  # type: ignore[override]  # tokens come while it runs
        return (*self.world.secrets, *self.tokens)

    def begin(self) -> None:
        self.source.start()
        for device in (self.lamp, self.other):
            self.adopt(device)

    def adopt(self, device: Device, host: str | None = None) -> None:
        """Let the source know of a consent."""
        self.source.adopt(grant(device, host))

    def withhold(self, on: bool) -> None:
        self.host.faults.no_verify = on

    def opened(self) -> int:
        return len(self.host.counters.opened)


Maker = Callable[..., IntegratorDriver]
"""Makes a driver with options of its own, which is stopped in the end."""
