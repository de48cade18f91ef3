"""The pages that are only looked at."""

from __future__ import annotations

import socket
from typing import Any

from flask import Flask, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from bridge.core.views.asked import Only, Sort
from bridge.core.views.shown import Course
from bridge.web import regions
from bridge.web.addresses import host_of, is_loopback
from bridge.web.controls import controls
from bridge.web.picture import qr_code
from bridge.web.regions import PER_PAGE, Regions
from bridge.web.site import Site

_ARGUMENTS = ("search", "only", "sort", "order", "page")
"""Of the table of devices."""


def add_pages(app: Flask, site: Site) -> None:
    """Add the overview, the devices, and the help for adding some."""
    pages = _Pages(site)
    for rule, view in (
        ("/", pages.overview),
        ("/devices", pages.devices),
        ("/devices/<path:root>", pages.device),
        ("/add", pages.add),
        ("/maintenance", pages.maintenance),
        ("/qr/<what>.svg", pages.picture),
        ("/consent", pages.consent),
    ):
        app.add_url_rule(rule, view.__name__, view, provide_automatic_options=False)
    app.context_processor(lambda: {"here": _here})


class _Pages:
    """A method for each page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def overview(self) -> str:
        """How all of it is."""
        return _page("overview.html", regions.overview(self._site, self._site.desk.overview()))

    def devices(self) -> str:
        """A part of the table of devices."""
        asked = regions.asked_table(request.args)
        rows = self._site.desk.table(asked)
        return _page(
            "devices.html",
            regions.devices(rows, asked),
            asked=asked,
            page=asked.first // PER_PAGE + 1,
            pages=max(1, -(-rows.found // PER_PAGE)),
            sorts=list(Sort),
            filters=list(Only),
        )

    def device(self, root: str) -> str:
        """One device with its controls."""
        found = self._site.desk.device(root)
        if found is None:
            raise NotFound
        return _page(
            "device.html",
            regions.device(found),
            device=found,
            main=[each for each in found.channels if not each.is_own],
            own=[each for each in found.channels if each.is_own],
            controls={(each.kind, each.number): controls(each) for each in found.channels},
            courses=_by_channel(self._site.desk.courses(found.row.id) or ()),
        )

    def add(self) -> str:
        """How devices get here."""
        return _page("add.html", {}, outbound=self._outbound_address())

    def maintenance(self) -> str:
        """What is seldom needed."""
        return _page("maintenance.html", {})

    def picture(self, what: str) -> Response:
        """The QR code of one of our addresses."""
        text = {"consent": self._site.consent_page, "outbound": self._outbound_address()}.get(what)
        if text is None:
            raise NotFound
        return Response(qr_code(text), content_type="image/svg+xml")

    def consent(self) -> Response:
        """The way to Shelly's page."""
        if self._site.consent_page is None:
            raise NotFound
        return Response(status=302, headers={"Location": self._site.consent_page})

    def _outbound_address(self) -> str | None:
        """By the name under which the browser reaches us, as devices may well do the same."""
        if self._site.outbound is None:
            return None
        seen = host_of(request.host)
        return self._site.outbound.address(socket.gethostname() if is_loopback(seen) else seen)


def _page(template: str, live: Regions, **values: Any) -> str:
    parts = {name: region.whole(name) for name, region in live.items()}
    return render_template(template, live=parts, **values)


def _here(**changes: Any) -> str:
    """This page's address with other arguments; None leaves one out."""
    # No other names, since some mean something to `url_for`.
    given = {name: request.args.get(name) for name in _ARGUMENTS} | changes
    kept = {name: value for name, value in given.items() if value not in (None, "")}
    return url_for(request.endpoint or "overview", **(request.view_args or {}), **kept)


def _by_channel(courses: tuple[Course, ...]) -> dict[tuple[str, int], list[Course]]:
    found: dict[tuple[str, int], list[Course]] = {}
    for course in courses:
        found.setdefault((course.kind, course.number), []).append(course)
    return found
