"""What both listeners have in common: every answer is JSON, errors say no more than their name.

Knows nothing of what is asked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError

_log = logging.getLogger(__name__)

HealthCheck = Callable[[], list[str]]
"""The names of the parts that have failed; empty while all is well. Must not wait."""


def answer(content: Mapping[str, object], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(content), status, content_type="application/json")


def wants_page() -> bool:
    """Whether a browser asks, rather than a program."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def create_app(name: str, health: HealthCheck) -> Flask:
    """An application that has `GET /healthz` and answers everything else with a JSON error."""
    app = Flask(name, static_folder=None, template_folder=None)
    # Otherwise `/consent//…` would be redirected instead of not found.
    app.url_map = app.url_map_class(merge_slashes=False)

    @app.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        failed = health()
        if failed:
            return answer({"status": "failed", "parts": failed}, 503)
        return answer({"status": "ok"})

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    app.register_error_handler(HTTPException, refuse)
    app.register_error_handler(Exception, _survive)
    return app


def refuse(error: HTTPException, text: str | None = None) -> Response:
    """An error as JSON that says no more than its name, and a `text` of ours."""
    name = (error.name or "error").lower()
    told = {"ok": False, "error": name} | ({} if text is None else {"message": text})
    response = answer(told, error.code or 500)
    for header, value in error.get_headers():
        if header != "Content-Type":
            response.headers[header] = value
    return response


def _survive(error: Exception) -> Response:
    # Our own bug. The text of the request is left out: its path may hold a secret.
    _log.error("a request could not be answered", exc_info=error)
    return refuse(InternalServerError())
