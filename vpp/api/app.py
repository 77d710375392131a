"""The application: routes, guard, errors, and the document that describes them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from vpp.api.examples import exemplify, recorded
from vpp.api.guard import LOG_INS_PER_MINUTE, PER_MINUTE, Guard
from vpp.api.problems import SCHEMA, add_handlers, declared, described_headers, described_problems
from vpp.api.routes import assets, decisions, desk, events, imports, jobs, people, plans, platform, registry
from vpp.operations.desk import Desk, Studio
from vpp.operations.errands import Errands
from vpp.operations.live.clock import SharedClock
from vpp.operations.runner import Runner
from vpp.settings import settings
from vpp.store import Store

PREFIX = "/api/v1"
ABOUT = """Virtual power plant and energy-flow optimizer for a city.

People log in (`POST /session`) and send `X-CSRF-Token` with every change; machines send `Authorization: Bearer`.
Powers named `power_kw` are injection-positive; every other directional name is a magnitude. Times are ISO 8601 with
offset. Errors are problem+json, in one sentence."""


def create_app(
    store: Store, clock: SharedClock, *, networks: Sequence[str] = (), folder: Path | None = None,
    per_minute: float = PER_MINUTE, log_ins_per_minute: float = LOG_INS_PER_MINUTE,
) -> FastAPI:  # fmt: skip
    """Of one platform; the caller opens and closes the store.

    `networks`: what may be contacted when a device is tried, and nothing else; by default nothing.
    `folder`: where exports lie; None: a temporary one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app.state.runner.start()
        app.state.errands.start()
        yield
        await asyncio.to_thread(app.state.runner.stop)
        app.state.errands.stop()

    app = FastAPI(
        title="vpp", version="1", description=ABOUT, lifespan=lifespan, openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None, redoc_url=None, generate_unique_id_function=_name, redirect_slashes=False,
    )  # fmt: skip
    app.state.store, app.state.clock, app.state.runner = store, clock, Runner(store)
    app.state.errands = Errands(
        store, app.state.runner, lambda: app.state.clock, networks, folder, registry.profiles
    )  # fmt: skip
    home = settings().home
    app.state.desk = Desk(store, app.state.runner, home / "desk")
    app.state.studio = Studio(store, app.state.runner, home / "studies")
    app.state.networks, app.state.streams = tuple(networks), events.Streams()
    every = APIRouter(prefix=PREFIX, responses=declared(400, 405, 413, 422, 429, 503))
    for routes in (platform, events, people, assets, registry, plans, decisions, imports, jobs, desk):
        every.include_router(routes.router)
    app.include_router(every)
    add_handlers(app)
    app.add_middleware(Guard, per_minute=per_minute, log_ins=log_ins_per_minute)
    app.openapi = lambda: openapi(app)
    return app


def _name(route: APIRoute) -> str:
    return route.name


def openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own document, with examples, with our errors and with how callers prove who they are."""
    if app.openapi_schema is None:
        made = FastAPI.openapi(app)
        components = made.setdefault("components", {})
        components["schemas"]["Problem"] = SCHEMA
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        components["headers"], components["responses"] = described_headers(), described_problems()
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "__Host-vpp"},
        }
        for path, methods in made["paths"].items():
            for operation in methods.values():
                if not path.endswith(("/health", "/setup")) and "401" in operation["responses"]:
                    operation["security"] = [{"token": []}, {"session": []}]
        exemplify(made, recorded())
        app.openapi_schema = made
    return app.openapi_schema
