"""Random cases as folders of text, by seed: every column, every kind of limit, ordinary and odd numbers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np


class Draw:
    def __init__(self, seed: int, folder: Path, kinds: tuple[str, ...], steps: int | None = None) -> None:
        self.rng, self.folder, self.kinds = np.random.default_rng(seed), folder, kinds
        self.minutes = int(self.rng.choice([5, 15, 30, 60]))
        self.steps = steps or int(self.rng.integers(1, 13))
        self.start = datetime(2025, 3, 29, 20, tzinfo=UTC)
        self.series: dict[str, np.ndarray] = {}
        self.tables: dict[str, list[dict[str, object]]] = {}

    def maybe(self, chance: float = 0.5) -> bool:
        return bool(self.rng.random() < chance)

    def number(self, low: float, high: float) -> float:
        return round(float(self.rng.uniform(low, high)), 3)

    def over_time(self, low: float, high: float) -> object:
        """A number, or the name of a series."""
        if self.maybe(0.3):
            return self.number(low, high)
        name = f"s{len(self.series)}"
        self.series[name] = self.rng.uniform(low, high, self.steps).round(3)
        return name

    def some(self, **cells: object) -> dict[str, object]:
        """Optional cells, each there or not."""
        return {k: v for k, v in cells.items() if self.maybe()}

    def add(self, file: str, **cells: object) -> None:
        self.tables.setdefault(file, []).append({k: v for k, v in cells.items() if v is not None})

    def write(self) -> Path:
        self._nodes()
        for kind in self.kinds:
            for k in range(int(self.rng.integers(0, 3))):
                getattr(self, kind)(
                    f"{kind}-{k}", str(self.rng.choice(["root", "a", "b"])), str(self.rng.choice(["h1", "h2"]))
                )
        self._limits()
        market = {"buy_eur_per_mwh": self._prices("buy"), "sell_eur_per_mwh": self._prices("sell")}
        market |= self.some(grid_fee_eur_per_mwh=self.over_time(0, 90), co2_eur_per_t=self.over_time(0, 90),
                            co2_t_per_mwh_import=self.over_time(0, 0.6))  # fmt: skip
        if self.maybe(0.5):
            market |= self._position()
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [
            "[horizon]",
            f'start = "{self.start.isoformat()}"',
            f"steps = {self.steps}",
            f"step_minutes = {self.minutes}",
        ]
        lines += ["[market]", *(f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in market.items())]
        if self.maybe(0.2):
            lines += ["[penalties]", f"node_limit = {self.number(1000, 90000)}", f"heat = {self.number(1000, 90000)}"]
        (self.folder / "case.toml").write_text("\n".join(lines) + "\n")
        for file, rows in self.tables.items():
            names = list(dict.fromkeys(k for row in rows for k in row))
            body = [",".join(self._cell(row.get(n)) for n in names) for row in rows]
            (self.folder / f"{file}.csv").write_text("\n".join([",".join(names), *body]) + "\n")
        times = [self.start + k * timedelta(minutes=self.minutes) for k in range(self.steps)]
        body = [",".join([t.isoformat(), *("" if np.isnan(v[k]) else f"{v[k]}" for v in self.series.values())])
                for k, t in enumerate(times)]  # fmt: skip
        (self.folder / "series.csv").write_text("\n".join([",".join(["start_utc", *self.series]), *body]) + "\n")
        return self.folder

    def _cell(self, value: object) -> str:
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _prices(self, name: str) -> str:
        if name == "buy":
            self._spot = self.rng.uniform(-150, 300, self.steps).round(2)
            self.series["buy"] = (self._spot + self.number(0, 20)).round(2)
        else:
            self.series["sell"] = self._spot
        return name

    def _position(self) -> dict[str, object]:
        """Sold or bought in some of the steps; with prices of its own, or the default ones."""
        held = self.rng.random(self.steps) < self.number(0.3, 1.2)
        self.series["position"] = np.where(held, self.rng.uniform(-25, 25, self.steps), np.nan).round(3)
        out: dict[str, object] = {"position_kw": "position"}
        if self.maybe():
            self.series["short"] = (self._spot + self.rng.uniform(0, 60, self.steps)).round(2)
            self.series["long"] = (self.series["short"] - self.rng.uniform(0, 90, self.steps)).round(2)
            out |= {"imbalance_short_eur_per_mwh": "short", "imbalance_long_eur_per_mwh": "long"}
        return out

    def _nodes(self) -> None:
        def limits():
            return self.some(import_limit_kw=self.over_time(2, 60), export_limit_kw=self.over_time(0, 60),
                             peak_eur_per_kw=self.number(0, 0.1))  # fmt: skip

        self.add("nodes", id="root", carrier="electricity", **(limits() if self.maybe() else {}))
        for id, parent in (("a", "root"), ("b", "a" if self.maybe() else "root")):
            self.add("nodes", id=id, carrier="electricity", parent=parent, **(limits() if self.maybe() else {}))
        for id in ("h1", "h2"):
            self.add("nodes", id=id, carrier="heat", dump=self.maybe())

    def _limits(self) -> None:
        electric = [r["id"] for f, rows in self.tables.items() if f != "nodes" for r in rows if "node" in r]
        if electric and self.maybe():
            for id in electric[:2]:
                self.add("groups", group="g", asset=id)
            self.add("caps", id="c1", target="g", start=(self.start + timedelta(minutes=self.minutes)).isoformat(),
                     max_import_kw=self.over_time(0, 9), reason="grid")  # fmt: skip
        if self.maybe(0.4):
            self.add("caps", id="c2", target="a", end=(self.start + timedelta(minutes=1.5 * self.minutes)).isoformat(),
                     max_export_kw=self.over_time(0, 9), max_import_kw=self.over_time(0, 30))  # fmt: skip
        if self.maybe(0.4):
            self.add("headroom", up_kw=self.over_time(0, 8), **self.some(down_kw=self.over_time(0, 8)))

    def pv(self, id: str, node: str, heat: str, file: str = "pv") -> None:
        self.add(file, id=id, node=node, peak_kw=self.number(0, 20), profile=self.over_time(0, 1.1),
                 **self.some(curtailable=self.maybe(), feed_in_eur_per_mwh=self.over_time(-10, 120),
                             zero_if_negative=self.maybe(), cap_fraction=self.number(0.3, 1)))  # fmt: skip

    def wind(self, id: str, node: str, heat: str) -> None:
        self.pv(id, node, heat, "wind")

    def battery(self, id: str, node: str, heat: str) -> None:
        low, high = sorted((self.number(0, 1), self.number(0, 1)))
        band = {"min_soc": low, "max_soc": high} if self.maybe(0.4) else {}
        self.add("battery", id=id, node=node, capacity_kwh=self.number(0, 20), max_charge_kw=self.number(0, 10),
                 max_discharge_kw=self.number(0, 10), charge_efficiency=self.number(0.7, 1),
                 discharge_efficiency=self.number(0.7, 1), initial_soc=self.number(0, 1), **band,
                 **self.some(self_discharge_per_h=self.number(0, 0.1), final_soc_min=self.number(0, 0.6),
                             final_value_eur_per_mwh=self.number(-50, 200), wear_eur_per_kwh=self.number(0, 0.05),
                             grid_charging=self.maybe()))  # fmt: skip

    def _commitment(self) -> dict[str, object]:
        return self.some(min_up_h=self.number(0, 2), min_down_h=self.number(0, 2), start_cost_eur=self.number(0, 2),
                         initial_on_h=self.number(0.1, 3) * (1 if self.maybe() else -1))  # fmt: skip

    def heat_pump(self, id: str, node: str, heat: str) -> None:
        self.add("heat_pump", id=id, node=node, heat_node=heat, max_power_kw=self.number(0, 6),
                 cop=self.over_time(1.5, 5), **self.some(min_power_fraction=self.number(0, 0.7)),
                 **self._commitment())  # fmt: skip

    def chp(self, id: str, node: str, heat: str) -> None:
        least = self.number(0.2, 0.7)
        part = {"part_load_electrical_efficiency": self.number(0.15, 0.3)} if self.maybe(0.4) else {}
        self.add("chp", id=id, node=node, heat_node=heat, max_power_kw=self.number(1, 20),
                 electrical_efficiency=self.number(0.3, 0.4), thermal_efficiency=self.number(0.3, 0.6),
                 fuel_eur_per_mwh=self.over_time(10, 60), min_power_fraction=least, **part,
                 **self.some(ramp_kw_per_h=self.number(1, 40), fuel_t_co2_per_mwh=self.number(0, 0.3)),
                 **self._commitment())  # fmt: skip

    def gas_boiler(self, id: str, node: str, heat: str) -> None:
        self.add("gas_boiler", id=id, heat_node=heat, max_heat_kw=self.number(0, 30), efficiency=self.number(0.7, 1.1),
                 fuel_eur_per_mwh=self.over_time(10, 90),
                 **self.some(min_heat_fraction=self.number(0, 0.6)))  # fmt: skip

    def electric_boiler(self, id: str, node: str, heat: str) -> None:
        self.add("electric_boiler", id=id, node=node, heat_node=heat, max_heat_kw=self.number(0, 30),
                 efficiency=self.number(0.7, 1), **self.some(min_heat_fraction=self.number(0, 0.6)))  # fmt: skip

    def heat_store(self, id: str, node: str, heat: str) -> None:
        self.add("heat_store", id=id, heat_node=heat, capacity_kwh=self.number(0, 30), initial_soc=self.number(0, 1),
                 **self.some(max_charge_kw=self.number(0, 20), max_discharge_kw=self.number(0, 20),
                             loss_per_h=self.number(0, 0.1), min_soc=self.number(0, 0.4),
                             final_soc_min=self.number(0, 1), final_value_eur_per_mwh=self.number(0, 90)))  # fmt: skip

    def heat_demand(self, id: str, node: str, heat: str) -> None:
        self.add("heat_demand", id=id, heat_node=heat, demand_kw=self.over_time(0, 15))

    def load(self, id: str, node: str, heat: str) -> None:
        self.add("load", id=id, node=node, demand_kw=self.over_time(0, 12),
                 **self.some(sheddable_fraction=self.number(0, 1), shed_eur_per_mwh=self.number(0, 500)))  # fmt: skip

    def shiftable_load(self, id: str, node: str, heat: str) -> None:
        run = int(self.rng.integers(1, self.steps + 1))
        first = int(self.rng.integers(0, self.steps - run + 1))
        end = int(self.rng.integers(first + run, self.steps + 1))
        step = timedelta(minutes=self.minutes)
        self.add("shiftable_load", id=id, node=node, power_kw=self.number(0.5, 6), run_h=run * self.minutes / 60,
                 earliest=(self.start + first * step).isoformat(), latest=(self.start + end * step).isoformat(),
                 **self.some(interruptible=self.maybe()))  # fmt: skip

    def ev_charger(self, id: str, node: str, heat: str) -> None:
        self.add("ev_charger", id=id, node=node, max_charge_kw=(most := self.number(2, 12)),
                 **self.some(min_charge_kw=round(most * self.number(0, 0.6), 3), max_discharge_kw=self.number(0, 9),
                             efficiency=self.number(0.8, 1)))  # fmt: skip
        step, at = timedelta(minutes=self.minutes), -2
        while at < self.steps and self.maybe(0.8):
            at += int(self.rng.integers(0, 4))
            until = at + int(self.rng.integers(1, 9))
            shift = timedelta(minutes=int(self.rng.integers(0, 4)))
            wanted = self.number(0, 12)
            known = {"battery_kwh": 40.0, "arrival_kwh": self.number(0, 25)} if self.maybe() else {}
            self.add("ev_session", charger=id, arrival=(self.start + at * step + shift).isoformat(),
                     departure=(self.start + until * step + shift).isoformat(), energy_kwh=wanted, **known)  # fmt: skip
            at = until + 1

    def street_lighting(self, id: str, node: str, heat: str) -> None:
        self.series[f"{id}-level"] = self.rng.uniform(0.3, 1, self.steps).round(3)
        least = {"min_level": f"{id}-min"} if self.maybe() else {}
        if least:
            self.series[f"{id}-min"] = (self.series[f"{id}-level"] * self.number(0, 1)).round(3)
        self.add("street_lighting", id=id, node=node, power_kw=self.number(0.5, 5), level=f"{id}-level", **least)
