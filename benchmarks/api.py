"""How long the API takes for a day of many assets, at the server; prints JSON with milliseconds.

.venv/bin/python benchmarks/api.py --assets 1000
"""

import argparse
import json
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

HOME = Path(tempfile.mkdtemp(prefix="vpp-api-", dir="/var/tmp"))
HOME.chmod(0o755)
os.environ["VPP_HOME"] = str(HOME)

import numpy as np  # noqa: E402

from tests.api.testclient import TestClient  # noqa: E402
from tests.dispatch.build import battery  # noqa: E402
from vpp.api import create_app  # noqa: E402
from vpp.domain import Horizon, Label, Plan, Quality, Reading  # noqa: E402
from vpp.operations.live.clock import SharedClock  # noqa: E402
from vpp.store import Store, embedded  # noqa: E402
from vpp.store.dispatching import Identity, push  # noqa: E402
from vpp.store.people import People, Role  # noqa: E402

START = datetime(2025, 4, 5, 22, tzinfo=UTC)
TIMES = 15


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--assets", type=int, default=1000)
    count = arguments.parse_args().assets
    with embedded(HOME, say=lambda _: None) as dsn, Store(dsn, connections=8) as store:
        store.migrate()
        run = fill(store, count)
        secret, _ = People(store).add_token("benchmark", Role.OPERATOR, None, ["read"], "benchmark", 1)
        clock = SharedClock(START + timedelta(hours=12), time.time(), 1.0)
        with TestClient(create_app(store, clock, per_minute=1e9)) as client:
            client.headers["Authorization"] = f"Bearer {secret}"
            day = f"start={START:%Y-%m-%dT%H:%M}Z&end={START + timedelta(days=1):%Y-%m-%dT%H:%M}Z"
            paths = {
                "schedule": f"/runs/{run}/schedule?quantity=power_kw",
                "latest": "/latest",
                "assets": "/assets?limit=1000",
                "plan": "/plan",
                "asset_day": f"/assets/b0/readings?point=power_kw&limit=10000&{day}",
            }
            found = {f"api.{name}_ms": median_ms(client, f"/api/v1{path}") for name, path in paths.items()}
    print(json.dumps({"assets": count, **found}, indent=1))


def median_ms(client: TestClient, path: str) -> float:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get(path)
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
    return round(1e3 * float(np.median(taken)), 1)


def fill(store: Store, count: int):
    """A plan of a day, the newest readings of every asset, and a day of one asset by the minute."""
    horizon, luck = Horizon(START, 96, 15), np.random.default_rng(1)
    ids = [f"b{n}" for n in range(count)]
    store.register([battery(id=id) for id in ids], {}, {}, START)
    readings = [Reading(asset_id=id, point=point, at=START + timedelta(hours=12), value=1.0, quality=Quality.GOOD)
                for id in ids for point in ("power_kw", "soc")]  # fmt: skip
    readings += [Reading(asset_id="b0", point="power_kw", at=START + timedelta(minutes=n), value=float(n),
                         quality=Quality.GOOD) for n in range(1440)]  # fmt: skip
    store.store_readings(list({(r.asset_id, r.point, r.at): r for r in readings}.values()))
    power = {id: luck.normal(size=96) for id in ids}
    plan = Plan(
        horizon=horizon, label=Label.OPTIMAL, status="Optimal", method="exact", why="", objective_eur=1.0,
        penalty_eur=0.0, bound_eur=1.0, gap=0.0, components={"market": 1.0}, co2_t=0.0, violations=(), assets=count,
        power_kw=power, heat_kw={}, state_energy_kwh=power, state_on={}, prices={},
    )  # fmt: skip
    run = uuid4()
    push(store, Identity("intraday", START), (run, plan, ""), [], label="optimal", why="", planned=START)
    return run


if __name__ == "__main__":
    main()
