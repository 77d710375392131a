"""Which pages there are to look at: each module here has PAGES, a list of `Seen`."""

import importlib
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """A page of somebody. `path` may be a function of the platform that answers a path."""

    name: str
    path: object
    role: str | None = None
    """None: nobody is logged in."""
    status: int = 200


def every_page() -> list[Seen]:
    found = []
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        found += importlib.import_module(module.name).PAGES
    return found
