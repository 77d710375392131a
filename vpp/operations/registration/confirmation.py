"""The confirmation of a registration as a PDF, in German or English: for the owner's own folder."""

from collections.abc import Mapping
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_decimal

from vpp.domain import MARKET_ZONE
from vpp.operations.registration.draft import connected
from vpp.operations.registration.mastr import tidy
from vpp.operations.registration.pdf import Document
from vpp.store.registrations import Agreement, Registration

WORDS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "title": "Bestätigung der Anmeldung", "hello": "Ihr Gerät ist angemeldet. Bitte heben Sie dieses Blatt auf.",
        "device": "Ihr Gerät", "name": "Name", "id": "Nummer bei uns", "kind": "Art", "owner": "Gehört",
        "place": "Anschluss", "since": "Angemeldet seit", "rating": "Leistung", "mastr": "Nummer im MaStR",
        "connection": "Verbindung", "profile": "Gerätemodell", "none": "ohne Verbindung: Wir lesen und steuern nicht",
        "limits": "Ihre Grenzen und Wünsche", "test": "Was wir geprüft haben", "what": "Prüfung", "result": "Ergebnis",
        "agreement": "Was wir vereinbart haben", "version": "Fassung", "accepted": "Zugestimmt hat {who} am {at}.",
        "print": "Prüfsumme des Textes (SHA-256): {sha}", "footer": "Virtuelles Kraftwerk · {id}",
        "pv": "Solaranlage", "battery": "Batterie", "heat_pump": "Wärmepumpe", "ev_charger": "Wallbox",
        "chp": "Blockheizkraftwerk", "yes": "ja", "no": "nein", "passed": "bestanden", "failed": "nicht bestanden",
        "not tried": "nicht geprüft", "reach": "Gerät antwortet", "identity": "Gerät erkannt", "point": "Messwert",
        "rating_test": "Leistung stimmt", "write": "Auftrag kommt an", "silence": "Ohne Aufträge sicher",
        "release": "Wieder freigegeben", "air": "Außenluft", "ground": "Erdreich", "light": "leicht (Holz)",
        "medium": "mittel", "heavy": "schwer (Stein)", "0": "Norden", "90": "Osten", "135": "Südosten", "180": "Süden",
        "225": "Südwesten", "270": "Westen", "summary": "{passed} von {all} Prüfungen bestanden, {open} nicht möglich",
    },
    "en": {
        "title": "Confirmation of registration", "hello": "Your device is registered. Please keep this sheet.",
        "device": "Your device", "name": "Name", "id": "Our number", "kind": "Kind", "owner": "Belongs to",
        "place": "Connection point", "since": "Registered since", "rating": "Power", "mastr": "Number in the MaStR",
        "connection": "Connection", "profile": "Device model", "none": "none: we neither read nor steer it",
        "limits": "Your limits and wishes", "test": "What we tested", "what": "Test", "result": "Result",
        "agreement": "What we agreed", "version": "Version", "accepted": "{who} agreed on {at}.",
        "print": "Checksum of the text (SHA-256): {sha}", "footer": "Virtual power plant · {id}",
        "pv": "Solar plant", "battery": "Battery", "heat_pump": "Heat pump", "ev_charger": "Charge point",
        "chp": "Combined heat and power unit", "yes": "yes", "no": "no", "passed": "passed", "failed": "not passed",
        "not tried": "not tried", "reach": "Device answers", "identity": "Device recognised", "point": "Measured value",
        "rating_test": "Power fits", "write": "Orders arrive", "silence": "Safe without orders",
        "release": "Released again", "air": "outside air", "ground": "ground", "light": "light (wood)",
        "medium": "medium", "heavy": "heavy (stone)", "0": "north", "90": "east", "135": "south-east", "180": "south",
        "225": "south-west", "270": "west", "summary": "{passed} of {all} tests passed, {open} not possible",
    },
}  # fmt: skip
LIMITS: Mapping[str, tuple[str, str, str]] = {
    "capacity_kwh": ("Speicherinhalt", "Capacity", "kWh"), "lowest_soc_percent": ("Mindestens im Speicher",
    "Least in store", "%"), "highest_soc_percent": ("Höchstens im Speicher", "Most in store", "%"),
    "from_grid": ("Darf aus dem Netz laden", "May charge from the grid", ""),
    "tilt_degrees": ("Neigung des Dachs", "Tilt of the roof", "°"), "azimuth_degrees": ("Richtung", "Direction", ""),
    "feed_in_ct_per_kwh": ("Einspeisevergütung", "Feed-in payment", "ct/kWh"),
    "may_curtail": ("Darf gedrosselt werden", "May be curtailed", ""),
    "area_m2": ("Beheizte Fläche", "Heated area", "m²"),
    "heat_kwh_per_year": ("Wärme im Jahr", "Heat a year", "kWh"), "building": ("Bauweise", "Construction", ""),
    "source": ("Wärmequelle", "Heat source", ""), "lowest_room_degc": ("Nie kälter als", "Never colder than", "°C"),
    "highest_room_degc": ("Nie wärmer als", "Never warmer than", "°C"),
    "arrives": ("Auto ist da ab", "Car is there from", ""), "departs": ("Auto fährt um", "Car leaves at", ""),
    "energy_kwh": ("Braucht bis dahin", "Needs by then", "kWh"), "heat_node": ("Heizt", "Heats", ""),
    "electrical_percent": ("Elektrischer Wirkungsgrad", "Electrical efficiency", "%"),
    "thermal_percent": ("Thermischer Wirkungsgrad", "Thermal efficiency", "%"),
    "fuel_ct_per_kwh": ("Brennstoff", "Fuel", "ct/kWh"), "least_hours_on": ("Läuft mindestens", "Runs at least", "h"),
}  # fmt: skip
"""German, English, unit."""


def as_pdf(r: Registration, agreed: Agreement, language: str) -> bytes:
    """The agreement stands in it in the language in which it was accepted."""
    w, c, id = WORDS[language], r.content, r.asset_id or ""
    assert r.confirmed is not None
    made = Document(f"{w['title']}: {c['label']}", language, "vpp", w["footer"].format(id=id))
    made.heading(w["title"], 1)
    made.paragraph(w["hello"])
    made.heading(w["device"])
    made.table(_device(r, w, language), (0.36, 0.64))
    made.heading(w["limits"])
    made.table(limit_rows(c["limits"], language), (0.5, 0.5))
    if connected(c):
        made.heading(w["test"])
        steps = c["test"]["protocol"]["steps"]
        made.paragraph(_summary(steps, w))
        made.table(_tests(steps, w), (0.34, 0.2, 0.46), header=True)
    made.heading(f"{w['agreement']} ({w['version']} {agreed.version})")
    for section in agreed.content.split("\n\n"):
        first, *rest = section.split("\n")
        made.paragraph(first, bold=True)
        made.bullets([line.removeprefix("- ") for line in rest])
    made.paragraph(w["accepted"].format(who=agreed.accepted_by, at=_moment(agreed.accepted, language)), bold=True)
    made.paragraph(w["print"].format(sha=agreed.sha256), soft=True)
    return made.end()


def _device(r: Registration, w: Mapping[str, str], language: str) -> list[tuple[str, str]]:
    c = r.content
    rows = [
        (w["name"], c["label"]), (w["kind"], w[c["kind"]]), (w["id"], r.asset_id or ""), (w["owner"], r.owner),
        (w["place"], c["node"]), (w["rating"], f"{_number(float(c['rating_kw']), language)} kW"),
        (w["since"], _moment(r.confirmed, language)),
    ]  # fmt: skip
    if c.get("mastr"):
        rows.append((w["mastr"], tidy(c["mastr"])))
    if connected(c):
        rows += [(w["profile"], c["profile"]), (w["connection"], f"{c['host']}:{c['port']} / {c['unit']}")]
    else:
        rows.append((w["connection"], w["none"]))
    return rows


def limit_rows(limits: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """What an owner asked for, in words."""
    rows = list[tuple[str, str]]()
    for name, (german, english, unit) in LIMITS.items():
        text = str(limits.get(name, "")).strip()
        if not text:
            continue
        try:
            said = WORDS[language].get(text) if not unit else None
            value = said or f"{_number(float(text), language)} {unit}".strip()
        except ValueError:
            value = WORDS[language].get(text, text)
        rows.append((german if language == "de" else english, value))
    return rows


def _tests(steps: list[Mapping[str, str]], w: Mapping[str, str]) -> list[tuple[str, str, str]]:
    rows = [(w["what"], w["result"], "")]
    for s in steps:
        name = w["rating_test" if s["name"] == "rating" else s["name"]]
        detail = s["detail"].partition(";")[0] if s["name"] == "point" else ""
        rows.append((f"{name} {s['subject']}".strip(), w[s["outcome"]], detail))
    return rows


def _summary(steps: list[Mapping[str, str]], w: Mapping[str, str]) -> str:
    passed, untried = (sum(s["outcome"] == what for s in steps) for what in ("passed", "not tried"))
    return w["summary"].format(passed=passed, all=len(steps), open=untried) + "."


def _number(value: float, language: str) -> str:
    return format_decimal(value, format="#,##0.##", locale=language)


def _moment(at: Any, language: str) -> str:
    local = at.astimezone(MARKET_ZONE)
    return str(format_datetime(local, "d. MMMM y, HH:mm" if language == "de" else "d MMMM y, HH:mm", locale=language))
