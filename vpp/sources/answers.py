"""Asking sources outside: only the hosts that are named here, only over TLS, with a limit on what they may answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

HOSTS = frozenset({"api.energy-charts.info", "opendata.dwd.de"})
"""Whom the platform may ask, once the operator has switched the source on."""
TIMEOUT_S, MOST_BYTES = 30.0, 20_000_000


class SourceError(RuntimeError):
    """A source gave no usable answer; says why in one sentence."""


class TooOften(SourceError):
    """The source asks us to wait."""

    def __init__(self, sentence: str, wait_s: float) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""


Ask = Callable[[str], Answer]
"""Address → answer."""


def ask(address: str) -> Answer:
    """A GET; redirects are not followed, since they may lead anywhere."""
    parts = urlsplit(address)
    if parts.scheme != "https" or parts.hostname not in HOSTS or parts.port not in (None, 443):
        raise SourceError(f"{address}: is not asked; allowed: https to {', '.join(sorted(HOSTS))}")
    try:
        with httpx.stream("GET", address, timeout=TIMEOUT_S, follow_redirects=False) as answer:
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise SourceError(f"{address}: answers with more than {MOST_BYTES} bytes")
            return Answer(answer.status_code, body, {k.lower(): v for k, v in answer.headers.items()})
    except httpx.HTTPError as problem:
        raise SourceError(f"{address}: does not answer: {type(problem).__name__}") from problem


def good(address: str, answer: Answer) -> bytes:
    """The body of a good answer; raises SourceError."""
    if answer.status == 429:
        wait = answer.headers.get("retry-after", "60")
        seconds = float(wait) if wait.isdigit() else 60.0
        raise TooOften(f"{address}: asks to be left alone for {seconds:g} s", seconds)
    if answer.status != 200:
        raise SourceError(f"{address}: answers with status {answer.status}; allowed: 200")
    return answer.body
