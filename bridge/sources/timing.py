"""How long a cloud connection waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits of one cloud connection (s); tests make them short."""

    open_limit: float = 15.0
    """From the look-up of the name to the end of the WebSocket handshake."""
    send_limit: float = 10.0
    """How long a peer may not read before it is given up."""
    ping_interval: float = 30.0
    """How long nothing comes before a ping goes out."""
    silence_limit: float = 39.0
    """A connection from which nothing came for so long, pongs included, is dead."""
    look: float = 1.0
    """How late it may be noticed that one of these times has come."""
    token_limit: float = 10.0
    """How long the request for an access token may take as a whole."""
    answer_limit: float = 10.0
    """How long the answer about a device may take."""
    quick: float = 10.0
    """A connection that the host ends within this time was probably taken by somebody else."""
    displaced_delay: float = 60.0
    """The least time before our place is claimed again; it doubles up to five times as long."""
    apart: float = 0.06
    """Between two hosts of an integrator that connect again, so that they do not all at once."""
    pace: float = 1.0
    """The least time between two questions of an account over HTTPS."""
    status_limit: float = 30.0
    """How long the answer with the status of all its devices may take."""
    list_again: float = 60.0
    """How soon an account is asked again when a stranger speaks, or a device is missing."""
    look_for_login: float = 2.0
    """How often it is looked whether somebody logged in, while that is needed."""
    refill: float = 6 * 3600.0
    """How often an account is asked about everything although nothing happened."""


@dataclass(frozen=True, slots=True)
class OutboundTiming:
    """Limits of the connections that devices open to us (s); tests make them short."""

    open_limit: float = 10.0
    """From the connection to the end of the request for a WebSocket, TLS included."""
    name_limit: float = 30.0
    """How soon a device must have said which one it is."""
    send_limit: float = 10.0
    """How long a device may not read before it is given up."""
    ping_interval: float = 25.0
    """How long nothing comes before a ping goes out."""
    silence_limit: float = 60.0
    """A connection from which nothing came for so long, pongs included, is dead."""
    close_limit: float = 1.0
    """How long a device may take to agree that the connection ends."""
    look: float = 1.0
    """How often these limits are looked at."""
    answer_limit: float = 10.0
    """How long a device may take for an answer."""
    relay_limit: float = 60.0
    """The same where it has to ask another device by radio."""
    ask_again: float = 60.0
    """When a device is asked again that did not answer."""
    settle: float = 1.0
    """How long a device is left alone after its configuration changed."""
    contest_limit: float = 2.0
    """How long a device may take to show that it is still there, when another address says it is
    that device."""
    flood_limit: float = 60.0
    """How long a device may send more than it should before its connection is closed."""
