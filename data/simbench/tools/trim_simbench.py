"""Trim SimBench grid `1-LV-urban6--2-sw` to what this project uses; run once, by hand.

    python -m venv trim && trim/bin/pip install simbench==1.6.3 pyarrow && trim/bin/python trim_simbench.py FOLDER

Writes elements as CSV and profiles as Parquet. Values are SimBench's own: columns are selected and renamed, MW become
kW, profiles become float32, and nothing is added. Rows of the profiles are quarter-hours on the UTC axis from
2015-12-31T23:00Z: SimBench's clock is the local one with a day of 92 and a day of 100 quarter-hours, checked below.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import simbench

GRID = "1-LV-urban6--2-sw"
HEAT_PUMP, CHARGE_POINT = ("Air", "Soil"), ("HLS", "APLS")


def check_clock(times: pd.Series) -> None:
    """The text times are Europe/Berlin wall time, in order, without gap."""
    axis = pd.date_range("2016-01-01", "2017-01-01", freq="15min", inclusive="left", tz="Europe/Berlin")
    assert list(times) == list(axis.strftime("%d.%m.%Y %H:%M")), "the profiles do not follow the local clock"


def kind_of(profile: str) -> str:
    if profile.startswith(HEAT_PUMP):
        return "heat_pump"
    if profile.startswith(CHARGE_POINT):
        return "charge_point"
    return "household" if profile.startswith("H0") else "business"


def elements(net) -> dict[str, pd.DataFrame]:
    """Names, nodes, sizes and profile names; kW and kWh."""
    bus = net.bus["name"]
    load, pv, store, trafo = net.load, net.sgen, net.storage, net.trafo
    return {
        "loads": pd.DataFrame(
            {
                "name": load["name"],
                "bus": load["bus"].map(bus),
                "kind": load["profile"].map(kind_of),
                "max_kw": (load["p_mw"] * 1000).round(4),
                "profile": load["profile"],
            }
        ),
        "pv": pd.DataFrame(
            {
                "name": pv["name"],
                "bus": pv["bus"].map(bus),
                "max_kw": (pv["p_mw"] * 1000).round(4),
                "profile": pv["profile"],
            }
        ),
        "storage": pd.DataFrame(
            {
                "name": store["name"],
                "bus": store["bus"].map(bus),
                "max_kw": (store["sn_mva"] * 1000).round(4),
                "capacity_kwh": (store["max_e_mwh"] * 1000).round(4),
                "one_way_efficiency": store["efficiency_percent"],
                "self_discharge_percent_per_day": store["self-discharge_percent_per_day"],
                "profile": store["profile"],
            }
        ),
        "transformer": pd.DataFrame(
            {
                "name": trafo["name"],
                "rated_kva": trafo["sn_mva"] * 1000,
                "type": trafo["std_type"],
                "high_kv": trafo["vn_hv_kv"],
                "low_kv": trafo["vn_lv_kv"],
            }
        ),
    }


def profiles(net) -> pa.Table:
    """Active power per unit of `max_kw`, one float32 column per profile."""
    load = net.profiles["load"].filter(regex="_pload$").rename(columns=lambda name: name.removesuffix("_pload"))
    others = [net.profiles[kind].drop(columns="time") for kind in ("renewables", "storage")]
    table = pd.concat([load, *others], axis=1).astype(np.float32)
    return pa.Table.from_pandas(table[sorted(table)], preserve_index=False).replace_schema_metadata(
        {"start_utc": "2015-12-31T23:00:00Z", "step_minutes": "15", "source": f"SimBench {GRID}", "licence": "ODbL-1.0"}
    )


def main(folder: Path) -> None:
    net = simbench.get_simbench_net(GRID)
    check_clock(net.profiles["load"]["time"])
    for name, table in elements(net).items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    pq.write_table(profiles(net), folder / "profiles_2016.parquet", compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
