"""What is refused before a page is asked for (too often, too large) is a page for people, too."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vpp.api.problems import MEDIA


class Refusals:
    """Pure ASGI, outermost: a problem for programs that is not of the API becomes the page of its status."""

    def __init__(self, app: ASGIApp, page_of: Callable[[Request, int], Response]) -> None:
        self._app, self._page_of = app, page_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        refused: Message | None = None

        async def for_people(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                refused = message if headers.get("content-type", "").startswith(MEDIA) else None
            if refused is None:
                await send(message)
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                answer = self._page_of(Request(scope), refused["status"])
                if wait := Headers(raw=refused["headers"]).get("retry-after"):
                    answer.headers["Retry-After"] = wait
                await answer(scope, receive, send)

        await self._app(scope, receive, for_people)
