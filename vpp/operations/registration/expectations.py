"""What is to be expected of registered devices that no forecast knows yet: sun on a roof, heat of a house.

Names say all there is to know: `expected-pv-35-180` (tilt, azimuth), `expected-cop-air`, `expected-heat-9000-…` (kWh
a year). The weather is a typical year's (see `vpp.sources.weather`), and the forecast says so, until the real one is
known and `vpp.operations.forecasting` issues a better one under the same name; beyond its reach the typical year stays.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from models.forecast.cop import Emitter, cop_air, cop_ground
from models.forecast.heat import Building, heat_profile
from models.forecast.pv import Plane, pv_profiles
from vpp.domain import MARKET_ZONE, Array, Horizon, market_day, said
from vpp.operations.forecasting import EXPECTED, EXPECTED_BEFORE, plain
from vpp.sources import weather
from vpp.store import Store

MODEL = str(said("typical year (DWD test reference year 2010, region 5)"))
DAYS = 3
"""That are issued at once, beginning with today."""
EVERY = timedelta(hours=1)
"""Of the platform's clock, between two looks at what is missing."""
STEP = timedelta(minutes=15)


def pv_series(tilt: float, azimuth: float) -> str:
    return f"{EXPECTED}pv-{tilt:.0f}-{azimuth:.0f}"


def cop_series(source: str) -> str:
    return f"{EXPECTED}cop-{source}"


def heat_series(kwh_per_year: float, asset_id: str) -> str:
    return f"{EXPECTED}heat-{kwh_per_year:.0f}-{asset_id}"


def issue(store: Store, names: list[str], now: datetime) -> list[str]:
    """Issue those that are not known until the end of tomorrow; returns which."""
    today = now.astimezone(MARKET_ZONE).date()
    end = market_day(today + timedelta(days=1)).end
    known = store.forecasts_as_of(names, now) if names else {}
    missing = [n for n in names if n not in known or known[n].start + known[n].step * len(known[n].values) < end]
    for name in missing:
        days = [market_day(today + timedelta(days=n)) for n in range(DAYS)]
        values = np.concatenate([_values(name, day) for day in days])
        reaches = known[name].start + known[name].step * len(known[name].values) if name in known else days[0].start
        first = max(0, (reaches - days[0].start) // STEP)
        start = days[0].start + first * STEP
        store.save_forecast(name, now, start, STEP, np.round(values[first:], 6), model=MODEL)
    return missing


def _values(name: str, day: Horizon) -> Array:
    """On a local day."""
    what, *rest = plain(name).split("-")
    if what == "pv":
        plane = Plane(float(rest[0]), float(rest[1]))
        return pv_profiles(weather.weather(day), [plane], weather.LATITUDE, weather.LONGITUDE)[plane]
    if what == "cop":
        air = weather.weather(day)["temp_air"].to_numpy()
        return cop_ground(air, Emitter.FLOOR) if rest[0] == "ground" else cop_air(air)
    year = weather.temperature_of_year(day.start.astimezone(MARKET_ZONE).year)
    return float(rest[0]) * heat_profile(day, year, Building.SINGLE_FAMILY)


@dataclass(slots=True)
class Expectations:
    """Call `tick` often; it looks rarely."""

    store: Store
    _due: datetime | None = None

    def tick(self, now: datetime) -> list[str]:
        if self._due is not None and now < self._due:
            return []
        self._due = now + EVERY
        return issue(self.store, named_series(self.store), now)


def named_series(store: Store) -> list[str]:
    """Of ours that a registered asset speaks of."""
    cells = (v for a in store.assets() for v in (*a.nameplate.values(), *a.outlook.values()))
    return sorted({v for v in cells if isinstance(v, str) and v.startswith((EXPECTED, EXPECTED_BEFORE))})
