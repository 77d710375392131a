"""Weather forecasts of Deutscher Wetterdienst: MOSMIX_L of one station, hourly to 240 h, KML in a zip."""

import io
import math
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np

from vpp.domain import Array
from vpp.sources.answers import Ask, SourceError, good

SOURCE = "Quelle: Deutscher Wetterdienst"
LICENCE = "CC BY 4.0 (GeoNutzV), values converted"
STATION = "10410"
"""Essen: the demo city's."""
MOST_BYTES = 60_000_000
"""Of the unpacked document; a station has about 1 MB."""
HOUR = timedelta(hours=1)
_KML = "{http://www.opengis.net/kml/2.2}"
_DWD = "{https://opendata.dwd.de/weather/lib/pointforecast_dwd_extension_V1_0.xsd}"

ELEMENTS = {"TTT": "temp_air", "FF": "wind_speed", "Rad1h": "ghi"}
"""Theirs → pvlib's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationForecast:
    """Hourly; an interval is named by its start. NaN: not forecast."""

    station: str
    name: str
    """`ESSEN`; empty: not told."""
    place: tuple[float, float] | None
    """° north, ° east; None: not told."""
    issued: datetime
    start: datetime
    temp_air: Array
    """°C, mean of the values at both ends of the hour."""
    wind_speed: Array
    """m/s at 10 m, likewise."""
    ghi: Array
    """W/m², mean of the hour."""


def address(station: str = STATION) -> str:
    folder = f"https://opendata.dwd.de/weather/local_forecasts/mos/MOSMIX_L/single_stations/{station}/kml"
    return f"{folder}/MOSMIX_L_LATEST_{station}.kmz"


def fetch(station: str, ask: Ask) -> StationForecast:
    """Ask for the newest forecast; raises SourceError."""
    if not station.isalnum() or len(station) > 5:
        raise SourceError(f"MOSMIX station '{station}': is none; allowed: five letters or digits, such as {STATION}")
    place = address(station)
    return read(good(place, ask(place)))


def read(kmz: bytes) -> StationForecast:
    """What a document says; raises SourceError."""
    root = _document(kmz)
    issued = _instant(root.findtext(f".//{_DWD}IssueTime"))
    times = [_instant(step.text) for step in root.iterfind(f".//{_DWD}TimeStep")]
    station = root.findtext(f".//{_KML}Placemark/{_KML}name") or ""
    if len(times) < 2 or any(later - earlier != HOUR for earlier, later in pairwise(times)):
        raise SourceError(f"MOSMIX {station}: its {len(times)} time steps are not hourly without a gap")
    values = {name: _values(root, theirs, len(times), station) for theirs, name in ELEMENTS.items()}
    if unsaid := [theirs for theirs, name in ELEMENTS.items() if np.isnan(values[name]).all()]:
        raise SourceError(f"MOSMIX {station}: it forecasts no {', '.join(unsaid)}; allowed: a station that does")
    # Values at a time belong to both hours that meet there; radiation is of the hour that ends there.
    return StationForecast(
        station=station, name=(root.findtext(f".//{_KML}Placemark/{_KML}description") or "").strip(),
        place=_place(root, station), issued=issued, start=times[0],
        temp_air=_means(values["temp_air"]) - 273.15, wind_speed=_means(values["wind_speed"]),
        ghi=values["ghi"][1:] / 3.6,
    )  # fmt: skip


def _place(root: ElementTree.Element, station: str) -> tuple[float, float] | None:
    """KML's order is longitude, latitude, height. Decimal degrees, unlike the catalogue's degrees and minutes."""
    text = root.findtext(f".//{_KML}Placemark/{_KML}Point/{_KML}coordinates")
    if text is None:
        return None
    try:
        longitude, latitude = (float(cell) for cell in text.split(",")[:2])
    except ValueError:
        longitude = latitude = math.nan
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise SourceError(
            f"MOSMIX {station}: its coordinates are '{text.strip()}'; allowed: longitude,latitude in degrees"
        )
    return latitude, longitude


def _document(kmz: bytes) -> ElementTree.Element:
    try:
        with zipfile.ZipFile(io.BytesIO(kmz)) as packed:
            inside = next((i for i in packed.infolist() if i.filename.endswith(".kml")), None)
            if inside is None or inside.file_size > MOST_BYTES:
                raise SourceError("MOSMIX: the archive holds no document of a usable size")
            with packed.open(inside) as file:
                text = file.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as problem:
        raise SourceError("MOSMIX: the answer is no zip archive") from problem
    if len(text) > MOST_BYTES or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise SourceError("MOSMIX: the document is too large or declares entities; allowed: neither")
    try:
        return ElementTree.fromstring(text)  # no entities, see above
    except ElementTree.ParseError as problem:
        raise SourceError(f"MOSMIX: the document is no XML: {problem}") from problem


def _instant(text: str | None) -> datetime:
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SourceError(f"MOSMIX: '{text}' is no time with an offset")
    return at.astimezone(UTC)


def _values(root: ElementTree.Element, element: str, steps: int, station: str) -> Array:
    for forecast in root.iterfind(f".//{_DWD}Forecast"):
        if forecast.get(f"{_DWD}elementName") == element:
            cells = (forecast.findtext(f"{_DWD}value") or "").split()
            if len(cells) != steps:
                raise SourceError(f"MOSMIX {station}: {element} has {len(cells)} values; allowed: {steps}")
            return np.array([_number(cell, element, station) for cell in cells])
    raise SourceError(f"MOSMIX {station}: has no {element}")


def _number(cell: str, element: str, station: str) -> float:
    if cell == "-":
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise SourceError(f"MOSMIX {station}: {element} holds '{cell}'; allowed: a number or -")
    return value


def _means(values: Array) -> Array:
    return (values[:-1] + values[1:]) / 2
