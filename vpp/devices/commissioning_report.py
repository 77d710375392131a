"""The protocol of a commissioning as text and as a page, in German and English."""

from collections.abc import Mapping
from html import escape
from typing import Literal

from vpp.devices.commissioning import Outcome, Protocol

Language = Literal["de", "en"]

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": "Commissioning protocol", "probe": "Probe (nothing was written)", "asset": "Asset",
        "profile": "Profile", "source": "Source of the profile", "place": "Address", "rating": "Rating",
        "started": "Started", "ended": "Ended", "result": "Result", "good": "passed", "wrong": "not passed",
        "by": "Signed by", "note": "Note", "time": "Time (UTC)", "step": "Step", "subject": "Point or setpoint",
        "outcome": "Outcome", "detail": "Detail", "reach": "Reached", "identity": "Recognised", "point": "Live value",
        "write": "Order read back", "silence": "Behaviour when we fall silent", "release": "Released",
        "passed": "passed", "failed": "failed", "not tried": "not tried",
    },
    "de": {
        "title": "Inbetriebnahmeprotokoll", "probe": "Probe (nichts wurde geschrieben)", "asset": "Anlage",
        "profile": "Profil", "source": "Quelle des Profils", "place": "Adresse", "rating": "Nennleistung",
        "started": "Beginn", "ended": "Ende", "result": "Ergebnis", "good": "bestanden", "wrong": "nicht bestanden",
        "by": "Unterzeichnet von", "note": "Bemerkung", "time": "Zeit (UTC)", "step": "Schritt",
        "subject": "Messpunkt oder Sollwert", "outcome": "Ausgang", "detail": "Einzelheit", "reach": "Erreicht",
        "identity": "Erkannt", "point": "Messwert", "write": "Sollwert zurückgelesen",
        "silence": "Verhalten, wenn wir schweigen", "release": "Freigegeben", "passed": "bestanden",
        "failed": "nicht bestanden", "not tried": "nicht geprüft",
    },
}  # fmt: skip


def _head(p: Protocol, w: Mapping[str, str]) -> list[tuple[str, str]]:
    rows = [
        (w["asset"], p.asset_id), (w["place"], p.place), (w["profile"], p.profile), (w["source"], p.source),
        (w["rating"], "–" if p.rating_kw is None else f"{p.rating_kw:g} kW"),
        (w["started"], f"{p.started:%Y-%m-%d %H:%M:%S} UTC"), (w["ended"], f"{p.ended:%Y-%m-%d %H:%M:%S} UTC"),
        (w["result"], w["good"] if p.passed else w["wrong"]), (w["by"], p.signed_by or "–"),
    ]  # fmt: skip
    return rows + ([(w["note"], p.note)] if p.note else [])


def as_text(p: Protocol, language: Language = "en") -> str:
    w = WORDS[language]
    title = w["probe"] if p.probe_only else w["title"]
    lines = [title, "=" * len(title), *(f"{name}: {value}" for name, value in _head(p, w)), ""]
    for s in p.steps:
        what = f"{w[s.name]} {s.subject}".strip()
        lines.append(f"{s.at:%H:%M:%S}  {w[s.outcome.value]:<15}  {what}: {s.detail}")
    return "\n".join(lines) + "\n"


STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;
vertical-align:top}caption{text-align:left;font-weight:600;padding:.6rem 0}.failed{color:#8b0000;font-weight:600}
"""


def as_html(p: Protocol, language: Language = "en") -> str:
    """One page without scripts; outcomes are words, not colours alone."""
    w = WORDS[language]
    title = escape(w["probe"] if p.probe_only else w["title"])
    head = "".join(f'<tr><th scope="row">{escape(n)}</th><td>{escape(v)}</td></tr>' for n, v in _head(p, w))
    names = "".join(f'<th scope="col">{escape(w[n])}</th>' for n in ("time", "step", "subject", "outcome", "detail"))
    rows = ""
    for s in p.steps:
        mark = ' class="failed"' if s.outcome is Outcome.FAILED else ""
        cells = (f"{s.at:%H:%M:%S}", w[s.name], s.subject or "–", w[s.outcome.value], s.detail)
        rows += f"<tr{mark}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{title}: {escape(p.asset_id)}</title>"
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1><table>{head}</table>"
        f"<table><caption>{escape(w['step'])}</caption><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"
        "</main></body></html>\n"
    )
