"""Assets: list with search, filters and a picture of the grid; a page for each."""

from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from vpp.api.access import TheClock, TheStore
from vpp.api.forms import download
from vpp.api.problems import Problem as Refusal
from vpp.domain import Quality
from vpp.operations.owning.doing import why
from vpp.store import RegisteredAsset, listing, registrations
from vpp.store.asset_pages import NEVER, Wanted, commissioning_of, kinds_by_node, points_of, search
from vpp.store.dispatching import grid, overrides
from vpp.store.people import Role
from vpp.web import asset_charts
from vpp.web.grid_map import picture
from vpp.web.kinds import NAMES
from vpp.web.navigation import CITY, PLACES, Place
from vpp.web.owner_words import OUTCOMES, QUALITY, TESTS, point_name, point_value
from vpp.web.render import page
from vpp.web.translations import N_
from vpp.web.visitor import Language, SeesCity
from vpp.web.words import Words, iso

router = APIRouter(prefix="/assets")
PLACES.append(Place("/assets", N_("Assets"), CITY))

A_PAGE = 50
ORDERS = 40
"""Newest orders that an asset's page shows."""
STATES: dict[str, tuple[str, str]] = {
    "received": ("off", N_("received")), "validated": ("off", N_("checked")), "sent": ("notice", N_("sent")),
    "echoed": ("notice", N_("accepted")), "verified": ("notice", N_("read back")),
    "effective": ("good", N_("effective")),
    "rejected": ("bad", N_("rejected")), "superseded": ("off", N_("superseded")), "expired": ("off", N_("expired")),
    "released": ("off", N_("released")), "failed": ("bad", N_("failed")), "lost": ("warn", N_("unknown")),
}  # fmt: skip
"""Of an order: chip and word."""
ORDER_KINDS = {"target": N_("power"), "limit": N_("limit"), "switch": N_("switch")}
COLUMNS: dict[str, str] = {
    "capacity_kwh": N_("Capacity"), "max_charge_kw": N_("Charging power"), "max_discharge_kw": N_("Discharging power"),
    "peak_kw": N_("Peak power"), "max_power_kw": N_("Power"), "max_heat_kw": N_("Heat"), "min_soc": N_("Lowest charge"),
    "max_soc": N_("Highest charge"), "efficiency": N_("Efficiency"), "profile": N_("Forecast"),
    "cop": N_("Forecast of COP"),
    "demand_kw": N_("Forecast of demand"), "curtailable": N_("May be curtailed"),
    "wear_eur_per_kwh": N_("Wear"), "electrical_efficiency": N_("Electrical efficiency"),
    "thermal_efficiency": N_("Thermal efficiency"), "charge_efficiency": N_("Charging efficiency"),
    "discharge_efficiency": N_("Discharging efficiency"), "final_soc_min": N_("Least charge at the end"),
    "fuel_eur_per_mwh": N_("Fuel"), "min_charge_kw": N_("Least charging power"),
    "grid_charging": N_("May charge from the grid"), "self_discharge_per_h": N_("Self-discharge"),
    "loss_per_h": N_("Heat loss"), "initial_soc": N_("Charge at the start"),
    "final_value_eur_per_mwh": N_("Worth of what is left at the end"),
    "min_power_fraction": N_("Least power when running"), "min_heat_fraction": N_("Least heat when running"),
    "part_load_electrical_efficiency": N_("Electrical efficiency at least power"),
    "start_cost_eur": N_("Cost of a start"), "min_up_h": N_("Runs at least"), "min_down_h": N_("Rests at least"),
    "ramp_kw_per_h": N_("Change of power"), "fuel_t_co2_per_mwh": N_("CO₂ of the fuel"),
    "initial_on_h": N_("Has been running since"), "sheddable_fraction": N_("May be shed"),
    "shed_eur_per_mwh": N_("Price of shedding"), "feed_in_eur_per_mwh": N_("Feed-in tariff"),
    "cap_fraction": N_("Feeds in at most"), "zero_if_negative": N_("Nothing paid at negative prices"),
    "power_kw": N_("Power"), "run_h": N_("Length of a run"), "interruptible": N_("May be interrupted"),
    "earliest": N_("Earliest"), "latest": N_("Latest"), "charger": N_("Charger"), "arrival": N_("Arrival"),
    "departure": N_("Departure"), "energy_kwh": N_("Energy needed"), "battery_kwh": N_("Battery of the car"),
    "arrival_kwh": N_("Energy at arrival"), "min_level": N_("Least brightness"), "level": N_("Brightness"),
}  # fmt: skip
"""Columns of a registration that people ask for; the others stand below under their own names."""


@router.get("")
def list_assets(
    request: Request, who: SeesCity, words: Language, store: TheStore, clock: TheClock, q: str = "", kind: str = "",
    node: str = "", state: str = "", page_number: int = 1,
) -> HTMLResponse:  # fmt: skip
    states = [*(s.value for s in Quality), NEVER]
    wanted = Wanted(text=q.strip()[:100], kind=kind, node=node.strip()[:100], quality=state if state in states else "")
    at = max(1, min(page_number, 100_000))
    found, count = search(store, wanted, (at - 1) * A_PAGE, A_PAGE)
    described = grid(store)
    counts = kinds_by_node(store, None)
    drawn = picture(described.nodes, counts, wanted.node) if described else None
    kinds = [k for k in NAMES if any(k in each for each in counts.values())]
    chosen = {"q": wanted.text, "kind": kind, "node": wanted.node, "state": wanted.quality}
    kept = {k: v for k, v in chosen.items() if v}
    last = max(1, -(-count // A_PAGE))
    links = {n: "/assets?" + urlencode({**kept, "page_number": n}) for n in (at - 1, at + 1) if 1 <= n <= last}
    return page(
        request, "assets/list.html", found=found, count=count, picture=drawn, kinds=kinds, states=states, chosen=chosen,
        filtered=bool(kept), QUALITY=QUALITY, NEVER=NEVER, at=at, last=last, links=links, now=clock.now(),
        speed=clock.speed, stale=timedelta(minutes=30),
    )  # fmt: skip


@router.get("/{asset_id}")
def asset(
    asset_id: str, request: Request, who: SeesCity, words: Language, store: TheStore, clock: TheClock
) -> HTMLResponse:  # fmt: skip
    now = clock.now()
    found = store.asset(asset_id)
    if found is None:
        raise Refusal(404, f"asset '{asset_id}': there is none")
    line = listing.assets(store, None, "", 1, asset_id)
    orders = listing.setpoints(store, None, asset_id, None, None, ORDERS)
    decided = [o for o in overrides(store, now) if o.target == asset_id]
    label = registrations.labels(store, None).get(asset_id, "") if who.role is Role.OPERATOR else ""
    return page(
        request, "assets/asset.html", a=found, now=now, speed=clock.speed, owner=line[0]["owner"] if line else None,
        label=label, chart=asset_charts.of_day(store, found, words, now, csv=f"/assets/{asset_id}/day.csv"),
        why=why(store, found, now), points=points_of(store, asset_id), orders=orders, decided=decided, STATES=STATES,
        ORDER_KINDS=ORDER_KINDS, protocol=commissioning_of(store, asset_id), QUALITY=QUALITY, OUTCOMES=OUTCOMES,
        TESTS=TESTS, point_name=point_name, point_value=point_value, cells=_cells(found, words),
    )  # fmt: skip


@router.get("/{asset_id}/day.csv")
def day_as_csv(asset_id: str, who: SeesCity, words: Language, store: TheStore, clock: TheClock) -> Response:
    """What the chart shows: starts in UTC, with the units in the names."""
    found = store.asset(asset_id)
    if found is None:
        raise Refusal(404, f"asset '{asset_id}': there is none")
    drawn = asset_charts.of_day(store, found, words, clock.now())
    lines = ["start_utc,plan_kw,measured_kw,price_eur_per_mwh"]
    lines += [f"{iso(at)},{','.join('' if v is None else f'{v:g}' for v in values)}" for at, values in drawn.rows]
    return download(("\n".join(lines) + "\n").encode(), f"{asset_id}.csv", "text/csv")


def _cells(found: RegisteredAsset, words: Words) -> list[tuple[str, str]]:
    rows = list[tuple[str, str]]()
    for part in (found.nameplate, found.outlook):
        for name, value in part.items():
            if name in ("id", "node", "heat_node") or value in (None, [], ""):
                continue
            rows.append((words.gettext(COLUMNS[name]) if name in COLUMNS else name, _cell(name, value, words)))
    return rows


def _cell(name: str, value: object, words: Words) -> str:
    if isinstance(value, bool):
        return words.gettext("yes") if value else words.gettext("no")
    if not isinstance(value, int | float):
        return str(value)
    if name.endswith("_kwh") and "eur" not in name:
        return words.kwh(value)
    if name in ("self_discharge_per_h", "loss_per_h"):
        return f"{words.percent(value, 3)}/h"
    if name.endswith("_kw_per_h"):
        return words.quantity(value, "kW/h")
    if name.endswith("t_co2_per_mwh"):
        return words.quantity(value, "t/MWh", 3)
    if name.endswith("_eur"):
        return words.eur(value)
    if name.endswith("_kw"):
        return words.kw(value)
    if name.endswith("eur_per_mwh"):
        return words.eur_per_mwh(value)
    if name.endswith("eur_per_kwh"):
        return words.quantity(value, "€/kWh", 3)
    if name.endswith(("soc", "soc_min", "efficiency", "fraction")):
        return words.percent(value)
    if name.endswith("_h"):
        return words.quantity(value, "h", 1 if abs(value) >= 0.1 or value == 0 else 6)
    return words.number(value, 0 if value == round(value) else 3)
