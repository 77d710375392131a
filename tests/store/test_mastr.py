"""Units of the register of plants in the store: found by their whole number, and by nobody's own login."""

from dataclasses import replace
from datetime import UTC, datetime

from tests.sources.test_mastr import BATTERY, ROOF
from vpp.store import Store
from vpp.store.mastr import save_units, unit

NOW = datetime(2025, 4, 6, tzinfo=UTC)


def test_a_unit_is_found_by_its_whole_number_and_a_newer_export_replaces_it(dsn):
    with Store(dsn) as store:
        nothing = replace(ROOF, number="SEE922222222223", power_kw=float("nan"))
        assert save_units(store, [ROOF, BATTERY, nothing], NOW) == 2
        assert unit(store, ROOF.number) == ROOF and unit(store, "SEE9") is None and unit(store, nothing.number) is None
        save_units(store, [replace(ROOF, power_kw=9.0), replace(BATTERY, capacity_kwh=None)], NOW)
        assert unit(store, ROOF.number) == replace(ROOF, power_kw=9.0)
        assert unit(store, BATTERY.number) == BATTERY  # units and plants may come in two files
