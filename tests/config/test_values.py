"""What each kind of value accepts, and that it says what it wants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import keys, schema, values
from bridge.config.model import Listen
from bridge.config.values import Reader, Wrong


def wrong(read: Reader, text: str) -> str:
    with pytest.raises(Wrong) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "yes", "on", "On"])
def test_true(text: str) -> None:
    assert values.flag(text) is True


@pytest.mark.parametrize("text", ["false", "False", "no", "NO", "off"])
def test_false(text: str) -> None:
    assert values.flag(text) is False


@pytest.mark.parametrize("text", ["", "1", "0", "y", "ja", "truе"])  # noqa: RUF001 - a look-alike
def test_neither_true_nor_false(text: str) -> None:
    assert wrong(values.flag, text).startswith("must be true or false, not ")


def test_whole_numbers() -> None:
    read = values.whole(1, 65535)
    assert [read("1"), read("65535")] == [1, 65535]
    for text in [
        "0",
        "65536",
        "-1",
        "+1",
        "1.0",
        "0x10",
        "01",
        "1_0",
        "",
        " 1",
        "1\n",
        "٣",
        "9" * 30,
    ]:
        assert wrong(read, text).startswith("must be a whole number from 1 to 65535, not ")


def test_seconds() -> None:
    read = values.seconds(0.1, 300)
    assert [read("0.1"), read("5"), read("5."), read(".5"), read("300")] == [0.1, 5, 5, 0.5, 300]
    for text in ["0", "0.05", "301", "-1", "1e2", "nan", "inf", "10s", "1,5", "", ".", "1" * 400]:
        assert wrong(read, text).startswith("must be a number of seconds from 0.1 to 300, not ")


def test_a_choice_lists_its_words() -> None:
    read = values.choice("text", "json")
    assert read("json") == "json"
    assert wrong(read, "JSON") == "must be one of text, json, not 'JSON'"


def test_version() -> None:
    assert values.version("1") == 1
    assert wrong(values.version, "2") == "this bridge reads version 1, not '2'"


def test_lines_of_text() -> None:
    read = values.line(5)
    assert [read("Küche"), read("NO"), read(" a b ")] == ["Küche", "NO", " a b "]
    assert wrong(read, "") == wrong(read, "  ") == "must not be empty"
    assert wrong(read, "123456") == "must have at most 5 characters"
    for text in ["a\nb", "a\x00", "\x7f", "\x9b", "a\u2028", "\u202eb", "\u2066"]:
        assert wrong(read, text).startswith("must not hold control characters")


@pytest.mark.parametrize(
    "text", ["localhost", "broker.lan", "Core-Mosquitto", "my_broker", "10.0.0.1", "::1", "a.b."]
)
def test_broker_addresses(text: str) -> None:
    assert values.broker(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "mqtt://h",
        "h:1883",
        "[::1]",
        "a b",
        "a/b",
        "h\n",
        "u@h",
        "fe80::1%eth0",
        "a..b",
        "ü",
    ],
)
def test_not_a_broker_address(text: str) -> None:
    assert "host name" in wrong(values.broker, text)


@pytest.mark.parametrize("text", ["shelly", "home/shelly", "a b/ä", "x" * 200])
def test_topics(text: str) -> None:
    assert values.topic(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "+",
        "a/+",
        "#",
        "a/#",
        "$SYS",
        "a/$b",
        "a\x00",
        "a\nb",
        "x" * 201,
    ],
)
def test_not_a_topic(text: str) -> None:
    assert wrong(values.topic, text).startswith("must ")


@pytest.mark.parametrize("text", ["boiler", "kitchen/blind", "A_b-1.2"])
def test_aliases(text: str) -> None:
    assert values.alias(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "a+b",
        "a/#",
        "$a",
        "a b",
        "küche",
        ".",
        "..",
        "a/../b",
        "bridge",
        "bridge/x",
        "a/set",
        "get",
        "raw/a",
        "a\n",
        "a\x00",
        "x" * 65,
        "/".join("a" * 150),
    ],
)
def test_not_an_alias(text: str) -> None:
    assert wrong(values.alias, text).startswith("must ")


def test_device_ids() -> None:
    for text in ["a8032abe54dc", "abcdef", "123456789012", "XB0A1b2"]:
        assert values.device_id(text) == text
    assert wrong(values.device_id, "A8032ABE54DC").endswith("in lower case: a8032abe54dc")
    for text in ["", "boiler", "shelly1-abcdef", "12345", "a8032abe54dc\n", "x123", "X", "1" * 17]:
        assert wrong(values.device_id, text).startswith("is not a device id")


def test_hosts_of_the_cloud() -> None:
    assert values.cloud_host("shelly-1-eu.shelly.cloud") == "shelly-1-eu.shelly.cloud"
    assert values.host_pattern("*.shelly.cloud") == "*.shelly.cloud"
    for text in ["", "*.a.b", "A.b", "a.b:1", "https://a.b", "127.0.0.1", "a.b\n"]:
        assert wrong(values.cloud_host, text).startswith("must be a host name")
    for text in ["", "*", "*.", "a.*", "*.A", "**.a"]:
        assert wrong(values.host_pattern, text).startswith("must be a host name, or *.")


def test_listen_addresses() -> None:
    assert values.listen("127.0.0.1:8080") == Listen("127.0.0.1", 8080)
    assert values.listen("[::1]:0") == Listen("::1", 0)
    assert values.listen("localhost:65535") == Listen("localhost", 65535)
    assert str(values.listen("[::1]:80")) == "[::1]:80"
    assert str(values.listen("0.0.0.0:80")) == "0.0.0.0:80"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "::1:8080",
        "[127.0.0.1:80",
        "[x]:80",
        "[]:80",
        "a b:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80\n",
        "127.0.0.256:80",
        "127.0.0.1:٨٠",
    ],
)
def test_not_a_listen_address(text: str) -> None:
    wrong(values.listen, text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - only read
        ("::", False),
        ("192.168.1.2", False),
        ("bridge.lan", False),
        ("localhost.evil.com", False),
    ],
)
def test_what_only_this_machine_can_reach(host: str, loopback: bool) -> None:
    assert Listen(host, 80).is_loopback is loopback


def test_https_urls() -> None:
    assert values.https_url("https://api.shelly.cloud") == "https://api.shelly.cloud"
    assert values.https_url("https://localhost:8443/a/") == "https://localhost:8443/a"
    assert values.https_url("https://[::1]:1") == "https://[::1]:1"


NOT_URLS = [
    "",
    "api.shelly.cloud",
    "http://api.shelly.cloud",
    "ftp://a.b",
    "//a.b",
    "https://",
    "https:///path",
    "https://user:canary@a.b",
    "https://canary@a.b",
    "https://@a.b",
    "https://a.b?canary=1",
    "https://a.b/?",
    "https://a.b#",
    "https://a.b:0",
    "https://a.b:99999",
    "https://a.b:x",
    "https://[::1",
    "https://a b",
    "https://a.b\n",
    "https://a.b\\c",
    "https://ä.b",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("text", NOT_URLS)
def test_not_an_https_url(text: str) -> None:
    said = wrong(values.https_url, text)
    assert said.startswith("must ")
    assert "canary" not in said


def test_the_callback_may_be_plain_only_on_this_machine() -> None:
    assert values.callback_url("https://bridge.example.org/x/") == "https://bridge.example.org/x"
    assert values.callback_url("http://127.0.0.1:8090") == "http://127.0.0.1:8090"
    assert values.callback_url("http://localhost:8090/") == "http://localhost:8090"
    assert "https://" in wrong(values.callback_url, "http://bridge.example.org")
    assert "https://" in wrong(values.callback_url, "ftp://localhost")


def test_a_wrong_text_is_shown_short_and_in_one_line() -> None:
    assert values.shown("a\n\x1b" + "b" * 100) == r"'a\n\x1b" + "b" * 37 + "…'"


READERS = [leaf.read for _, leaf in schema.leaves() if isinstance(leaf, keys.Key | keys.ListKey)]


@given(st.sampled_from(READERS), st.text())
def test_any_text_is_read_or_wrong(read: Reader, text: str) -> None:
    said = ""
    try:
        read(text)
    except Wrong as error:
        said = str(error)
    assert not said or said.isprintable()
