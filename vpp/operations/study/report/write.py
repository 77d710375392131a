"""Write the report of a study from its folder: nothing is computed that the tables do not hold."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vpp.domain import Mistake, Mistakes
from vpp.operations.report.figure import Figure, Table
from vpp.operations.report.look import look
from vpp.operations.report.write import TEMPLATES as DAY_TEMPLATES
from vpp.operations.study import files
from vpp.operations.study.compare import ROWS, siting
from vpp.operations.study.report.figures import difference, heat_map, load_duration
from vpp.operations.study.report.grid import grid_section
from vpp.operations.study.report.pdf import print_pdf
from vpp.operations.study.report.words import LANGUAGES, SHARES, Words
from vpp.operations.study.study import BASE
from vpp.operations.study.summary import Summary, summaries

TEMPLATES = Path(__file__).parent / "templates"
MOST_DIFFERENCES = 8


def write_reports(folder: Path, *, pdf: bool) -> list[Path]:
    """report-de.html and report-en.html in the study's folder, and beside them the PDFs."""
    written = list[Path]()
    for words in LANGUAGES:
        path = folder / f"report-{words.language}.html"
        files.write_whole(path, render(folder, words).encode())
        written.append(path)
    return written + [print_pdf(path, path.with_suffix(".pdf")) for path in written if pdf]


def render(folder: Path, w: Words) -> str:
    if not (folder / "steps.parquet").exists():
        problem = "the study is not complete: `vpp study run` goes on where it stopped"
        raise Mistakes([Mistake(where=str(folder), what="", problem=problem)])
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    css = (DAY_TEMPLATES / "report.css").read_text(encoding="utf-8")
    content = _content(folder, w)
    return environment.get_template("study.html.j2").render(css=Markup(css), policy=_policy(css), w=w, **content)


def _policy(css: str) -> str:
    """Nothing may be loaded or run; only this very style sheet applies."""
    digest = b64encode(sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    value: str
    unit: str
    rank: str = ""


def _content(folder: Path, w: Words) -> dict[str, Any]:
    manifest = files.required_manifest(folder)
    found = [replace(s, title=w["base"]) if s.name == BASE else s for s in summaries(folder, manifest)]
    steps = pd.read_parquet(folder / "steps.parquet")
    base, best = found[0], min(found, key=lambda s: s.figures["total_eur"].mean)
    other = best if best is not base or len(found) == 1 else found[1]
    days = sorted(set(map(str, steps["day"])))
    figures = [difference(base, s, w, f"difference-{n}") for n, s in enumerate(found[1 : 1 + MOST_DIFFERENCES])]
    figures += [load_duration(found, steps, other, w)]
    figures += [heat_map(s, steps, w, f"map-{n}") for n, s in enumerate(dict.fromkeys([base.name, other.name]))
                for s in [next(f for f in found if f.name == s)]]  # fmt: skip
    return {
        "title": manifest["study"],
        "period": w["period"].format(first=days[0], last=days[-1], days=len(days),
                                     seeds=", ".join(map(str, manifest["seeds"]))),
        "summary": _summary(found, best, w),
        "cards": _cards(base, best, w),
        "comparison": _comparison(found, w),
        "figures": figures,
        "sites": _sites(found, w),
        "hosting": _hosting(folder, w),
        "grid": grid_section(folder, found, w),
        "groups": _groups(found, w),
        "types": _types(found, w),
        "sources": manifest["sources"],
        "made": _made(manifest, w),
    }  # fmt: skip


def _summary(found: list[Summary], best: Summary, w: Words) -> list[str]:
    base = found[0]
    total = {s.name: w.number(s.figures["total_eur"].mean, 0) for s in (base, best)}
    out = [w["short_text"].format(variants=len(found), days=base.days, best=best.title, total=total[best.name],
                                  base=total[base.name])]  # fmt: skip
    if best is base:
        return [*out, w["short_base"]] if len(found) > 1 else out
    saves = best.figures["savings_eur"].mean
    co2 = (w.number(s.figures["co2_location_t"].mean, 2) for s in (best, base))
    out.append(w["short_saves"].format(best=best.title, saves=w.number(saves, 0)))
    return [*out, w["short_co2"].format(co2=next(co2), co2_base=next(co2))]


def _cards(base: Summary, best: Summary, w: Words) -> list[Card]:
    cards = list[Card]()
    for key, decimals in (("total_eur", 0), ("savings_eur", 0), ("co2_location_t", 2), ("self_sufficiency", 0),
                          ("peak_import_kw", 0), ("hours_at_limits", 1)):  # fmt: skip
        name, _, unit = w.figures[key].rpartition(", ")
        rank = "lead" if key in ("total_eur", "savings_eur", "co2_location_t") else ""
        cards.append(
            Card(
                f"{name} – {best.title}",
                w.number((100 if key in SHARES else 1) * best.figures[key].mean, decimals),
                unit,
                rank,
            )
        )
    return cards


def _comparison(found: list[Summary], w: Words) -> Table:
    rows = [[w.figures[key], *(w.figure(key, s.figures[key]) for s in found)] for key in ROWS]
    return Table(caption=w["table"], header=["", *(s.title for s in found)], rows=rows)


def _sites(found: list[Summary], w: Words) -> Table | None:
    rows = [
        [r.node, w.number(r.hours, 2), w.number(r.next_kw_eur, 2), w.number(r.next_battery_eur_per_kwh, 2),
         next((s.title for s in found if s.name == r.variant), w["none"]), w.number(r.hours_then, 2),
         w.number(r.eur_per_hour, 2) if r.variant else "–"]
        for r in siting(found)
        if r.hours
    ]  # fmt: skip
    return Table(caption=w["sites"], header=w["site_columns"].split("|"), rows=rows) if rows else None


def _hosting(folder: Path, w: Words) -> Table | None:
    path = folder / "hosting.parquet"
    if not path.exists():
        return None
    rows = [[str(r.node), str(r.like), w.number(float(r.fits_kw), 0), str(r.reason) or w["none"]]  # type: ignore[arg-type]
            for r in pd.read_parquet(path).itertuples()]  # fmt: skip
    return Table(caption=w["hosting"], header=w["hosting_columns"].split("|"), rows=rows)


def _groups(found: list[Summary], w: Words) -> Table | None:
    keys = ("import_kwh", "export_kwh", "energy_eur", "fuel_eur", "wear_eur")
    rows = [[s.title, name, *(w.number(g[k], 0) for k in keys)] for s in found for name, g in s.groups.items()]
    return Table(caption=w["groups"], header=w["group_columns"].split("|"), rows=rows) if rows else None


def _types(found: list[Summary], w: Words) -> Table:
    def cell(figures: Mapping[str, float], key: str, decimals: int) -> str:
        return w.number(figures[key], decimals) if key in figures else "–"

    rows = [
        [s.title, look(kind).name, w.number(f["count"] / s.days, 0), cell(f, "full_load_h_per_day", 2),
         cell(f, "starts", 0), cell(f, "cycles_per_day", 2), cell(f, "curtailed_kwh", 0)]
        for s in found for kind, f in s.types.items()
    ]  # fmt: skip
    return Table(caption=w["types"], header=w["type_columns"].split("|"), rows=rows)


def _made(manifest: Mapping[str, Any], w: Words) -> str:
    gap = f"{w.number(100 * float(manifest['gap']), 2)} %"
    eur = w.number(float(manifest["gap_eur_per_day"]), 2)
    inputs, model = str(manifest["inputs"])[:12], str(manifest["model"]["source"])[:12]
    return w["made_text"].format(gap=gap, gap_eur=eur, inputs=inputs, model=model)


__all__ = ["Figure", "render", "write_reports"]
