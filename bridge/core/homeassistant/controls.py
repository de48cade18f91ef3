"""Entities that people act with, by the kind of the channel and what it can be told.

Where a channel takes no commands it has none, but events of buttons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bridge.core.confirm import color_parts
from bridge.core.device import ChannelState
from bridge.core.homeassistant.entities import (
    CONTROLS,
    Draft,
    Options,
    Place,
    component_id,
    render,
    rendered,
    value_of,
)
from bridge.core.homeassistant.names import clean
from bridge.core.instructions.appliances import bounds
from bridge.core.kinds.convert import number, words
from bridge.core.kinds.input import EVENTS, GEN1_EVENTS
from bridge.core.kinds.light import effects
from bridge.core.kinds.virtual import shown_options

_WIDEST = 999_999_999
"""The range of a number whose settings are not known."""

_FINEST = 0.001
"""The smallest step that Home Assistant takes."""

_MODES = {"slider": "slider", "field": "box"}
"""Shelly's word for how a number is shown, and Home Assistant's."""

_COVERED: dict[str, frozenset[str]] = {
    "relay": frozenset({"state"}),
    "light": frozenset(
        {"state", "brightness", "color_mode", "color_temp", "color", "effect", "transition"}
    ),
    "roller": frozenset({"state"}),
    "thermostat": frozenset(
        {"target_temperature", "current_temperature", "enabled", "heating", "action"}
    ),
    "cb": frozenset({"state"}),
    "boolean": frozenset({"state"}),
    "number": frozenset({"value"}),
    "text": frozenset({"value"}),
    "enum": frozenset({"value"}),
}
"""Kind → the keys that its control shows, so that they need no entity of their own."""


_DIFFUSER = {
    "left_on": "Left",
    "left_intensity": "Left intensity",
    "left_boost": "Left boost",
    "right_on": "Right",
    "right_intensity": "Right intensity",
    "right_boost": "Right boost",
    "away_mode": "Away mode",
}
"""What can be done with a scent diffuser, and what it is called; a boost is only begun."""

_BLE_EVENTS = (
    *("single_push", "double_push", "triple_push"),
    *("long_push", "long_double_push", "long_triple_push"),
)
"""Presses of a BLE device as a gateway tells them (Shelly docs, Gen2 BTHomeDevice)."""


def controls(place: Place, state: ChannelState) -> tuple[list[Draft], frozenset[str]]:
    """The entities that act, and the keys that they show."""
    drafts = [*_events(place, state), *_diffuser(place, state)]
    builder = _BUILDERS.get(place.kind)
    options = builder(place, state) if builder and place.commands else None
    if options is not None:
        platform = CONTROLS[place.kind]
        itself = Draft(
            component_id(place.kind, place.number, platform),
            platform,
            place,
            options,
            is_channel=True,
        )
        return [itself, *_further(place), *drafts], _covered(place, options)
    # Only a switch has a state; others never know theirs.
    stateless = place.kind == "input" and state.values.get("type") != "switch"
    shown = {"state"} if stateless else _DIFFUSER.keys() & place.commands
    return [*_further(place), *drafts], frozenset(shown)


def _covered(place: Place, options: Options) -> frozenset[str]:
    covered = _COVERED.get(place.kind, frozenset())
    covered |= {"position", "target"} if "pos_t" in options else set()
    return covered | ({"slat_position"} if "tilt_cmd_t" in options else set())


def _switch(place: Place, _: ChannelState) -> Options:
    return {
        "stat_t": place.topic,
        "val_tpl": rendered("state"),
        "cmd_t": f"{place.topic}/set",
    }


def _relay(place: Place, state: ChannelState) -> Options:
    return {"dev_cla": "outlet", **_switch(place, state)}


def _light(place: Place, state: ChannelState) -> Options:
    modes = _color_modes(place, state)
    options: Options = {
        "schema": "json",
        "stat_t": place.topic,
        "cmd_t": f"{place.topic}/set",
        "sup_clrm": modes,
        "bri_scl": 100,
        "flsh": False,
        "trns": "transition" in place.commands,
    }
    if "color_temp" in modes:
        lowest, highest = _kelvin(state, colored=len(modes) > 1)
        options |= {"clr_temp_k": True, "min_k": lowest, "max_k": highest}
    if "effect" in place.commands:
        options |= {"effect": True, "fx_list": list(effects(state.values))}
    return options


def _color_modes(place: Place, state: ChannelState) -> list[str]:
    """What the light can show; `brightness` and `onoff` only stand alone."""
    values, commands = state.values, place.commands
    modes = []
    if "color_temp" in commands and _is_there(state, "color_temp"):
        modes.append("color_temp")
    if "color" in commands and _is_there(state, "color"):
        white = "w" in color_parts(values) or values.get("color_mode") == "rgbw"
        modes.append("rgbw" if white else "rgb")
    return modes or (["brightness"] if "brightness" in commands else ["onoff"])


def _is_there(state: ChannelState, key: str) -> bool:
    """Whether a key is more than left over from another mode; the shown mode always is."""
    shown = {"color_temp": ("color_temp",), "color": ("rgb", "rgbw")}[key]
    return state.values.get(key) is not None or state.values.get("color_mode") in shown


def _kelvin(state: ChannelState, *, colored: bool) -> tuple[int, int]:
    """The range of the white light: the settings', or that of Shelly's bulbs."""
    facts = state.channel.facts
    lowest, highest = number(facts.get("ct_min")), number(facts.get("ct_max"))
    if lowest is not None and highest is not None and 0 < lowest < highest:
        return round(lowest), round(highest)
    gen1 = state.channel.target.component == "lights"
    return (3000 if gen1 and colored else 2700), 6500


def _cover(place: Place, state: ChannelState) -> Options:
    options: Options = {
        "dev_cla": "shutter",
        "stat_t": place.topic,
        "val_tpl": rendered("state"),
        "cmd_t": f"{place.topic}/set",
    }
    if "position" in place.commands and "position" in state.values:
        options |= {
            "pos_t": place.topic,
            "pos_tpl": _number_or_nothing("position"),
            "set_pos_t": f"{place.topic}/set",
        }
    if "slat_position" in place.commands:
        options |= {
            "tilt_cmd_t": f"{place.topic}/set/slat_position",
            "tilt_status_t": place.topic,
            "tilt_status_tpl": _number_or_nothing("slat_position"),
        }
    return options


def _number_or_nothing(key: str) -> str:
    """Home Assistant warns about a position that is no number, and takes no notice of none."""
    value = value_of(key)
    return render(f"{{{{ {value} if {value} is not none else '' }}}}")


def _climate(place: Place, state: ChannelState) -> Options | None:
    if "target_temperature" not in place.commands:
        return None
    lowest, highest = bounds(state)
    if lowest >= highest:
        return None
    options: Options = {
        "temp_cmd_t": f"{place.topic}/set/target_temperature",
        "temp_stat_t": place.topic,
        "temp_stat_tpl": rendered("target_temperature"),
        "temp_unit": "C",
        "min_temp": lowest,
        "max_temp": highest,
        "temp_step": 0.5,
        "precision": 0.1,
        "modes": ["heat"],
        "mode_stat_t": place.topic,
        "mode_stat_tpl": "heat",
    }
    if "current_temperature" in state.values:
        options |= {
            "curr_temp_t": place.topic,
            "curr_temp_tpl": rendered("current_temperature"),
        }
    if "enabled" in place.commands:
        enabled = value_of("enabled") if "enabled" in state.values else "none"
        options |= {
            "modes": ["off", "heat"],
            "mode_cmd_t": f"{place.topic}/set/mode",
            "mode_stat_tpl": render(
                f"{{{{ {{true: 'heat', false: 'off'}}.get({enabled}) }}}}", exact=True
            ),
        }
    if "heating" in state.values:
        heating = value_of("heating")
        action = f"{{true: 'heating', false: 'idle'}}.get({heating})"
        if "enabled" in state.values:
            action = f"'off' if {value_of('enabled')} is false else {action}"
        options |= {"act_t": place.topic, "act_tpl": render(f"{{{{ {action} }}}}")}
    return options


def _number(place: Place, state: ChannelState) -> Options:
    facts = state.channel.facts
    lowest, highest = number(facts.get("min")), number(facts.get("max"))
    step = number(facts.get("step"))
    lowest = -_WIDEST if lowest is None else lowest
    highest = _WIDEST if highest is None else highest
    if lowest >= highest:
        lowest, highest = -_WIDEST, _WIDEST
    options: Options = {
        "stat_t": place.topic,
        "val_tpl": rendered("value"),
        "cmd_t": f"{place.topic}/set/value",
        "min": lowest,
        "max": highest,
        "step": _FINEST if step is None else max(step, _FINEST),
        "mode": _MODES.get(str(facts.get("view")), "auto"),
    }
    unit = facts.get("unit")
    shown = clean(unit) if isinstance(unit, str) else None
    return {**options, "unit_of_meas": shown} if shown else options


def _text(place: Place, state: ChannelState) -> Options:
    longest = number(state.channel.facts.get("max_len"))
    most = 255 if longest is None else max(1, min(255, round(longest)))
    value = value_of("value")
    return {
        "stat_t": place.topic,
        "val_tpl": render(f"{{{{ {value}[:{most}] if {value} is string else '' }}}}"),
        # In an object, as a text that is empty or looks like one would be taken for something else.
        "cmd_t": f"{place.topic}/set",
        "cmd_tpl": "{{ {'value': value} | to_json }}",
        "max": most,
    }


def _select(place: Place, state: ChannelState) -> Options | None:
    options = shown_options(words(state.channel.facts.get("options")))
    if not options:
        return None
    return {
        "stat_t": place.topic,
        "val_tpl": rendered("value"),
        "cmd_t": f"{place.topic}/set/value",
        "ops": list(options),
    }


def _button(place: Place, _: ChannelState) -> Options:
    return {"cmd_t": f"{place.topic}/set", "pl_prs": "single_push"}


_BUILDERS: dict[str, Callable[[Place, ChannelState], Options | None]] = {
    "relay": _relay,
    "light": _light,
    "roller": _cover,
    "thermostat": _climate,
    "cb": _switch,
    "boolean": _switch,
    "number": _number,
    "text": _text,
    "enum": _select,
    "button": _button,
}


def _events(place: Place, state: ChannelState) -> Iterator[Draft]:
    """Presses; a Gen1 input has a state besides, and tells presses in other words."""
    values = state.values
    gen1 = "event_count" in values
    ble = place.kind == "bthomedevice" and state.channel.facts.get("presses") is True
    if place.kind == "input" and (gen1 or values.get("type") == "button"):
        key = None
    elif place.kind == "button" or ble:
        key = "press"
    else:
        return
    types = list(GEN1_EVENTS.values()) if gen1 else [*EVENTS.values(), "btn_down", "btn_up"]
    types = list(_BLE_EVENTS) if ble else types
    options: Options = {"dev_cla": "button", "stat_t": f"{place.topic}/event", "evt_typ": types}
    yield Draft(
        component_id(place.kind, place.number, "event", key),
        "event",
        place,
        options,
        is_channel=True,
    )


def _diffuser(place: Place, state: ChannelState) -> Iterator[Draft]:
    """The two slots of a scent diffuser, and whether nobody is there."""
    for key, label in _DIFFUSER.items() if place.kind == "cury" else ():
        if key not in place.commands or key not in state.values:
            continue
        options: Options = {"cmd_t": f"{place.topic}/set/{key}"}
        platform, own = "switch", key
        if key.endswith("_boost"):
            platform = "button"
            options["pl_prs"] = "ON"
        elif key.endswith("_intensity"):
            platform, own = "number", f"set_{key}"
            options |= {"stat_t": place.topic, "val_tpl": rendered(key)}
            options |= {"min": 0, "max": 100, "step": 1, "unit_of_meas": "%"}
        else:
            state_of = f"{{true: 'ON', false: 'OFF'}}.get({value_of(key)})"
            template = render(f"{{{{ {state_of} }}}}", exact=True)
            options |= {"stat_t": place.topic, "val_tpl": template}
        draft_id = component_id(place.kind, place.number, platform, own)
        yield Draft(draft_id, platform, place, options, label=label)


def _further(place: Place) -> Iterator[Draft]:
    """What came of the last command, and how to silence an alarm."""
    if place.kind == "smoke" and "mute" in place.commands:
        yield Draft(
            component_id(place.kind, place.number, "button", "mute"),
            "button",
            place,
            {"cmd_t": f"{place.topic}/set/mute", "pl_prs": "press"},
            label="Mute",
        )
    if place.commands:
        result = f"{place.topic}/result"
        yield Draft(
            component_id(place.kind, place.number, "sensor", "result"),
            "sensor",
            place,
            {
                "stat_t": result,
                "val_tpl": rendered("status"),
                "json_attr_t": result,
                "ent_cat": "diagnostic",
                "en": False,
            },
            label="Last command",
        )
