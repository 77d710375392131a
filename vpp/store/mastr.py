"""Units of the public register of plants: imported by an operator, looked up by their number."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from vpp.domain.register_unit import RegisterUnit
from vpp.store.store import Store

BATCH = 10_000
_SAVE = """INSERT INTO vpp.mastr_unit (number, kind, power_kw, capacity_kwh, commissioned, postcode, place, imported)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (number) DO UPDATE SET kind = excluded.kind,
power_kw = excluded.power_kw, capacity_kwh = coalesce(excluded.capacity_kwh, vpp.mastr_unit.capacity_kwh),
commissioned = excluded.commissioned, postcode = excluded.postcode, place = excluded.place,
imported = excluded.imported"""


def save_units(store: Store, units: Iterable[RegisterUnit], now: datetime) -> int:
    """Return how many were stored: all with a power. What is known of a number is replaced."""
    rows = (
        (u.number, u.kind, u.power_kw, u.capacity_kwh or None, u.commissioned, u.postcode, u.place, now)
        for u in units if u.power_kw > 0
    )  # fmt: skip
    count = 0
    with store.database.transaction() as connection, connection.cursor() as cursor:
        while batch := list(islice(rows, BATCH)):
            cursor.executemany(_SAVE, batch)
            count += len(batch)
    return count


def unit(store: Store, number: str) -> RegisterUnit | None:
    """None: nobody imported it. Only by the whole number, so that nobody can look around."""
    query = """SELECT number, kind, power_kw, capacity_kwh, commissioned, postcode, place FROM vpp.mastr_unit
    WHERE number = %s"""
    names = ("number", "kind", "power_kw", "capacity_kwh", "commissioned", "postcode", "place")
    with store.database.connection() as connection:
        row = connection.execute(query, (number,)).fetchone()
    return RegisterUnit(**dict(zip(names, row, strict=True))) if row else None


def any_units(store: Store) -> bool:
    """Has anything been imported?"""
    with store.database.connection() as connection:
        return connection.execute("SELECT FROM vpp.mastr_unit LIMIT 1").fetchone() is not None
