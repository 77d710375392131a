"""Style, scripts, font and icon: each under an address with a fingerprint, so that browsers may keep it for ever."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


class Kept(StaticFiles):
    """Files that browsers keep when asked for with their fingerprint; the style asks for the font without one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        asked = scope.get("query_string", b"").decode("latin-1")
        if answer.status_code == 200 and (path.endswith(".woff2") or asked == f"v={fingerprint(path)}"):
            answer.headers["Cache-Control"] = FOR_EVER
        return answer


@cache
def fingerprint(name: str) -> str:
    path = FOLDER / name
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""


def url_of(name: str) -> str:
    """`/static/vpp.css?v=…`."""
    return f"/static/{name}?v={fingerprint(name)}"
