"""Local clock times in sentences."""

from datetime import datetime

from vpp.domain import MARKET_ZONE


def when(start: datetime, end: datetime) -> str:
    """`06:15-07:00`; with the offset where the clock changes in between."""
    a, b = start.astimezone(MARKET_ZONE), end.astimezone(MARKET_ZONE)
    if a.utcoffset() != b.utcoffset():
        return f"{a:%H:%M%z}-{b:%H:%M%z}"
    return f"{a:%H:%M}-{b:%H:%M}" if (end - start).total_seconds() < 86_400 else f"{a:%d.%m. %H:%M}-{b:%d.%m. %H:%M}"
