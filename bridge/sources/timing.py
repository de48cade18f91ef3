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
    """How often these limits are looked at."""
    token_limit: float = 10.0
    """How long the request for an access token may take as a whole."""
    answer_limit: float = 10.0
    """How long the answer about a device may take."""
    quick: float = 10.0
    """A connection that the host ends within this time was probably taken by somebody else."""
    displaced_delay: float = 60.0
    """The least time before our place is claimed again; it doubles up to five times as long."""
