"""What the pages' buttons do: the same commands and requests that anybody can send by MQTT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from bridge.core.model import Json
from bridge.core.options import LONGEST_NAME
from bridge.web.answers import answer, wants_page
from bridge.web.controls import WrongValueError, wanted
from bridge.web.desk import BusyError
from bridge.web.guard import Guard
from bridge.web.room import Room
from bridge.web.site import Site

COMMAND_LIMIT = 4.0
"""Seconds that a page waits for the last result of a command; what comes later shows as a state."""

REQUEST_LIMIT = 20.0
"""Seconds for a request; a scan of retained topics takes several."""

_FILE = "shelly-bridge-diagnostics.json"

_DONE = {
    "device/approve": "The device is let in.",
    "device/refresh": "The device was asked for its state.",
    "device/options": "The new name is in use.",
    "device/remove": "The device is removed.",
    "discovery/republish": "Everything is being published again.",
    "host/reconnect": "The connection is made anew.",
    "options": "The new setting is in use until the bridge starts again.",
}
"""Request → what to say when it was done."""


def add_actions(app: Flask, site: Site, guard: Guard, room: Room) -> None:
    """Add what the forms of the pages are sent to; all wait for their results in one `room`."""
    actions = _Actions(site, guard, room)
    for rule, view, method in (
        ("/devices/<path:root>/<kind>/<int:number>", actions.command, "POST"),
        ("/devices/<path:root>/remove", actions.ask_removal, "GET"),
        ("/request/<path:name>", actions.act, "POST"),
        ("/retained", actions.retained, "POST"),
        ("/diagnostics.json", actions.diagnostics, "GET"),
    ):
        app.add_url_rule(
            rule, view.__name__, view, methods=[method], provide_automatic_options=False
        )


class _Actions:
    """A method for each form."""

    def __init__(self, site: Site, guard: Guard, room: Room) -> None:
        self._site = site
        self._guard = guard
        self._room = room

    def command(self, root: str, kind: str, number: int) -> AnyResponse:
        """Tell a channel something, and wait a little for the result."""
        found = self._site.desk.device(root)
        channels = () if found is None else found.channels
        wished = (kind, number)
        channel = next((each for each in channels if (each.kind, each.number) == wished), None)
        if found is None or channel is None:
            raise NotFound
        key, given = request.form.get("key", ""), request.form.get("value", "")
        try:
            payload = wanted(channel, key, given)
            with (
                self._room.place(),
                self._site.desk.command(found.row.root, kind, number, payload) as answers,
            ):
                result = _mapping(answers.final(COMMAND_LIMIT).document)
        except WrongValueError as error:
            result = {"status": "invalid", "error": str(error)}
        except BusyError as error:
            result = {"status": "error", "error": str(error)}
        return self._told(result, _sentence(result), url_for("device", root=root))

    def act(self, name: str) -> AnyResponse:
        """Make one of the requests that need no page of their own."""
        if name not in _DONE:
            raise NotFound
        result = self._request(name, _data(name, request.form))
        sentence = _DONE[name] if result.get("status") == "ok" else str(result.get("error"))
        return self._told(result, sentence, _back(removed=name == "device/remove"))

    def ask_removal(self, root: str) -> str:
        """Whether a device is really to go."""
        found = self._site.desk.device(root)
        if found is None:
            raise NotFound
        return render_template("remove.html", device=found)

    def retained(self) -> str:
        """Look for leftovers on the broker, or clear them."""
        really = request.form.get("really") == "yes"
        result = self._request("retained/clean", {"dry_run": not really})
        return render_template("retained.html", result=result, really=really)

    def diagnostics(self) -> Response:
        """All that helps others to help, as a file."""
        result = self._request("diagnostics", {})
        return Response(
            json.dumps(result.get("data", result), indent=2, ensure_ascii=False),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{_FILE}"'},
        )

    def _request(self, name: str, data: Mapping[str, Json]) -> dict[str, Any]:
        try:
            with self._room.place(), self._site.desk.request(name, data) as answers:
                return _mapping(answers.next(REQUEST_LIMIT).document)
        except BusyError as error:
            return {"status": "error", "error": str(error)}

    def _told(self, result: Mapping[str, Any], sentence: str, back: str) -> AnyResponse:
        """The outcome: as JSON for our script, else on the page that the form was on."""
        good = result.get("status") == "ok"
        if not wants_page():
            return answer({"ok": good, "message": sentence, "result": dict(result)})
        self._guard.tell(sentence, good=good)
        return redirect(back, 303)


def _mapping(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise TypeError(f"an answer is no {type(document).__name__}")
    return document


def _data(name: str, form: Mapping[str, str]) -> dict[str, Json]:
    """A request's payload from the fields of a form."""
    device = form.get("id", "")
    if name == "options":
        return {"options": {"log": {"level": form.get("level", "")}}}
    if name == "device/options":
        called = form.get("name", "").strip()
        if len(called) > LONGEST_NAME:
            raise BadRequest(f"a name has at most {LONGEST_NAME} characters")
        return {"id": device, "options": {"name": called or None}}
    return {"id": device} if device else {}


def _sentence(result: Mapping[str, Any]) -> str:
    """A command's result for people."""
    if result.get("stage") == "confirmed":
        return f"done after {result.get('ms')} ms"
    if result.get("status") == "ok":
        return "accepted; the new state has not come yet"
    text = result.get("error") or "no reason was given"
    return f"{result.get('status')}: {text}"


def _back(*, removed: bool) -> str:
    """The page that the form was on; only ever one of ours."""
    if removed:
        return url_for("devices")
    place = request.form.get("back", "")
    allowed = {"overview": url_for("overview"), "maintenance": url_for("maintenance")}
    device = request.form.get("id", "")
    if place == "device" and device:
        return url_for("device", root=device)
    return allowed.get(place, url_for("overview"))
