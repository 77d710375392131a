"""Case folders from text: a sound one, and what is wrong with one that has been changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assets import ASSET_TYPES
from vpp.cases import load
from vpp.domain import Case, Mistakes

TOML = """\
[horizon]
start = "2025-03-01T00:00Z"
steps = 4
step_minutes = 60

[market]
buy_eur_per_mwh = "price"
sell_eur_per_mwh = 50
"""
NODES = """\
id,carrier,parent,import_limit_kw,dump
grid,electricity,,100,
house,electricity,grid,20,
warm,heat,,,true
"""
BATTERY = (
    "id,node,capacity_kwh,max_charge_kw,max_discharge_kw,charge_efficiency,discharge_efficiency,initial_soc,"
    "wear_eur_per_kwh\n"
)
SERIES = """\
start_utc,price,sun
2025-03-01T00:00Z,10,0
2025-03-01T01:00Z,20,0.25
2025-03-01T02:00Z,-30,0.5
2025-03-01T03:00Z,40,1
"""
SOUND: Mapping[str, str] = {
    "case.toml": TOML,
    "nodes.csv": NODES,
    "series.csv": SERIES,
    "battery.csv": BATTERY + "store,house,10,5,5,0.9,0.9,0.5,0.01\n",
    "pv.csv": "id,node,peak_kw,profile\nroof,house,8,sun\n",
    "heat_pump.csv": "id,node,heat_node,max_power_kw,cop\npump,house,warm,3,3.5\n",
    "heat_demand.csv": "id,heat_node,demand_kw\nflat,warm,4\n",
    "load.csv": "id,node,demand_kw\nlight,house,1.5\n",
}

Files = Mapping[str, str | bytes | None]


def written(folder: Path, files: Files | None = None, **changes: str | bytes | None) -> Path:
    """The sound case with some files changed (`battery` → battery.csv), added, or left out (None)."""
    stems = {f"{stem}.csv": content for stem, content in changes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**SOUND, **stems, **(files or {})}.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def loaded(folder: Path, files: Files | None = None, **changes: str | bytes | None) -> Case:
    return load(written(folder, files, **changes), ASSET_TYPES)


def mistakes(folder: Path, files: Files | None = None, **changes: str | bytes | None) -> list[str]:
    """The lines that `vpp check` prints."""
    with pytest.raises(Mistakes) as caught:
        loaded(folder, files, **changes)
    return [str(m) for m in caught.value.mistakes]


def battery(**cells: Any) -> str:
    """battery.csv with one row, some of its cells changed."""
    sound = dict(
        zip(BATTERY.strip().split(","), ["store", "house", "10", "5", "5", "0.9", "0.9", "0.5", "0.01"], strict=True)
    )
    sound.update({name: str(value) for name, value in cells.items()})
    return ",".join(sound) + "\n" + ",".join(f'"{cell}"' for cell in sound.values()) + "\n"
