"""The parts of pages that follow what happens, while somebody looks and at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from flask import render_template
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from bridge.core.views.asked import Only, Sort, Table
from bridge.core.views.shown import Bridge, Device, Rows
from bridge.web.controls import controls
from bridge.web.site import Site

_Choice = TypeVar("_Choice", Sort, Only)

PER_PAGE = 50
LONGEST_SEARCH = 100
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Region:
    """An element of a page by its id; one with `members` is nothing but these, in their order."""

    html: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    """The element around the members."""

    def whole(self, name: str) -> Markup:
        """All of it."""
        if not self.tag:
            return Markup(self.html)  # noqa: S704 - a template made it, which escapes
        inside = "".join(self.members.values())
        return Markup(f'<{self.tag} id="{name}">{inside}</{self.tag}>')  # noqa: S704 - as above


Regions = dict[str, Region]


def overview(site: Site, bridge: Bridge) -> Regions:
    """The bridge, its connections and what waits for somebody."""
    failed = site.health()
    told = {
        "bridge": bridge,
        "failed": failed,
        "vitals": site.vitals(),
        "warnings": site.warnings()[::-1],
    }
    names = ("verdict", "bridge", "connections", "waiting", "warnings")
    return {name: Region(render_template(f"regions/{name}.html", **told)) for name in names}


def devices(rows: Rows, asked: Table) -> Regions:
    """The table of devices."""
    members = {
        f"device-{row.id}": render_template("regions/device_row.html", row=row) for row in rows.rows
    }
    count = render_template("regions/device_count.html", rows=rows, asked=asked)
    return {"rows": Region(members=members, tag="tbody"), "count": Region(count)}


def device(found: Device) -> Regions:
    """One device, and each of its channels."""
    regions = {"about": Region(render_template("regions/about.html", device=found))}
    for channel in found.channels:
        name = f"{channel.kind}-{channel.number}"
        told = render_template("regions/readings.html", channel=channel, name=name)
        regions[f"readings-{name}"] = Region(told)
        for control in controls(channel):
            if control.form in ("buttons", "slider"):
                html = render_template(f"regions/{control.form}.html", control=control, name=name)
                regions[f"{control.form}-{name}-{control.key}"] = Region(html)
    return regions


def asked_table(arguments: MultiDict[str, str]) -> Table:
    """What an address asks of the table; what makes no sense is left out."""
    page = arguments.get("page", 1, type=int)
    return Table(
        search=arguments.get("search", "")[:LONGEST_SEARCH],
        sort=_one_of(Sort, arguments.get("sort", ""), Sort.NAME),
        descending=arguments.get("order") == "down",
        only=_one_of(Only, arguments.get("only", ""), Only.ALL),
        first=(min(max(page, 1), MOST_PAGES) - 1) * PER_PAGE,
        count=PER_PAGE,
    )


def _one_of(kind: type[_Choice], given: str, otherwise: _Choice) -> _Choice:
    try:
        return kind(given)
    except ValueError:
        return otherwise
