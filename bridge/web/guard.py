"""Stands before every page: who asks, by which name of this machine, and with what right."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from bridge.web.addresses import is_loopback, names_us
from bridge.web.answers import wants_page
from bridge.web.notes import Note, Notes
from bridge.web.session import FIELD, Doorkeeper, Visit
from bridge.web.site import Site

_OPEN = frozenset({"healthz", "sign_in", "static_file", "callback"})
"""What needs no password; who comes back from Shelly's page proves by `state` that we sent them,
since browsers keep our cookie to themselves when another site leads here."""

_READ = frozenset({"GET", "HEAD"})


class Guard:
    """Lets requests in or not, signs browsers in, and keeps a note for each."""

    def __init__(self, site: Site) -> None:
        local = is_loopback(site.listen_host)
        if not local and site.password is None:
            raise ValueError("an admin listener that others can reach needs a password")
        if site.trusted_proxies and site.password is None:
            raise ValueError("an admin listener behind a proxy needs a password")
        self._site = site
        self._door = Doorkeeper(site.password)
        self._notes = Notes()
        self._names_matter = local and not site.trusted_proxies

    def attach(self, app: Flask) -> None:
        """Put it before everything that the application answers."""
        app.before_request(self._admit)
        app.after_request(self._remember)
        app.context_processor(self._helpers)
        for rule, view, methods in (
            ("/sign-in", self.sign_in, ["GET", "POST"]),
            ("/sign-out", self.sign_out, ["POST"]),
        ):
            app.add_url_rule(
                rule, view.__name__, view, methods=methods, provide_automatic_options=False
            )

    def tell(self, text: str, *, good: bool) -> None:
        """Keep a sentence for the next page of the browser that asks now."""
        self._notes.leave(g.visit.id, Note(text, good))

    def sign_in(self) -> AnyResponse | str:
        """Ask for the password, or take it."""
        to = _own_place(request.values.get("to", ""))
        if self._door.is_signed_in():
            return redirect(to)
        wrong = False
        if request.method == "POST":
            session = self._door.sign_in(request.form.get("password", ""))
            if session is not None:
                g.visit = Visit(session, new=True)
                return redirect(to, 303)
            wrong = True
        return render_template("sign_in.html", to=to, wrong=wrong, by_link=_came_by_link())

    def sign_out(self) -> AnyResponse:
        """End the browser's session."""
        self._door.sign_out()
        return redirect(url_for("sign_in"), 303)

    def _admit(self) -> AnyResponse | None:
        header = request.headers.get("Host", "")
        if self._names_matter and not names_us(header, self._site.listen_host):
            raise Forbidden
        if _is_part_of_another_site():
            raise Forbidden("this is not for pages of other sites")
        g.visit = self._door.visit()
        signed_in = self._door.is_signed_in()
        if request.method not in _READ and request.endpoint is not None:
            if not signed_in and request.endpoint != "sign_in":
                raise Forbidden("sign in first")
            self._door.check_form(g.visit)
        if signed_in or request.endpoint in _OPEN:
            return None
        if wants_page() and request.authorization is None:
            return redirect(url_for("sign_in", to=request.full_path.rstrip("?")))
        # Nobody asked for what a page's script fetches again and again.
        self._door.admit_reader(challenge=request.endpoint != "live")
        return None

    def _remember(self, response: Response) -> Response:
        # Who comes back from another site has a cookie, which the browser only keeps to itself.
        stranger = request.endpoint == "callback"
        if "visit" not in g or stranger or response.mimetype != "text/html":
            return response
        # Also for who is signed in, as the browser would drop a cookie that is never renewed.
        if g.visit.new or (self._door.has_password and self._door.is_signed_in()):
            self._door.remember(response, g.visit)
        return response

    def _helpers(self) -> dict[str, Any]:
        return {
            "field": FIELD,
            "token": self._door.token(g.visit) if "visit" in g else "",
            "has_password": self._door.has_password,
            "take_note": lambda: self._notes.take(g.visit.id) if "visit" in g else None,
        }


def _is_part_of_another_site() -> bool:
    """Whether a page of another site loads this into itself (Fetch Metadata), not by a link."""
    told = request.headers.get
    return told("Sec-Fetch-Site") == "cross-site" and told("Sec-Fetch-Mode") != "navigate"


def _came_by_link() -> bool:
    """Whether another site led here, for which browsers keep our cookie to themselves."""
    place = (request.referrer or "").partition("://")[2].partition("/")[0]
    return bool(place) and place.lower() != request.host.lower()


def _own_place(place: str) -> str:
    """Where to go after signing in: an address of ours, never another site's."""
    ours = place.startswith("/") and not place.startswith("//") and "\\" not in place
    if ours and place.isprintable():
        return request.script_root + place
    return url_for("overview")
