"""An owner's registrations in every state, made through the forms as a browser without scripts would."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.web.field import devices
from tests.web.platform import Platform, password

LIMITS = {"tilt_degrees": "35", "azimuth_degrees": "180", "may_curtail": "yes"}
NOBODY = {"way": "device", "profile": "battery", "host": "127.77.9.9", "port": "9", "unit": "1", "rating_kw": "10"}


class Forms:
    """Log in, then send forms; each answer leads to the next page."""

    def __init__(self, platform: Platform, role: str = "owner") -> None:
        self._client = httpx.Client(base_url=platform.url, follow_redirects=False, timeout=60)
        answer = self._client.post("/login", data={"name": role, "password": password(role)})
        assert answer.status_code == 303, answer.text
        self._cookies = {c.name: c.value for c in self._client.cookies.jar}  # `Secure`, and loopback has no TLS
        found = [h.partition(";")[0].split("=", 1) for h in answer.headers.get_list("set-cookie")]
        self._cookies = dict(found)

    def post(self, path: str, **fields: str) -> str:
        """Where it leads."""
        given = {"csrf_token": self._cookies["__Host-vpp-csrf"], **fields}
        answer = self._client.post(path, data=given, headers=self._headers)
        assert answer.status_code == 303, (path, answer.status_code, re.sub(r"<[^>]+>", " ", answer.text)[:2000])
        return urlsplit(answer.headers["location"]).path

    def status(self, path: str) -> int:
        return self._client.get(path, headers=self._headers).status_code

    @property
    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items())}

    def close(self) -> None:
        self._client.close()


def registered(platform: Platform) -> dict[str, str]:
    """Paths of registrations by state, and of a registered device; made once for a platform."""
    if "owner" not in platform.known:
        forms = Forms(platform)
        try:
            platform.known["owner"] = _made(forms, platform)
        finally:
            forms.close()
    return platform.known["owner"]


def _made(forms: Forms, platform: Platform) -> dict[str, str]:
    found = dict[str, str]()

    def begin(state: str, kind: str, **connection: str) -> str:
        base = forms.post("/register", kind=kind, label=f"my {state} device", node="h02").removesuffix("/connection")
        forms.post(f"{base}/connection", **connection)
        found[state] = base
        return base

    plant = {"way": "mastr", "mastr": "SEE901234567898", "rating_kw": "9,9"}
    forms.post(f"{begin('plant', 'pv', **plant)}/limits", **LIMITS)
    done = begin("confirmed", "pv", **plant)
    forms.post(f"{done}/limits", **LIMITS)
    forms.post(f"{done}/agreement", agreed="yes", version="2026-11-25")
    found["device"] = f"/my/devices/pv-{done.rsplit('/', 1)[1].replace('-', '')[:6]}"
    begin("unprobed", "battery", **NOBODY)
    forms.post(f"{begin('silent', 'battery', **NOBODY)}/probe")
    with devices(platform.home, "battery", 1, "127.78.0") as [(host, port, unit)]:
        there = {**NOBODY, "host": host, "port": str(port), "unit": str(unit)}
        forms.post(f"{begin('found', 'battery', **there)}/probe")
    return found


def draft(step: str, state: str = "plant") -> Callable[[Platform], Any]:
    return lambda platform: f"{registered(platform)[state]}/{step}"


def page_of_device(below: str) -> Callable[[Platform], Any]:
    return lambda platform: registered(platform)["device"] + below
