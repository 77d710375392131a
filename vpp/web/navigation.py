"""Where one can go, by role, and what pages say after something was done. Each group of pages adds its lines."""

from dataclasses import dataclass

from vpp.store.people import Role, Who
from vpp.web.translations import N_

CITY = frozenset({Role.OPERATOR, Role.PLANNER, Role.VIEWER})


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    path: str
    name: str
    roles: frozenset[Role]


PLACES: list[Place] = [
    Place("/day", N_("Today"), CITY),
    Place("/planner", N_("Planning"), frozenset({Role.OPERATOR, Role.PLANNER})),
    Place("/inputs", N_("Inputs"), frozenset({Role.OPERATOR})),
]
"""In the order they are shown."""

SAID: dict[str, str] = {
    "logged-out": N_("You are logged out."),
    "set-up": N_("The first operator is registered. Please log in."),
    "kept": N_("Saved."),
    "removed": N_("Removed."),
}
"""What a page says on top after `go(path, said=KEY)`."""

HOME = {Role.OWNER: "/my"}
"""Where a role begins; everybody else at /day."""


def navigation(who: Who | None) -> list[Place]:
    return [place for place in PLACES if who is not None and who.role in place.roles]


def home_of(who: Who) -> str:
    return HOME.get(who.role, "/day")
