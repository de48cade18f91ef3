"""Every model that can be simulated, and how a device of it is made."""

from __future__ import annotations

from bridge.simulator.devices import gen1_models, gen2_models, sensor_models
from bridge.simulator.devices.base import Device, Identity, Surroundings
from bridge.simulator.devices.ble import BleDevice
from bridge.simulator.devices.gen1 import Gen1Device
from bridge.simulator.devices.gen2 import Gen2Device
from bridge.simulator.devices.model import Model, Options
from bridge.simulator.devices.things import Actuator

MODELS = (*gen1_models.MODELS, *gen2_models.MODELS, *sensor_models.MODELS)
"""The first of a code is meant where no profile is named."""


def find(name: str) -> Model:
    """The model of `CODE` or `CODE:profile`; `ValueError` with the choice if there is none."""
    for model in MODELS:
        if name in (model.key, model.code):
            return model
    raise ValueError(f"no model {name}; there are {', '.join(model.key for model in MODELS)}")


def make(model: Model, identity: Identity, world: Surroundings, options: Options) -> Device:
    """A device of the model; a single name is spread over all its outputs."""
    channels = model.build(options)
    outputs = sum(isinstance(channel.thing, Actuator) for channel in channels)
    if len(identity.names) == 1 and outputs > 1:
        first = identity.names[0]
        identity.names = [f"{first}, output {number + 1}" for number in range(outputs)]
    if model.generation == "G1":
        device: Device = Gen1Device(
            identity,
            channels,
            world,
            scalars=model.scalars,
            mode=model.profile or None,
            sleeps=model.sleeps,
        )
    elif model.generation == "GBLE":
        device = BleDevice(identity, channels, world, sleeps=model.sleeps)
    else:
        device = Gen2Device(identity, channels, world, sleeps=model.sleeps)
    if options.report_every is not None:
        device.report_every(options.report_every)
    return device
