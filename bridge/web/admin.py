"""The admin listener: pages about the bridge, their buttons, logins, metrics and health.

Everything is behind the same guard: the `Host` header on loopback, the password elsewhere.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, render_template, send_from_directory
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    MethodNotAllowed,
    ServiceUnavailable,
)

from bridge import __version__
from bridge.web.actions import add_actions
from bridge.web.answers import create_app, refuse, wants_page
from bridge.web.desk import BusyError
from bridge.web.guard import Guard
from bridge.web.live import add_live
from bridge.web.login import add_login
from bridge.web.pages import add_pages
from bridge.web.room import Room
from bridge.web.site import Site
from bridge.web.words import FILTERS

_HERE = Path(__file__).parent

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    # Without a referrer browsers would not say of which site a form is.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

_EXPLAINED = (BadRequest, Forbidden, ServiceUnavailable)
"""Errors whose text is ours."""


def create_admin_app(site: Site) -> Flask:
    """The application of the admin listener."""
    guard = Guard(site)
    app = create_app(__name__, site.health)
    app.template_folder = str(_HERE / "templates")
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: {"site": site, "version": __version__})
    guard.attach(app)
    add_pages(app, site)
    room = Room()
    add_actions(app, site, guard, room)
    add_live(app, site)
    add_login(app, site.accounts, room)

    @app.get("/static/<path:name>", provide_automatic_options=False)
    def static_file(name: str) -> Response:
        response = send_from_directory(_HERE / "static", name)
        response.headers["Cache-Control"] = "no-cache"
        return response

    @app.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        from bridge.web.metrics import CONTENT_TYPE, exposition

        return Response(exposition(site), content_type=CONTENT_TYPE)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.register_error_handler(HTTPException, _explain)
    app.register_error_handler(BusyError, lambda error: _explain(ServiceUnavailable(str(error))))
    return app


def _explain(error: HTTPException) -> Response:
    """An error as a page for people, and as JSON for programs."""
    text = error.description if isinstance(error, _EXPLAINED) else None
    if not wants_page() or isinstance(error, MethodNotAllowed):
        return refuse(error, text)
    kept = [(name, value) for name, value in error.get_headers() if name == "Retry-After"]
    return Response(render_template("error.html", error=error, text=text), error.code, kept)
