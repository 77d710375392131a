"""A case of a few hourly days that a reader can check by hand, and studies of it."""

from pathlib import Path

import numpy as np

from assets import ASSET_TYPES
from vpp.operations.study import read_study, run_study, workers

HOURS = 24
PRICES = (30.0, 20.0, 10.0, 10.0, 20.0, 40.0, 60.0, 80.0, 60.0, 40.0, 30.0, 20.0,
          10.0, 10.0, 20.0, 40.0, 60.0, 90.0, 100.0, 90.0, 70.0, 50.0, 40.0, 30.0)  # fmt: skip


def write_case(folder: Path, days: int, *, limit: str = "", final: str = "", pv_kw: float = 0.0) -> Path:
    """A battery of 10 kWh, a load of 2 kW and, if asked for, PV behind one node; empty at the first midnight."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.toml").write_text(
        '[horizon]\nstart = "2025-02-02T00:00:00+01:00"\n'
        f"steps = {days * HOURS}\nstep_minutes = 60\n\n"
        '[market]\nbuy_eur_per_mwh = "price"\nsell_eur_per_mwh = "price"\nco2_t_per_mwh_import = 0.4\n'
    )
    (folder / "nodes.csv").write_text(
        "id,carrier,parent,import_limit_kw,export_limit_kw\nbus,electricity,,,\n"
        f"house,electricity,bus,{limit},{limit}\n"
    )
    (folder / "battery.csv").write_text(
        "id,node,capacity_kwh,max_charge_kw,max_discharge_kw,charge_efficiency,discharge_efficiency,initial_soc,"
        f"final_soc_min,wear_eur_per_kwh\nb,house,10,5,5,0.9,0.9,0,{final},0.001\n"
    )
    (folder / "load.csv").write_text("id,node,demand_kw\nl,house,2\n")
    if pv_kw:
        (folder / "pv.csv").write_text(f"id,node,peak_kw,profile\np,house,{pv_kw},1\n")
    prices = np.concatenate([np.array(PRICES) * (1 + 0.1 * d) for d in range(days)])
    times = [f"2025-02-{2 + d - (h == 0):02}T{(h - 1) % 24:02}:00:00Z" for d in range(days) for h in range(HOURS)]
    rows = "\n".join(f"{t},{p}" for t, p in zip(times, prices, strict=True))
    (folder / "series.csv").write_text(f"start_utc,price\n{rows}\n")
    return folder


def write_study(path: Path, more: str = "", study: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[study]\nname = "By hand"\nbase = "case"\ngap = 0.0\n{study}\n{more}')
    return path


def done(path: Path, out: Path) -> Path:
    """The study run in this process."""
    with workers(1) as pool:
        run_study(read_study(path), out, pool, ASSET_TYPES)
    return out
