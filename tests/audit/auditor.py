"""An independent auditor: reads a case folder and a plan folder as a stranger would, and finds what does not hold.

It shares nothing with the product: own reading of the files, own physics, own limits, own prices. So a mistake in a
formulation cannot hide behind itself. What is allowed is docs/reference/case-format.md.
"""

import csv
import json
import math
import tomllib
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

TINY = 1e-4
FACTORS = {"heat": 16, "load": 16, "node_limit": 8, "cap": 4, "headroom": 4, "level": 2, "final_soc": 2, "session": 1}
PENALTY_OF = {"heat_not_served": "heat", "heat_surplus": "heat", "load_shed": "load", "final_soc_min": "final_soc",
              "session_energy": "session"}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{k: (v or "").strip() for k, v in row.items()} for row in csv.DictReader(file)]


class Auditor:
    def __init__(self, case: Path, plan: Path) -> None:
        self.case, self.found = case, []
        settings = tomllib.loads((case / "case.toml").read_text())
        h = settings["horizon"]
        start = h["start"] if isinstance(h["start"], datetime) else datetime.fromisoformat(h["start"])
        self.n, self.h = h["steps"], h["step_minutes"] / 60
        self.times = [start + k * timedelta(minutes=h["step_minutes"]) for k in range(self.n + 1)]
        self.series = self._series(start, h["step_minutes"])
        market = settings["market"]
        self.buy, self.sell, self.fee, self.co2_price, self.co2_import = (
            self.values(str(market.get(k, 0)))
            for k in (
                "buy_eur_per_mwh",
                "sell_eur_per_mwh",
                "grid_fee_eur_per_mwh",
                "co2_eur_per_t",
                "co2_t_per_mwh_import",
            )
        )
        self.position = self.values(str(market.get("position_kw", "nan")))
        self.short, self.long = self._imbalance(market)
        self.nodes = rows_of(case / "nodes.csv")
        self.penalties = self._penalties(settings.get("penalties", {}))
        self.summary = json.loads((plan / "summary.json").read_text())
        self.power, self.heat, self.level, self.on, self.prices, self.market = (
            self._table(plan / f"{name}.csv")
            for name in ("power_kw", "heat_kw", "state_energy_kwh", "state_on", "prices", "market_kw")
        )
        self.cost = defaultdict(float)
        self.broken = defaultdict(float)  # (kind, where) → kWh
        self.co2 = np.zeros(self.n)
        self.up, self.down = np.zeros(self.n), np.zeros(self.n)
        self.green, self.green_load = defaultdict(lambda: np.zeros(self.n)), defaultdict(lambda: np.zeros(self.n))
        self.exempt = np.zeros(self.n)
        self.fuel_cost = 0.0

    # Reading

    def _imbalance(self, market):
        """A quarter of the day-ahead price and no less than 10 EUR/MWh off, unless the case says otherwise."""
        high, low = np.maximum(self.buy, self.sell), np.minimum(self.buy, self.sell)
        short = high + np.maximum(10, np.abs(high) / 4)
        long = low - np.maximum(10, np.abs(low) / 4)
        if "imbalance_short_eur_per_mwh" in market:
            short = self.values(str(market["imbalance_short_eur_per_mwh"]))
        if "imbalance_long_eur_per_mwh" in market:
            long = self.values(str(market["imbalance_long_eur_per_mwh"]))
        return short, long

    def _series(self, start, minutes):
        found = {}
        rows = rows_of(self.case / "series.csv")
        if not rows:
            return found
        at = [datetime.fromisoformat(r["start_utc"].replace("Z", "+00:00")) for r in rows]
        width = (at[1] - at[0]) / timedelta(minutes=1) if len(at) > 1 else minutes
        for name in rows[0]:
            if name == "start_utc":
                continue
            numbers = np.array([float(r[name]) if r[name] else math.nan for r in rows])
            if width >= minutes:
                index = [int((self.times[k] - at[0]) / timedelta(minutes=width)) for k in range(self.n)]
                found[name] = numbers[index]
            else:
                per = round(minutes / width)
                first = int((self.times[0] - at[0]) / timedelta(minutes=width))
                found[name] = numbers[first : first + per * self.n].reshape(self.n, per).mean(axis=1)
        return found

    def values(self, cell: str, default: float = 0.0) -> np.ndarray:
        if cell == "":
            return np.full(self.n, default)
        return self.series[cell].copy() if cell in self.series else np.full(self.n, float(cell))

    def _table(self, path):
        rows = rows_of(path)
        if not rows:
            return {}
        if [datetime.fromisoformat(r["start_utc"]) for r in rows] != self.times[:-1]:
            self.found.append(f"{path.name}: its times are not the horizon's")
        return {k: np.array([float(r[k] or "nan") for r in rows]) for k in rows[0] if k != "start_utc"}

    def _penalties(self, given):
        money = [self.buy, self.sell, self.fee, self.buy + self.fee]
        if (held := ~np.isnan(self.position)).any():
            money += [self.short[held], self.long[held]]
        for name in ASSET_FILES:
            for row in rows_of(self.case / f"{name}.csv"):
                money += [self.values(v) for k, v in row.items() if k.endswith("_eur_per_mwh") and v]
        base = max(10_000, 10 * max(np.abs(m).max() for m in money),
                   10_000 * max(float(n.get("peak_eur_per_kw") or 0) for n in self.nodes) / self.h)  # fmt: skip
        return {k: given.get(k, f * base) for k, f in FACTORS.items()}

    # Judging

    def expect(self, fine, sentence):
        if not np.all(fine):
            self.found.append(sentence)

    def close(self, a, b, sentence, tolerance=TINY):
        self.expect(np.abs(np.asarray(a) - b) <= tolerance * np.maximum(1, np.abs(b)), sentence)

    def audit(self) -> list[str]:
        for name in ASSET_FILES:
            for row in rows_of(self.case / f"{name}.csv"):
                getattr(self, name)(row)
        for node, charge in self.green_load.items():
            self.expect(charge <= self.green[node] + TINY, f"green batteries at {node} charge from the grid")
        flows = self._network()
        self._caps(flows)
        self._heat()
        self._headroom()
        self._money(flows)
        self._summary()
        return self.found

    def number(self, row, column, default=0.0):
        cell = row.get(column, "")
        return default if cell == "" else float(cell)

    def truth(self, row, column, default):
        cell = row.get(column, "")
        return default if cell == "" else cell.lower() == "true"

    def pv(self, row):
        id, p, peak = row["id"], self.power[row["id"]], self.number(row, "peak_kw")
        available = np.minimum(peak * self.values(row["profile"]), self.number(row, "cap_fraction", 1) * peak)
        curtailable = self.truth(row, "curtailable", True)
        self.expect(p <= available + TINY, f"{id}: injects more than there is")
        self.expect(p >= (0 if curtailable else available) - TINY, f"{id}: injects too little")
        self.green[row["node"]] += p
        if curtailable:
            self.up, self.down = self.up + available - p, self.down + p
        if row.get("feed_in_eur_per_mwh", "") != "":
            paid = self.values(row["feed_in_eur_per_mwh"])
            if self.truth(row, "zero_if_negative", False):
                paid = np.where(self.sell < 0, 0, paid)
            self.cost["feed_in"] -= (paid * p).sum() * self.h / 1000
            self.exempt = self.exempt + p

    wind = pv

    def battery(self, row):
        id, p, e = row["id"], self.power[row["id"]], self.level[row["id"]]
        capacity, into, out = (
            self.number(row, c) for c in ("capacity_kwh", "charge_efficiency", "discharge_efficiency")
        )
        charge, discharge = self.number(row, "max_charge_kw"), self.number(row, "max_discharge_kw")
        self.expect((p <= discharge + TINY) & (p >= -charge - TINY), f"{id}: beyond its power")
        before = np.concatenate([[self.number(row, "initial_soc") * capacity], e[:-1]])
        kept = before * (1 - self.number(row, "self_discharge_per_h")) ** self.h
        self.close(
            e, kept + self.h * (into * np.maximum(-p, 0) - np.maximum(p, 0) / out), f"{id}: its level does not add up"
        )
        self._levels(row, e, capacity)
        self.cost["wear"] += self.number(row, "wear_eur_per_kwh") * np.maximum(p, 0).sum() * self.h
        low, high = self.number(row, "min_soc") * capacity, self.number(row, "max_soc", 1) * capacity
        self.up = self.up + np.maximum(0, np.minimum(discharge - p, (e - low) * out))
        if self.truth(row, "grid_charging", True):
            self.down = self.down + np.maximum(0, np.minimum(p + charge, (high - e) / into))
        else:
            self.green_load[row["node"]] += np.maximum(-p, 0)

    def _levels(self, row, e, capacity):
        id = row["id"]
        self.expect((e >= -TINY) & (e <= capacity + TINY), f"{id}: its level is outside the device")
        low, high = self.number(row, "min_soc") * capacity, self.number(row, "max_soc", 1) * capacity
        self.broken["level", id] += np.maximum(0, np.maximum(low - e, e - high)).sum()
        if row.get("final_soc_min", "") != "":
            self.broken["final_soc_min", id] += max(0.0, self.number(row, "final_soc_min") * capacity - e[-1])
        self.cost["end_value"] += self.number(row, "final_value_eur_per_mwh") * e[-1] / 1000

    def heat_store(self, row):
        id, q, e, capacity = row["id"], self.heat[row["id"]], self.level[row["id"]], self.number(row, "capacity_kwh")
        before = np.concatenate([[self.number(row, "initial_soc") * capacity], e[:-1]])
        self.close(
            e, before * (1 - self.number(row, "loss_per_h")) ** self.h - self.h * q, f"{id}: its level does not add up"
        )
        self.expect(q <= self.number(row, "max_discharge_kw", math.inf) + TINY, f"{id}: gives too fast")
        self.expect(-q <= self.number(row, "max_charge_kw", math.inf) + TINY, f"{id}: takes too fast")
        self._levels(row, e, capacity)

    def _runs(self, row, on):
        """Minimum times with the state before the horizon, and starts."""
        id, since = row["id"], self.number(row, "initial_on_h", -1e6)
        up, down = (math.ceil(self.number(row, c) / self.h - 1e-9) for c in ("min_up_h", "min_down_h"))
        before = since > 0
        bound = math.ceil((self.number(row, "min_up_h" if before else "min_down_h") - abs(since)) / self.h - 1e-9)
        self.expect(on[: max(0, bound)] == before, f"{id}: does not finish what it began before the horizon")
        starts, last, begun = 0, before, None
        for t in range(self.n):
            if bool(on[t]) != last:
                if begun is not None:
                    least = up if last else down
                    self.expect(t - begun >= least, f"{id}: changes at step {t} after {t - begun} steps, least {least}")
                begun, last = t, bool(on[t])
                starts += last
        self.cost["start"] += starts * self.number(row, "start_cost_eur")

    def heat_pump(self, row):
        id, p, on = row["id"], self.power[row["id"]], self.on[row["id"]]
        most = self.number(row, "max_power_kw")
        least = most * self.number(row, "min_power_fraction")
        self.expect((-p <= most * on + TINY) & (-p >= least * on - TINY), f"{id}: outside its power")
        self.close(self.heat[id], -p * self.values(row["cop"]), f"{id}: heat is not COP times power")
        self._runs(row, on)

    def chp(self, row):
        id, p, on = row["id"], self.power[row["id"]], self.on[row["id"]]
        most, full = self.number(row, "max_power_kw"), self.number(row, "electrical_efficiency")
        least = most * self.number(row, "min_power_fraction")
        self.expect((p <= most * on + TINY) & (p >= least * on - TINY), f"{id}: outside its power")
        part = self.number(row, "part_load_electrical_efficiency", full)
        if part == full:
            fuel = p / full
        else:
            slope = (most / full - least / part) / (most - least)
            fuel = np.where(on > 0, least / part + slope * (p - least), 0)
        self.close(self.heat[id], self.number(row, "thermal_efficiency") * fuel, f"{id}: heat is not its share of fuel")
        self._fuel(row, fuel)
        self._runs(row, on)
        self.up = self.up + np.where(on > 0, most - p, 0)
        self.down = self.down + np.where(on > 0, p - least, 0)
        if row.get("ramp_kw_per_h", "") != "":
            self._ramps(row, p, on, least, self.number(row, "ramp_kw_per_h") * self.h)

    def _ramps(self, row, p, on, least, step):
        end = max(least, step)
        for t in range(1, self.n):
            if on[t] and on[t - 1]:
                self.expect(abs(p[t] - p[t - 1]) <= step + TINY, f"{row['id']}: changes too fast at step {t}")
            elif on[t]:
                self.expect(p[t] <= end + TINY, f"{row['id']}: starts too high at step {t}")
            elif on[t - 1]:
                self.expect(p[t - 1] <= end + TINY, f"{row['id']}: stops from too high at step {t}")
        if on[0] and self.number(row, "initial_on_h", -1) < 0:
            self.expect(p[0] <= end + TINY, f"{row['id']}: starts too high at step 0")

    def _fuel(self, row, fuel):
        self.cost["fuel"] += (fuel * self.values(row["fuel_eur_per_mwh"])).sum() * self.h / 1000
        self.co2 = self.co2 + fuel * self.number(row, "fuel_t_co2_per_mwh", 0.201) * self.h / 1000

    def gas_boiler(self, row):
        q = self._boiler(row)
        self._fuel(row, q / self.number(row, "efficiency"))

    def electric_boiler(self, row):
        q = self._boiler(row)
        self.close(
            self.power[row["id"]], -q / self.number(row, "efficiency"), f"{row['id']}: power is not heat by efficiency"
        )

    def _boiler(self, row):
        id, q, most = row["id"], self.heat[row["id"]], self.number(row, "max_heat_kw")
        on, least = self.on[id], most * self.number(row, "min_heat_fraction")
        self.expect((q <= most * on + TINY) & (q >= least * on - TINY), f"{id}: outside its heat")
        return q

    def heat_demand(self, row):
        id, wanted = row["id"], self.values(row["demand_kw"])
        self.expect((-self.heat[id] <= wanted + TINY) & (self.heat[id] <= TINY), f"{id}: takes what it did not ask for")
        self.broken["heat_not_served", row["heat_node"]] += (wanted + self.heat[id]).sum() * self.h

    def load(self, row):
        id, wanted = row["id"], self.values(row["demand_kw"])
        shed = wanted + self.power[id]
        self.expect(
            (shed >= -TINY) & (shed <= wanted * self.number(row, "sheddable_fraction") + TINY), f"{id}: sheds too much"
        )
        if row.get("shed_eur_per_mwh", "") != "":
            self.cost["shed"] += shed.sum() * self.h * self.number(row, "shed_eur_per_mwh") / 1000
        else:
            self.broken["load_shed", id] += shed.sum() * self.h

    def shiftable_load(self, row):
        id, draw, power = row["id"], -self.power[row["id"]], self.number(row, "power_kw")
        on = draw > power / 2
        self.close(draw, on * power, f"{id}: neither on nor off")
        self.expect(on.sum() == math.ceil(self.number(row, "run_h") / self.h - 1e-9), f"{id}: runs {on.sum()} steps")
        early, late = (datetime.fromisoformat(row[c].replace("Z", "+00:00")) for c in ("earliest", "latest"))
        for t in np.flatnonzero(on):
            self.expect(self.times[t] >= early and self.times[t + 1] <= late, f"{id}: runs outside its window at {t}")
        if not self.truth(row, "interruptible", False):
            self.expect(len(np.flatnonzero(np.diff(on.astype(int)) == 1)) + on[0] == 1, f"{id}: is interrupted")

    def street_lighting(self, row):
        id, power = row["id"], self.number(row, "power_kw")
        level = self.values(row["level"])
        least = self.values(row["min_level"]) if row.get("min_level", "") else level
        draw = -self.power[id]
        self.expect((draw <= power * level + TINY) & (draw >= power * least - TINY), f"{id}: outside its levels")

    def ev_charger(self, row):
        id, p = row["id"], self.power[row["id"]]
        charge, least, out = (self.number(row, c) for c in ("max_charge_kw", "min_charge_kw", "max_discharge_kw"))
        efficiency, free = self.number(row, "efficiency", 0.9), np.ones(self.n, dtype=bool)
        self.expect((p >= -charge - TINY) & (p <= out + TINY), f"{id}: beyond its power")
        self.expect((-p <= TINY) | (-p >= least - TINY), f"{id}: charges below its minimum")
        for s in rows_of(self.case / "ev_session.csv"):
            if s["charger"] != id:
                continue
            a, d = (datetime.fromisoformat(s[c].replace("Z", "+00:00")) for c in ("arrival", "departure"))
            inside = [t for t in range(self.n) if self.times[t] >= a and self.times[t + 1] <= d]
            if d <= self.times[0] or a >= self.times[-1]:
                continue
            free[inside] = False
            self._session(row, s, inside, d, p[inside], efficiency, charge, least)
        self.close(p[free], 0, f"{id}: moves power without a vehicle")

    def _session(self, row, s, inside, departure, p, efficiency, charge, least):
        id, wanted, arrived = row["id"], self.number(s, "energy_kwh"), self.number(s, "arrival_kwh")
        gain = np.cumsum(self.h * (efficiency * np.maximum(-p, 0) - np.maximum(p, 0) / efficiency))
        known = s.get("battery_kwh", "") != "" and s.get("arrival_kwh", "") != ""
        most = self.number(s, "battery_kwh") if known else arrived + wanted + self.h * least * efficiency
        if len(gain):
            self.expect(
                (arrived + gain <= most + TINY) & (arrived + gain >= -TINY), f"{id}: the vehicle is over-full or empty"
            )
            self.close(self.level[id][inside], arrived + gain, f"{id}: the level does not add up")
        if not known:
            self.expect(p <= TINY, f"{id}: discharges a vehicle whose battery is not known")
        later = (
            max(0, (departure - self.times[-1]) // (self.times[1] - self.times[0])) * self.h
        )  # whole steps, as in it
        needed = wanted - later * charge * efficiency
        self.broken["session_energy", id] += max(0.0, needed - (gain[-1] if len(gain) else 0.0))

    # Where they meet

    def _network(self):
        tree = [n for n in self.nodes if n["carrier"] == "electricity"]
        flows = {n["id"]: np.zeros(self.n) for n in tree}
        at = {r["id"]: r["node"] for name in ASSET_FILES for r in rows_of(self.case / f"{name}.csv") if r.get("node")}
        self.expect(set(at) == set(self.power), f"power_kw holds {set(self.power) ^ set(at)}")
        for id, node in at.items():
            flows[node] += self.power[id]
        parent = {n["id"]: n.get("parent", "") for n in tree}

        def depth(id):
            return 0 if not parent[id] else 1 + depth(parent[id])

        for id in sorted(parent, key=depth, reverse=True):
            if parent[id]:
                flows[parent[id]] = flows[parent[id]] + flows[id]
        for n in tree:
            importing, exporting = np.maximum(0, -flows[n["id"]]), np.maximum(0, flows[n["id"]])
            over = np.maximum(0, importing - self.values(n.get("import_limit_kw", ""), math.inf))
            over += np.maximum(0, exporting - self.values(n.get("export_limit_kw", ""), math.inf))
            self.broken["node_limit", n["id"]] += over.sum() * self.h
            self.cost["peak"] += self.number(n, "peak_eur_per_kw") * importing.max()
        self.root = next(id for id, p in parent.items() if not p)
        self.expect(set(self.prices) in (set(), {n["id"] for n in self.nodes}), "prices do not hold every node")
        return flows

    def _caps(self, flows):
        groups = defaultdict(list)
        for r in rows_of(self.case / "groups.csv"):
            groups[r["group"]].append(r["asset"])
        for c in rows_of(self.case / "caps.csv"):
            target = c["target"]
            net = flows[target] if target in flows else sum(self.power[a] for a in groups.get(target, [target]))
            start, end = (
                datetime.fromisoformat(c[k].replace("Z", "+00:00")) if c.get(k) else None for k in ("start", "end")
            )
            active = np.array(
                [
                    (end is None or self.times[t] < end) and (start is None or self.times[t + 1] > start)
                    for t in range(self.n)
                ]
            )
            over = np.maximum(0, -net - self.values(c.get("max_import_kw", ""), math.inf))
            over = over + np.maximum(0, net - self.values(c.get("max_export_kw", ""), math.inf))
            self.broken["cap", c["id"]] += (over * active).sum() * self.h

    def _heat(self):
        at = {
            r["id"]: r["heat_node"]
            for name in ASSET_FILES
            for r in rows_of(self.case / f"{name}.csv")
            if r.get("heat_node")
        }
        self.expect(set(at) == set(self.heat), f"heat_kw holds {set(self.heat) ^ set(at)}")
        for n in self.nodes:
            if n["carrier"] != "heat":
                continue
            total = sum((self.heat[id] for id, node in at.items() if node == n["id"]), np.zeros(self.n))
            self.expect(total >= -TINY * 10, f"heat node {n['id']}: more is taken than there is")
            if not self.truth(n, "dump", False):
                self.broken["heat_surplus", n["id"]] += np.maximum(0, total).sum() * self.h

    def _headroom(self):
        for row in rows_of(self.case / "headroom.csv"):
            for side, offered in (("up", self.up), ("down", self.down)):
                short = np.maximum(0, self.values(row.get(f"{side}_kw", "")) - offered)
                self.broken["headroom", side] += short.sum() * self.h

    def _money(self, flows):
        net = flows[self.root]
        quantity, importing = net - self.exempt, np.maximum(0, -net)
        held = ~np.isnan(self.position)
        ahead = np.where(held, self.position, quantity)  # what is paid at day-ahead prices
        self.cost["market"] = (np.where(ahead < 0, self.buy, self.sell) * -ahead).sum() * self.h / 1000
        beyond = quantity - ahead
        self.cost["imbalance"] = (np.where(beyond < 0, self.short, self.long) * -beyond).sum() * self.h / 1000
        self._deviation(quantity, held, beyond)
        self.cost["grid_fee"] = (self.fee * importing).sum() * self.h / 1000
        self.co2 = self.co2 + importing * self.co2_import * self.h / 1000
        self.cost["co2"] = (self.co2 * self.co2_price).sum()

    def _deviation(self, quantity, held, beyond):
        """What the plan says of its position and where it leaves it."""
        self.close(self.market["quantity"], quantity, "market_kw: the quantity is not what meets the market")
        if not held.any():
            self.expect(set(self.market) == {"quantity"}, "market_kw: a position where there is none")
            return
        self.expect(np.isnan(self.market["position"]) == ~held, "market_kw: the position has other gaps")
        self.close(self.market["position"][held], self.position[held], "market_kw: another position")
        self.close(self.market["deviation"][held], beyond[held], "market_kw: another deviation")
        stated = {1: 0.0, -1: 0.0}
        for d in self.summary["deviations"]:
            stated[1 if d["kwh"] > 0 else -1] += d["kwh"]
            self.expect(bool(d["sentence"]), f"deviation {d} is not complete")
        for way in (1, -1):
            found = np.maximum(0, way * beyond).sum() * self.h
            self.close(way * stated[way], found, f"deviations: {stated[way]} kWh stated, {found} found", 2e-3)
        more = np.where(beyond < 0, (self.short - self.buy) * -beyond, (self.sell - self.long) * beyond)
        stated = sum(d["costs_eur"] for d in self.summary["deviations"])
        self.close(stated, more.sum() * self.h / 1000, "deviations: their cost is not that of the prices", 2e-3)

    def _summary(self):
        s, parts = (
            self.summary,
            ("market", "imbalance", "grid_fee", "fuel", "start", "wear", "co2", "feed_in", "peak", "shed"),
        )
        for part in (*parts, "end_value"):
            self.close(
                s["components"][part],
                self.cost[part],
                f"{part}: {s['components'][part]} stated, {self.cost[part]} found",
                1e-3,
            )
        self.close(
            s["objective_eur"], sum(self.cost[p] for p in parts), "objective_eur is not the sum of its parts", 1e-3
        )
        self.close(s["co2_t"], self.co2.sum(), f"co2_t: {s['co2_t']} stated, {self.co2.sum()} found", 1e-3)
        stated = defaultdict(float)
        for v in s["violations"]:
            stated[v["kind"], v["where"]] += v["amount"]
            self.expect(v["unit"] == "kWh" and v["sentence"], f"violation {v} is not complete")
        for key in stated.keys() | self.broken.keys():
            self.close(
                stated[key],
                self.broken[key],
                f"violation {key}: {stated[key]} kWh stated, {self.broken[key]} found",
                2e-3,
            )
        penalty = sum(a / 1000 * self.penalties[PENALTY_OF.get(kind, kind)] for (kind, _), a in stated.items())
        self.close(s["penalty_eur"], penalty, f"penalty_eur: {s['penalty_eur']} stated, {penalty} found", 1e-3)
        total = s["objective_eur"] + s["penalty_eur"] - s["components"]["end_value"]
        if s["bound_eur"] is not None:
            self.expect(s["bound_eur"] <= total + 1e-6 * max(1, abs(total)), "the bound is above the plan")
            self.close(s["gap"], (total - s["bound_eur"]) / max(abs(total), 1), "the gap is not as defined", 1e-6)
        if s["label"] in ("optimal", "feasible"):
            self.expect(not s["violations"], f"labelled {s['label']} with broken limits")
        if s["label"] == "relaxed":
            self.expect(bool(s["violations"]), "labelled relaxed with nothing broken")


ASSET_FILES = (
    "pv", "wind", "battery", "heat_pump", "chp", "gas_boiler", "electric_boiler", "heat_store", "heat_demand", "load",
    "shiftable_load", "ev_charger", "street_lighting",
)  # fmt: skip


def audit(case: Path, plan: Path) -> list[str]:
    """Every sentence that does not hold; empty: the plan is what it says."""
    return Auditor(case, plan).audit()
