"""The page on which owners share devices with an integrator, as a browser sees it.

(Shelly docs, Integrator API, Users: the page is opened with `itg` and `cb`, and for each device
Shelly's cloud then calls `cb`.) Nobody logs in here: every device of the world is theirs.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Set
from typing import Protocol
from urllib.parse import parse_qsl

from bridge.errors import PeerError
from bridge.simulator.api import Api
from bridge.simulator.consent import Answer
from bridge.simulator.devices.base import Device
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.wire import Wire

PAGE_PATH = "/integrator.html"

_OK = 200
_HTML = "text/html; charset=utf-8"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Simulated Shelly consent</title>
<h1>Simulated Shelly consent</h1>
<p>{text}</p>
<form method="post" action="{path}">
<input type="hidden" name="itg" value="{tag}"><input type="hidden" name="cb" value="{callback}">
{devices}
<p><button>Share what is ticked, and nothing else</button></p>
</form></html>
"""


class Owners(Protocol):
    """What the page needs of a world."""

    tag: str
    devices: list[Device]

    def grant_by_callback(self, device: Device, url: str, *, control: bool = True) -> Answer:
        """The owner grants a device."""

    def revoke_by_callback(self, device: Device, url: str) -> Answer:
        """The owner withdraws a device."""


class ConsentPage:
    """Answers the page; lives in the world's event loop, and calls back from a thread."""

    def __init__(
        self, api: Api, owners: Owners, soon: Callable[[Callable[[], None]], None]
    ) -> None:
        """Has its path answered by `api`; `soon` runs something in the world's thread."""
        self._owners = owners
        self._soon = soon
        api.add(PAGE_PATH, self._page, "GET", "POST")

    def _page(self, wire: Wire, request: Request) -> None:
        given = request.query | request.form()
        callback = given.get("cb", "")
        if given.get("itg") != self._owners.tag or not callback.startswith(("http://", "https://")):
            wire.reply(Reply(400, b"wrong itg or cb", "text/plain"))
            return
        if request.method == "GET":
            wire.reply(self._form(callback, "Which devices do you share?"))
            return
        fields = parse_qsl(request.body.decode("utf-8", "replace"))
        ticked = {value for name, value in fields if name == "device"}

        def share() -> None:
            text = self._share(callback, ticked)
            self._soon(lambda: wire.reply(self._form(callback, text)))

        threading.Thread(target=share, name="simulator-consent", daemon=True).start()

    def _share(self, callback: str, ticked: Set[str]) -> str:
        """Call back for every device whose tick is another than before; what to say about it."""
        done = 0
        for device in list(self._owners.devices):
            tick = device.hex_id in ticked
            if tick == device.granted:
                continue
            change = self._owners.grant_by_callback if tick else self._owners.revoke_by_callback
            try:
                status = change(device, callback).status
            except PeerError as error:
                return f"The callback cannot be reached: {error}"
            if status != _OK:
                return f"The callback answered {status}."
            done += 1
        return f"Done: {done} changed."

    def _form(self, callback: str, text: str) -> Reply:
        rows = "\n".join(
            f'<p><label><input type="checkbox" name="device" value="{html.escape(device.hex_id)}"'
            f"{' checked' if device.granted else ''}> {html.escape(device.title)}</label></p>"
            for device in self._owners.devices
        )
        page = _PAGE.format(
            text=html.escape(text),
            path=PAGE_PATH,
            tag=html.escape(self._owners.tag),
            callback=html.escape(callback),
            devices=rows,
        )
        return Reply(200, page.encode(), _HTML)
