"""One id per device, whatever way it reaches us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.ids import cloud_id, device_from_cloud, device_from_hex
from bridge.core.model import DeviceId
from bridge.errors import FrameError


@pytest.mark.parametrize(
    ("cloud", "device"),
    [
        ("184731555484892", "a8032abe54dc"),
        (184731555484892, "a8032abe54dc"),
        # 12 digits whose first are zeros.
        ("13977042060", "00034118bc8c"),
        # Older Gen1: 6 digits, also with zeros in front.
        ("11259375", "abcdef"),
        ("4660", "001234"),
        ("0", "000000"),
        # More than 12 digits stay as they are.
        ("1311768467463790320", "123456789abcdef0"),
        ("XB00112233445566", "XB00112233445566"),
        ("Xz-7_a", "Xz-7_a"),
    ],
)
def test_the_cloud_s_decimal_id_becomes_padded_hex(cloud: object, device: str) -> None:
    assert device_from_cloud(cloud) == device


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        True,
        1.5,
        -1,
        16**16,
        [],
        {},
        "",
        "-1",
        "1e5",
        " 12",
        "12\n",
        "١٢",
        "0x12",
        "a8032abe54dc",
        "9" * 20,
        "9" * 10_000,
        "X",
        "X/../a",
        "X+",
        "X#",
        "X\x00",
        "X" * 65,
        "XB1\n",
    ],
)
def test_anything_else_is_refused(hostile: object) -> None:
    with pytest.raises(FrameError):
        device_from_cloud(hostile)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("A8032ABE54DC", "a8032abe54dc"),
        ("abcdef", "abcdef"),
        ("XBaC1", "XBaC1"),
    ],
)
def test_hex_is_taken_in_any_case(text: str, device: str) -> None:
    assert device_from_hex(text) == device


@pytest.mark.parametrize("hostile", [None, 12, "", "abcde", "g" * 12, "a" * 17, "ab cdef", "é" * 6])
def test_what_is_no_hex_id_is_refused(hostile: object) -> None:
    with pytest.raises(FrameError):
        device_from_hex(hostile)


LONG = st.integers(16**6, 16**12 - 1).map(lambda number: DeviceId(f"{number:012x}"))
SHORT = st.integers(0, 16**6 - 1).map(lambda number: DeviceId(f"{number:06x}"))
BLE = st.from_regex(r"X[A-Za-z0-9_-]{1,20}", fullmatch=True).map(DeviceId)


@given(LONG | SHORT | BLE)
def test_an_id_survives_the_way_to_the_cloud_and_back(device: DeviceId) -> None:
    assert device_from_cloud(cloud_id(device)) == device
    assert device_from_hex(device) == device


@given(LONG | SHORT)
def test_the_cloud_s_form_is_the_plain_decimal_number(device: DeviceId) -> None:
    assert cloud_id(device) == str(int(device, 16))
