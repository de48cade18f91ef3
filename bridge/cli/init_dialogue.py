"""The questions of `init`, in their order; each answer is tried at once where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bridge.cli import advice, trials
from bridge.cli.questions import Questions
from bridge.config import Listen, files, values
from bridge.config.keys import Key
from bridge.config.schema import leaves
from bridge.config.values import Wrong
from bridge.errors import BridgeError

SOURCES = {
    "account": "a Shelly account, as in Shelly's app; no licence needed",
    "local": "devices in this network connect to the bridge (Gen2 and newer); no cloud",
    "licence": "Shelly's Integrator API: devices whose owners agree; needs a licence",
}

BROKER, PORT, TLS_PORT = "localhost", "1883", "8883"

_PORT = values.whole(1, 65535)

_DEFAULTS = {
    key: leaf.default
    for key, leaf in leaves()
    if isinstance(leaf, Key) and leaf.default is not None
}
"""What a key has if it is not in the file."""


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A secret that goes to a file of its own; `file` is what that is called."""

    file: str
    text: str = field(repr=False)


@dataclass(slots=True)
class Answers:
    """What goes into the file by dotted keys, and what the keys `…_file` are to lead to."""

    values: dict[str, str]
    secrets: dict[str, KeptSecret] = field(default_factory=dict)

    def all(self) -> dict[str, str]:
        """The values with the secrets themselves, for trials."""
        inline = {
            key.removesuffix("_file"): secret.text
            for key, secret in self.secrets.items()
            if not key.startswith("accounts.")
        }
        return {**self.values, **inline}


def ask_all(ask: Questions, given: Mapping[str, str], directory: Path) -> Answers:
    """Everything that is needed; `given` is offered as the answer, or taken where none is asked.

    `directory` is where relative paths begin. Raises what `Questions` raises.
    """
    dialogue = _Dialogue(ask, Answers(dict(given)), directory)
    dialogue.broker()
    dialogue.sources()
    dialogue.listener("web.admin.listen", "the status page")
    dialogue.home_assistant()
    return dialogue.answers


class _Dialogue:
    """What was answered so far."""

    def __init__(self, ask: Questions, answers: Answers, directory: Path) -> None:
        self.answers = answers
        self._ask = ask
        self._values = answers.values
        self._directory = directory
        self._ports: dict[int, str] = {}

    # The broker

    def broker(self) -> None:
        """Where it is, and how to get in."""
        ask, given = self._ask, self._values
        ask.say()
        ask.say("The MQTT broker")
        host = given.get("mqtt.host", BROKER)
        encrypted = self._is_on("mqtt.tls.enabled")
        port = given.get("mqtt.port", TLS_PORT if encrypted else PORT)
        error = self._try(f"Looking for one at {host}:{port}", self._try_broker)
        if error is None or advice.wants_login(error):
            given["mqtt.host"] = host
            if error is not None:
                ask.say("  There is one, and it wants a user name and password.")
            if ask.yes("Use this one?", default=True) and (error is None or self._log_in()):
                return
        else:
            ask.say(f"  There is none: {error}.")
        while True:
            self._ask_place(host, port)
            if self._admitted():
                return
            host, port = given["mqtt.host"], given["mqtt.port"]

    def _try_broker(self) -> str:
        return trials.try_broker(self.answers.all(), self._directory)

    def _ask_place(self, host: str, port: str) -> None:
        ask, given = self._ask, self._values
        given["mqtt.host"] = ask.text("Name or address of the broker", values.broker, host)
        given["mqtt.port"] = ask.text("Its port (with TLS usually 8883)", _PORT, port)
        encrypted = self._is_on("mqtt.tls.enabled") or given["mqtt.port"] == TLS_PORT
        wanted = ask.yes("Does it speak TLS there?", default=encrypted)
        if wanted or "mqtt.tls.enabled" in given:
            given["mqtt.tls.enabled"] = "true" if wanted else "false"

    def _admitted(self) -> bool:
        """Whether the broker lets us in, or it is to stay all the same."""
        error = self._try("Trying the broker", self._try_broker)
        if error is None:
            return True
        if advice.wants_login(error):
            self._ask.say("  It wants a user name and password.")
            return self._log_in()
        self._tell(error, advice.about_broker)
        if "certificate" in str(error) and self._ask_authority():
            return self._admitted()
        return self._keep()

    def _ask_authority(self) -> bool:
        """Whether there is an authority of its own to trust."""

        def pem(text: str) -> None:
            files.readable(self._directory / text)

        prompt = "PEM file of its own authority (Enter: it has none)"
        found = self._ask.text(prompt, pem, needed=False)
        if found:
            self._values["mqtt.tls.ca_file"] = found
        return bool(found)

    def _log_in(self) -> bool:
        """Ask for a login until the broker takes one, or whoever is asked has had enough."""
        ask, given = self._ask, self._values
        while True:
            name = ask.text("User name", values.line(256), given.get("mqtt.username", ""))
            given["mqtt.username"] = name
            given.pop("mqtt.password_file", None)
            secret = KeptSecret("mqtt-password", ask.secret("Password"))
            self.answers.secrets["mqtt.password_file"] = secret
            error = self._try("Logging in", self._try_broker)
            if error is None:
                return True
            self._tell(error, advice.about_broker)
            if not ask.yes("Try another user name or password?", default=True):
                return self._keep()

    # Where devices come from

    def sources(self) -> None:
        """Which, and what each of them needs."""
        self._ask.say()
        self._ask.say("Where the devices come from")
        begun = {
            "account": any(key.startswith("accounts.") for key in self._values),
            "local": self._is_on("outbound.enabled"),
            "licence": any(key.startswith("integrator.") for key in self._values),
        }
        default = [name for name, there in begun.items() if there] or ["account"]
        chosen = self._ask.some(SOURCES, default)
        for name, add in (
            ("account", self._account),
            ("local", self._local),
            ("licence", self._licence),
        ):
            if name in chosen:
                self._ask.say()
                add()

    def _account(self) -> None:
        ask = self._ask
        rows = [key.split(".")[1] for key in self._values if key.startswith("accounts.")]
        given = rows[0] if rows else "home"
        name = ask.text("A name for the account, for topics", values.account, given)
        row = f"accounts.{name}."
        for key in [key for key in self._values if key.startswith(f"accounts.{given}.")]:
            self._values[row + key.removeprefix(f"accounts.{given}.")] = self._values.pop(key)
        if row + "email" in self._values:
            return
        prompt = "Log in with e-mail address and password? (n: later, by browser)"
        email = ""
        while ask.yes(prompt, default=True):
            email = ask.text("E-mail address", _email, email)
            password = ask.secret("Password")
            error = self._try(
                "Logging in",
                partial(trials.try_account, self._values, self._directory, name, email, password),
            )
            if error is not None:
                self._tell(error, lambda error: advice.about_account(error, name))
            if error is None or (not advice.is_refusal(error) and self._keep()):
                self._values[row + "email"] = email
                secret = KeptSecret(f"account-{name}-password", password)
                self.answers.secrets[row + "password_file"] = secret
                return
            prompt = "Try once more? (n: log in later, by browser)"
        # A row has to have something in it.
        self._values.setdefault(row + "include_shared", "false")

    def _local(self) -> None:
        self._values["outbound.enabled"] = "true"
        self.listener("outbound.listen", "the devices", always=True)

    def _licence(self) -> None:
        ask, given = self._ask, self._values
        while True:
            tag = ask.text("Integrator tag", values.line(128), given.get("integrator.tag", ""))
            given["integrator.tag"] = tag
            if "integrator.token_file" not in given:
                token = KeptSecret("integrator-token", ask.secret("Integrator token").strip())
                self.answers.secrets["integrator.token_file"] = token
            error = self._try("Asking Shelly's cloud for an access token", self._try_token)
            if error is None:
                break
            self._tell(error, advice.about_token)
            if self._keep():
                break
            given.pop("integrator.token_file", None)
        prompt = "Address by which Shelly's cloud reaches the bridge, https://... (Enter: later)"
        url = given.get("web.public.url", "")
        url = ask.text(prompt, values.callback_url, url, needed=False)
        if url:
            given["web.public.url"] = url
        self.listener("web.public.listen", "the consent callback")

    def _try_token(self) -> str:
        return trials.try_token(self.answers.all(), self._directory)

    # The rest

    def listener(self, key: str, what: str, *, always: bool = False) -> None:
        """An address to listen on; its port is asked for if it is not free, or `always`."""
        ask = self._ask
        place = values.listen(self._values.get(key, _DEFAULTS[key]))
        while True:
            if always:
                port = ask.text(f"Port for {what}", _PORT, str(place.port))
                place = Listen(place.host, int(port))
            error = self._busy(place)
            if error is None:
                break
            ask.say(f"  No port for {what}: {error}")
            ask.say(f"  What to do: {advice.about_listener(error)}.")
            if self._keep():
                break
            place, always = Listen(place.host, place.port % 65535 + 1), True
        self._ports[place.port] = what
        if key in self._values or str(place) != _DEFAULTS[key]:
            self._values[key] = str(place)

    def _busy(self, place: Listen) -> BridgeError | None:
        if place.port and place.port in self._ports:
            return BridgeError(f"{place.port} is in use, for {self._ports[place.port]}")
        try:
            trials.try_listener(place)
        except BridgeError as error:
            return error
        return None

    def home_assistant(self) -> None:
        """Whether its discovery is wanted."""
        self._ask.say()
        key = "homeassistant.enabled"
        wanted = self._ask.yes("Does Home Assistant use this broker?", default=self._is_on(key))
        self._values[key] = "true" if wanted else "false"

    def _is_on(self, key: str) -> bool:
        return values.flag(self._values.get(key, _DEFAULTS[key]))

    # How it is told

    def _try(self, what: str, trial: Callable[[], str]) -> BridgeError | None:
        self._ask.say(f"{what} ...")
        try:
            self._ask.say(f"  Good: {trial()}.")
        except BridgeError as error:
            return error
        return None

    def _tell(self, error: BridgeError, about: Callable[[BridgeError], str]) -> None:
        self._ask.say(f"  That failed: {error}.")
        self._ask.say(f"  What to do: {about(error)}.")

    def _keep(self) -> bool:
        return self._ask.yes("Keep it all the same? (n: enter it anew)", default=False)


def _email(text: str) -> str:
    values.line(256)(text)
    if "@" not in text.strip("@") or " " in text:
        raise Wrong("must be an e-mail address, such as name@example.org")
    return text
