"""Puts the prices of data/prices back into the shape of the source's answers."""

import json
from datetime import date
from pathlib import Path

from vpp.domain import market_day
from vpp.sources import prices

LICENCE = "CC BY 4.0 (creativecommons.org/licenses/by/4.0) from Bundesnetzagentur | SMARD.de"
DAYS = {date(2025, 3, 30): 60, date(2024, 10, 27): 60, date(2025, 5, 11): 60, date(2025, 11, 25): 15}

for day, minutes in DAYS.items():
    values, _ = prices.day_ahead(day, minutes)
    starts = [round(at.timestamp()) for at in market_day(day, minutes).times()]
    answer = {"license_info": LICENCE, "unix_seconds": starts, "price": values.tolist(), "unit": "EUR / MWh",
              "deprecated": False}  # fmt: skip
    Path(__file__).with_name(f"prices-{day}.json").write_text(json.dumps(answer) + "\n", encoding="utf-8")
