"""A real Node-RED process: its admin interface, its HTTP pages, and its debug sidebar."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.brokers import wait_until

SETTINGS = """\
module.exports = {
    uiHost: "127.0.0.1",
    flowFile: "flows.json",
    credentialSecret: false,
    mqttReconnectTime: 200,
    telemetry: { enabled: false, updateNotification: false },
    editorTheme: { tours: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false } },
    logging: { console: { level: "info", metrics: false, audit: false } },
};
"""

Node = dict[str, Any]
Flow = list[Node]


class Answer(NamedTuple):
    """What an HTTP request brought."""

    status: int
    type: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Sidebar:
    """What the debug nodes say, as the editor in a browser gets it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._heard: list[tuple[str, Any]] = []

    def said(self, name: str) -> list[Any]:
        """Everything that the debug node of that name said so far."""
        self._listen(0)
        return [value for node, value in self._heard if node == name]

    def wait(
        self, name: str, condition: Callable[[Any], object] = lambda _: True, limit: float = 10.0
    ) -> Any:
        """What the debug node says that fulfils a condition; fails after `limit` s."""
        end = time.monotonic() + limit
        while True:
            for node, value in self._heard:
                if node == name and condition(value):
                    return value
            left = end - time.monotonic()
            assert left > 0, f"{name!r} did not say it; heard: {self._heard}"
            self._listen(left)

    def _listen(self, limit: float) -> None:
        try:
            packets = json.loads(self._connection.recv(limit))
        except TimeoutError:
            return
        except ConnectionClosed as error:
            raise AssertionError("Node-RED closed the connection of the editor") from error
        for packet in packets if isinstance(packets, list) else [packets]:
            if packet.get("topic") == "debug":
                said = packet["data"]
                structured = said["format"].startswith(("Object", "array"))
                value = json.loads(said["msg"]) if structured else said["msg"]
                self._heard.append((said["name"], value))


class NodeRed:
    """The process; a context manager. Its user directory is `directory`."""

    def __init__(self, script: Path, directory: Path) -> None:
        self._script = script
        self._directory = directory
        self._log = directory / "node-red.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        settings = self._directory / "settings.js"
        settings.write_text(SETTINGS)
        command = ["node", str(self._script), "--port", "0", "--no-telemetry"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--userDir", str(self._directory), "--settings", str(settings)],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "HOME": str(self._directory), "LANG": "C"},
            )
        try:
            wait_until(self._listens, 30, "Node-RED listens")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def log(self) -> str:
        """Everything that it wrote."""
        return self._log.read_text()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Node-RED ended: {self.log}"
        found = re.search(r"now running at http://127\.0\.0\.1:(\d+)/", self.log)
        if found is not None:
            self.port = int(found[1])
        return found is not None

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def request(self, method: str, path: str, body: str = "") -> Answer:
        """One HTTP request; the body, if any, is JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body.encode(), {"Content-Type": "application/json"})
            response = connection.getresponse()
            kind = response.headers.get_content_type()
            return Answer(response.status, kind, response.read())
        finally:
            connection.close()

    def press(self, node: Node, **properties: Any) -> None:
        """Press an inject node's button; `properties` are further ones of its message."""
        body: dict[str, Any] = {}
        if properties:
            more = [
                {"p": name, "v": json.dumps(value), "vt": "json"}
                for name, value in properties.items()
            ]
            own = {"v": node["payload"], "vt": node["payloadType"]}
            given = [own | prop if prop["p"] == "payload" else prop for prop in node["props"]]
            body = {"__user_inject_props__": [*given, *more]}
        answer = self.request("POST", f"/inject/{node['id']}", json.dumps(body))
        assert answer.status == 200, answer

    @contextmanager
    def deployed(self, flow: Flow) -> Iterator[Sidebar]:
        """Deploy a flow, and take it away at the end; gives what its debug nodes say."""
        with connect(f"ws://127.0.0.1:{self.port}/comms", proxy=None) as editor:
            self._deploy(flow)
            try:
                yield Sidebar(editor)
            finally:
                self._deploy([])

    def _deploy(self, flow: Flow) -> None:
        answer = self.request("POST", "/flows", json.dumps(flow))
        assert answer.status == 204, answer
