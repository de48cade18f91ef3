"""A QR code as a picture; its library is imported when one is first wanted."""

from __future__ import annotations

import io


def qr_code(text: str) -> bytes:
    """An SVG of a text's QR code, dark on light whatever the page's colours."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, svgns=True
    )
    return out.getvalue()
