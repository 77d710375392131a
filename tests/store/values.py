"""Small values with every number stated."""

from datetime import UTC, datetime, timedelta

from assets.battery import Battery, BatteryOutlook
from vpp.domain import Quality, Reading, Unit

NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def battery(id: str, capacity_kwh: float = 10.0) -> Unit:
    asset = Battery(
        id=id, node="bus", capacity_kwh=capacity_kwh, max_charge_kw=5.0, max_discharge_kw=5.0,
        charge_efficiency=0.95, discharge_efficiency=0.95,
    )  # fmt: skip
    return Unit(type="battery", asset=asset, outlook=BatteryOutlook(initial_soc=0.5))


def reading(asset_id: str, value: float | None, at: datetime = NOON, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(asset_id=asset_id, point="power_kw", at=at, value=value, quality=quality)
