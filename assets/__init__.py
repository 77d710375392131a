"""One file per asset type; one line here registers it. Order: generation, storage, heat, loads (plots stack so)."""

from pathlib import Path

from assets.battery import BATTERY
from assets.chp import CHP
from assets.electric_boiler import ELECTRIC_BOILER
from assets.ev_charger import EV_CHARGER
from assets.gas_boiler import GAS_BOILER
from assets.heat_demand import HEAT_DEMAND
from assets.heat_pump import HEAT_PUMP
from assets.heat_store import HEAT_STORE
from assets.load import LOAD
from assets.pv import PV
from assets.shiftable_load import SHIFTABLE_LOAD
from assets.street_lighting import STREET_LIGHTING
from assets.wind import WIND
from vpp.domain import AssetType

_ALL = (
    PV, WIND, BATTERY, CHP, GAS_BOILER, ELECTRIC_BOILER, HEAT_PUMP, HEAT_STORE, HEAT_DEMAND, LOAD, SHIFTABLE_LOAD,
    EV_CHARGER, STREET_LIGHTING,
)  # fmt: skip

ASSET_TYPES: dict[str, AssetType] = {kind.name: kind for kind in _ALL}

PROFILES = Path(__file__).parent / "profiles"
"""Folder of the device models, one YAML file each."""

__all__ = ["ASSET_TYPES", "PROFILES"]
