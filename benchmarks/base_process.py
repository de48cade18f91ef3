"""The bare loop: what the same libraries can do at most when nothing is done but to pass on.

A thread for each host reads frames and publishes each component of the status to a topic of its
own, whether it changed or not. Nothing is checked or kept; a lost connection is opened again at
once.

Arguments: the CPU to run on, a JSON file with `mqtt_port`, `cloud_port`, `ca_file`, `path` (with
the token) and `hosts`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any

TOPIC = "plain"

_PAUSE = 0.05
"""Seconds before a lost connection is opened again."""


def main() -> None:
    """Run until SIGTERM."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    from websocket import WebSocketException, create_connection

    settings = json.loads(Path(sys.argv[2]).read_text())
    client = Client(CallbackAPIVersion.VERSION2, "plain-loop", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_socket_open = _without_delay
    client.connect("127.0.0.1", settings["mqtt_port"])
    client.loop_start()
    context = ssl.create_default_context(cafile=settings["ca_file"])

    def connect(host: str) -> Any:
        plain = socket.create_connection(("127.0.0.1", settings["cloud_port"]))
        return create_connection(
            f"wss://{host}:{settings['cloud_port']}{settings['path']}",
            socket=context.wrap_socket(plain, server_hostname=host),
            skip_utf8_validation=True,
        )

    def read(host: str) -> None:
        while True:
            with contextlib.suppress(OSError, ValueError, WebSocketException):
                pass_on(connect(host))
            time.sleep(_PAUSE)

    def pass_on(connection: Any) -> None:
        while True:
            event = json.loads(connection.recv())
            device = event["deviceId"]
            for component, value in event["status"].items():
                if isinstance(value, dict):
                    client.publish(f"{TOPIC}/{device}/{component}", json.dumps(value), 1, True)

    for host in settings["hosts"]:
        threading.Thread(target=read, args=(host,), daemon=True).start()
    signal.sigwait({signal.SIGTERM})


def _without_delay(_client: Any, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
