"""A registration on its way: which step comes next, what is still wrong, and what it becomes when it is confirmed.

Answers are kept as people typed them, by field; `problems` says what is wrong with them in codes, so that a page in any
language can explain it; `answers` reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from vpp.devices import Device, Profile
from vpp.devices.link import Forbidden, is_serial, networks, require_allowed
from vpp.devices.site import Registered, registered_site
from vpp.domain import Mistake, Mistakes
from vpp.operations.registration import agreement, expectations
from vpp.operations.registration.kinds import REGISTRABLE, Answer, Question, clock_time, profiles_for
from vpp.operations.registration.mastr import problem_of, tidy
from vpp.operations.registration.units import Made, made_of
from vpp.store import Store, StoreError, registrations
from vpp.store.dispatching import grid
from vpp.store.registrations import Confirmed, Registration

STEPS = ("type", "connection", "probe", "test", "limits", "agreement", "confirmation")
"""In order; a device without a connection skips probe and test."""
SENTENCES = {
    "needed": "is missing", "number": "'{given}' is not a number", "low": "'{given}' is less than {limit:g}",
    "high": "'{given}' is more than {limit:g}", "choice": "'{given}' is none of {allowed}",
    "time": "'{given}' is no time of day such as 07:00", "network": "'{given}' is in no network that may be contacted",
    "taken": "the device is registered already", "mastr_form": "'{given}' is no number of the MaStR register",
    "mastr_kind": "'{given}' is the number of no device", "mastr_check": "'{given}' has a wrong check digit",
    "order": "'{given}' must be above {limit:g}", "same": "must differ from the arrival",
}  # fmt: skip
"""Problems in English, by code; pages have their own words."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an answer."""

    field: str
    code: str
    """Key of `SENTENCES`."""
    given: str = ""
    limit: float = 0.0
    allowed: str = ""

    @property
    def sentence(self) -> str:
        return SENTENCES[self.code].format(given=self.given, limit=self.limit, allowed=self.allowed)


@dataclass(frozen=True, slots=True)
class Around:
    """What a registration is checked against."""

    profiles: Mapping[str, Profile]
    networks: Sequence[str]
    """That may be contacted."""
    nodes: Sequence[str]
    """Electricity nodes below which there may be devices."""
    heat_nodes: Sequence[str]


def around(store: Store, profiles: Mapping[str, Profile], allowed: Sequence[str]) -> Around:
    found = grid(store)
    if found is None:
        raise StoreError("registration: there is no grid yet; allowed: once the utility has described it")
    inner = {n.get("parent") for n in found.nodes}
    electric = [str(n["id"]) for n in found.nodes if n.get("carrier") == "electricity"]
    leaves = [id for id in electric if id not in inner] or electric
    heat = [str(n["id"]) for n in found.nodes if n.get("carrier") == "heat"]
    return Around(profiles, allowed, leaves, heat)


def connected(content: Mapping[str, Any]) -> bool:
    return content.get("way") == "device"


def type_problems(given: Mapping[str, str], it: Around) -> list[Problem]:
    found = list[Problem]()
    if given.get("kind") not in REGISTRABLE:
        found.append(Problem("kind", "choice", given.get("kind", ""), allowed=", ".join(REGISTRABLE)))
    if not given.get("label", "").strip():
        found.append(Problem("label", "needed"))
    if given.get("node") not in it.nodes:
        found.append(Problem("node", "choice", given.get("node", ""), allowed="the connections of the grid"))
    return found


def number_problem(number: str) -> list[Problem]:
    """Of a number in the register of plants that is needed."""
    if not number:
        return [Problem("mastr", "needed")]
    wrong = problem_of(number)
    return [Problem("mastr", f"mastr_{wrong}", number)] if wrong else []


def connection_problems(kind: str, given: Mapping[str, str], it: Around, store: Store) -> list[Problem]:
    about, found = REGISTRABLE[kind], list[Problem]()
    ways = ("device", "mastr") if about.mastr_only else ("device",)
    way = given.get("way", "device")
    if way not in ways:
        found.append(Problem("way", "choice", way, allowed=", ".join(ways)))
    found += _problem(about.rating, given)
    number = given.get("mastr", "").strip()
    if number or way == "mastr":
        found += number_problem(number)
    if way != "device":
        return found
    fitting = profiles_for(kind, it.profiles)
    if given.get("profile") not in fitting:
        found.append(Problem("profile", "choice", given.get("profile", ""), allowed=", ".join(fitting)))
    host = given.get("host", "").strip()
    if not host:
        found.append(Problem("host", "needed"))
    else:
        try:
            require_allowed(host, networks(it.networks))
        except (Forbidden, ValueError):
            found.append(Problem("host", "network", host))
    found += _problem(Question(name="port", low=1, high=65535), given)
    found += _problem(Question(name="unit", low=0, high=255), given)
    if not found and registrations.taken(store, address_of(given)):
        found.append(Problem("host", "taken"))
    return found


def limit_problems(kind: str, given: Mapping[str, str], it: Around) -> list[Problem]:
    found = [p for q in questions(kind, it) for p in _problem(q, given)]
    if found:
        return found
    for low, high in (("lowest_soc_percent", "highest_soc_percent"), ("lowest_room_degc", "highest_room_degc")):
        if low in given and number(given[high]) <= number(given[low]):
            found.append(Problem(high, "order", given[high], limit=number(given[low])))
    if kind == "ev_charger" and clock_time(given["arrives"]) == clock_time(given["departs"]):
        found.append(Problem("departs", "same"))
    return found


def questions(kind: str, it: Around) -> list[Question]:
    """Those of the step `limits`, with the choices that there are."""
    every = REGISTRABLE[kind].questions
    return [
        Question(name=q.name, answer=q.answer, choices=tuple(it.heat_nodes)) if q.name == "heat_node" else q
        for q in every
    ]


def _problem(q: Question, given: Mapping[str, str]) -> list[Problem]:
    text = str(given.get(q.name, "")).strip()
    if not text:
        return [Problem(q.name, "needed")] if q.needed else []
    if q.answer is Answer.CHOICE:
        return [] if text in q.choices else [Problem(q.name, "choice", text, allowed=", ".join(q.choices))]
    if q.answer is Answer.TIME:
        return [] if clock_time(text) else [Problem(q.name, "time", text)]
    try:
        value = number(text)
    except ValueError:
        return [Problem(q.name, "number", text)]
    if not q.low <= value <= q.high:
        return [Problem(q.name, *(("low", text, q.low) if value < q.low else ("high", text, q.high)))]
    return []


def number(text: str) -> float:
    """As a form hands it over: a decimal point. Raises ValueError."""
    value = float(text)
    if not abs(value) < 1e12:
        raise ValueError(text)
    return value


def answers(kind: str, given: Mapping[str, str], it: Around) -> dict[str, Any]:
    """Numbers as floats; what was not answered is None."""
    found = dict[str, Any]()
    for q in questions(kind, it):
        text = str(given.get(q.name, "")).strip()
        found[q.name] = None if not text else number(text) if q.answer is Answer.NUMBER else text
    return found


def address_of(given: Mapping[str, Any]) -> str:
    """host:port/unit, as the registry keeps it."""
    host = str(given["host"]).strip()
    port = 0 if is_serial(host) else int(float(given["port"]))
    return f"{host}:{port}/{int(float(given['unit']))}"


def asset_id_of(id: UUID, kind: str) -> str:
    """Names nobody."""
    return f"{kind.replace('_', '-')}-{id.hex[:6]}"


def device_of(r: Registration, it: Around) -> Device:
    """The device as the answers describe it; raises Mistakes."""
    c = r.content
    rating = {"peak_kw": c["rating_kw"], "max_power_kw": c["rating_kw"], "max_discharge_kw": c["rating_kw"],
              "max_charge_kw": c["rating_kw"]}  # fmt: skip
    registered = Registered(id=asset_id_of(r.registration_id, c["kind"]), kind=c["kind"], profile=c["profile"],
                            address=address_of(c), nameplate=rating)  # fmt: skip
    return registered_site([registered], it.profiles, it.networks, writable=True).devices[0]


def done(content: Mapping[str, Any]) -> list[str]:
    """Steps that are behind, in order; the first one that is missing comes next."""
    c, behind = content, list[str]()
    tests = {
        "type": "kind" in c and "node" in c,
        "connection": "rating_kw" in c and "way" in c,
        "probe": not connected(c) or bool(c.get("probe", {}).get("passed")),
        "test": not connected(c) or c.get("test", {}).get("state") == "passed",
        "limits": "limits" in c,
        "agreement": bool(c.get("agreed")),
        "confirmation": False,
    }
    for step in STEPS:
        if not tests[step]:
            break
        behind.append(step)
    return behind


def next_step(content: Mapping[str, Any]) -> str:
    return STEPS[len(done(content))]


def becomes(r: Registration, it: Around) -> Made:
    """The units of a complete registration."""
    c = r.content
    readings = {v["point"]: v["value"] for v in c.get("probe", {}).get("values", [])}
    given = {name: str(value) for name, value in c["limits"].items()}
    return made_of(
        c["kind"], asset_id_of(r.registration_id, c["kind"]), c["node"], float(c["rating_kw"]),
        answers(c["kind"], given, it), connected=connected(c), soc=readings.get("soc"),
    )  # fmt: skip


def confirm(store: Store, r: Registration, it: Around, person: str, language: str, now: datetime) -> str:
    """Into the registry, from `now` on: planner and field take it up by themselves. Returns the asset's id.

    Everything is checked again: the draft may be old. Raises Mistakes and StoreError.
    """
    c = r.content
    if r.asset_id is not None:
        raise StoreError(f"registration {r.registration_id}: is confirmed already; allowed: a draft")
    if next_step(c) != "agreement" and next_step(c) != "confirmation":
        raise StoreError(f"registration {r.registration_id}: step '{next_step(c)}' is missing; allowed: complete ones")
    texts = {name: str(value) for name, value in c.items() if isinstance(value, str | int | float)}
    wrong = [*type_problems(texts, it), *connection_problems(c["kind"], texts, it, store),
             *limit_problems(c["kind"], {k: str(v) for k, v in c["limits"].items()}, it)]  # fmt: skip
    if wrong:
        raise Mistakes(Mistake(where="registration", what=p.field, problem=p.sentence) for p in wrong)
    made = becomes(r, it)
    expectations.issue(store, made.series, now)  # before the registry: no plan may miss a series
    whole = Confirmed(
        units=made.units, profile=c["profile"] if connected(c) else None,
        address=address_of(c) if connected(c) else None, nodes=made.nodes, habit=made.habit,
        version=agreement.VERSION, language=language, agreement=agreement.as_text(language),
    )  # fmt: skip
    registrations.confirm(store, r.registration_id, r.owner, person, whole, now)
    id = made.units[0].id
    after = {"assets": [u.id for u in made.units], "kind": c["kind"], "node": c["node"], "agreement": whole.version,
             "mastr": tidy(c.get("mastr", "")) or None}  # fmt: skip
    store.audit(person, "register", f"asset {id}", None, after, now)
    return id


def change_limits(
    store: Store, r: Registration, it: Around, given: Mapping[str, str], person: str, now: datetime
) -> None:  # fmt: skip
    """Other limits and wishes for a registered device, from now on. Raises Mistakes."""
    kind = r.content["kind"]
    if wrong := limit_problems(kind, given, it):
        raise Mistakes(Mistake(where="limits", what=p.field, problem=p.sentence) for p in wrong)
    made = becomes(replace(r, content={**r.content, "limits": dict(given)}), it)
    expectations.issue(store, made.series, now)
    registrations.change(store, r.registration_id, r.owner, {"limits": dict(given)}, made.units, made.habit, now)
    store.audit(person, "change limits", f"asset {made.units[0].id}", r.content["limits"], dict(given), now)
