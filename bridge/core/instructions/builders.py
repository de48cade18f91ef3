"""Which command a channel's wanted keys are, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.core.commands import Command
from bridge.core.device import ChannelState
from bridge.core.instructions import appliances, outputs, virtual
from bridge.core.instructions.wanted import RefusedError, Wanted
from bridge.core.model import Json


def to_command(wanted: Mapping[str, Json], state: ChannelState) -> Command:
    """The command for a channel; raises `RefusedError` naming the key that is wrong."""
    kind = state.channel.kind
    builder = _BUILDERS.get(kind)
    if builder is None:
        raise RefusedError("unsupported", f"{kind} cannot be told anything")
    return builder(Wanted(wanted), state)


_BUILDERS: dict[str, Callable[[Wanted, ChannelState], Command]] = {
    "relay": outputs.relay,
    "light": outputs.light,
    "roller": outputs.roller,
    "boolean": virtual.boolean,
    "number": virtual.number,
    "text": virtual.text,
    "enum": virtual.enum,
    "button": virtual.button,
    "cb": virtual.breaker,
    "thermostat": appliances.thermostat,
    "cury": appliances.cury,
    "smoke": appliances.smoke,
}
