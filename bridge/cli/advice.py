"""What to do about something that failed, in plain words. For `check` and `init`."""

from __future__ import annotations

from bridge.errors import AuthError, BridgeError
from bridge.httpclient import RateLimitedError
from bridge.mqtt.connection import ConnectFailed, Failure
from bridge.sources.jwt import TokenUnavailableError

_BROKER = {
    Failure.CREDENTIALS: "the broker does not know this user name and password (mqtt.username, "
    "mqtt.password_file); they are the broker's own, with Mosquitto made by mosquitto_passwd",
    Failure.VERSION: "set mqtt.protocol to auto",
    Failure.SILENT: "perhaps no MQTT broker listens there, or one that wants TLS, which is usually "
    "on port 8883 (mqtt.tls.enabled)",
    Failure.REFUSED: "the broker's own log says why",
}

_NO_NAME = ("not resolved", "cannot be resolved", "no address")


def about(name: str, error: BridgeError) -> str:
    """What to do about a failed line of the table that `check` prints, by its name."""
    if name == "broker":
        return about_broker(error)
    if name == "integrator token":
        return about_token(error)
    if name.startswith("account "):
        return about_account(error, name.removeprefix("account "))
    if name == "database":
        return about_database(error)
    if name == "outbound":
        return about_listener(error)
    if name == "data directory":
        return "does this user own the directory (data_dir), and is there room on the disk?"
    return about_cloud(error)


def is_refusal(error: BridgeError) -> bool:
    """Whether what was shown to a cloud is wrong, and trying again would not help."""
    if isinstance(error, TokenUnavailableError):
        return error.refused
    return isinstance(error, AuthError)


def wants_login(error: BridgeError) -> bool:
    """Whether the broker asks for a user name and password, or for others."""
    return isinstance(error, ConnectFailed) and error.failure is Failure.CREDENTIALS


def about_broker(error: BridgeError) -> str:
    """The broker let nobody in."""
    failure = error.failure if isinstance(error, ConnectFailed) else None
    if failure in _BROKER:
        return _BROKER[failure]
    text = str(error)
    if "certificate" in text:
        return "if the broker's authority is your own, name its PEM file in mqtt.tls.ca_file"
    if any(words in text for words in _NO_NAME):
        return "is the name right (mqtt.host)? The broker's IP address does as well"
    if "refused" in text:
        return (
            "nothing listens there: has the broker been started, and is it the right address and "
            "port (mqtt.host, mqtt.port; usually 1883, with TLS 8883)?"
        )
    return "is that machine on, and does no firewall keep this port closed?"


def about_token(error: BridgeError) -> str:
    """The cloud gave no token for the integrator."""
    if is_refusal(error):
        return (
            "tag or token is wrong (integrator.tag, integrator.token_file); copy both anew from "
            "what Shelly sent with the licence"
        )
    return about_cloud(error)


def about_account(error: BridgeError, name: str) -> str:
    """The account could not be logged in to."""
    by_browser = f"log in by browser: shelly-bridge login {name}"
    if not is_refusal(error):
        return about_cloud(error)
    if "log in" in str(error) and "password is wrong" not in str(error):
        return "open that page in a browser, once; after that it goes by itself"
    return (
        "does Shelly's app take this e-mail address and password? Who logs in there by Google or "
        f"Apple has no password; {by_browser}"
    )


def about_database(error: BridgeError) -> str:
    """The database that several bridges share is of no use."""
    text = str(error).lower()
    if "pooler" in text:
        return "name PostgreSQL's own address and port, usually 5432 (cluster.database_file)"
    if "authentication" in text or "no password" in text:
        return "are user and password right (cluster.database_file)? They are the database's own"
    if "does not exist" in text:
        return "make it: CREATE ROLE … LOGIN PASSWORD …; CREATE DATABASE … OWNER …"
    if "pg_hba" in text:
        return "allow this machine, user and database in the server's pg_hba.conf"
    if "ssl" in text or "certificate" in text:
        return (
            "sslmode and sslrootcert in the address say whether TLS is spoken, and who is trusted"
        )
    if any(words in text for words in _NO_NAME) or "name or service" in text:
        return "is the name right (cluster.database_file)? The server's IP address does as well"
    return "does PostgreSQL run there, may this machine reach its port (5432), and is it healthy?"


def about_cloud(error: BridgeError) -> str:
    """One of Shelly's servers could not be asked."""
    text = str(error)
    if isinstance(error, RateLimitedError) or "asked too often" in text:
        return "wait a minute before the next attempt"
    if "is the clock" in text:
        return "set this machine's clock (timedatectl), or wait until it is set by itself"
    if "certificate" in text:
        return (
            "something between here and Shelly answers in its place, or this machine has no "
            "authorities (package ca-certificates)"
        )
    if any(words in text for words in _NO_NAME):
        return "does this machine have internet and a name server? Is the name right?"
    if "refused" in text or "in time" in text or "reach" in text:
        return "does this machine have internet? The ways out to ports 443 and 6113 must be open"
    return "Shelly's cloud may have trouble, or this is not its address; try again later"


def about_listener(error: BridgeError) -> str:
    """Nobody can listen on an address."""
    text = str(error).lower()
    if "in use" in text:
        return "another program has this port; stop it, or take another port"
    if "assign" in text:
        return "this machine has no such address; 0.0.0.0 stands for all that it has"
    if "permission" in text:
        return "ports below 1024 are for root only; take a higher one"
    return "take another address or port"
