"""The report of a run: one file that opens offline, says what is so, and shows the table behind every chart."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.operations.plans import AUTUMN, SPRING, SUMMER, a_case, a_plan, a_record
from vpp.domain import Label
from vpp.operations.report.wording import counted, german, listed, number, spans
from vpp.operations.report.write import render, write_report

FIGURES = ["electricity", "heat", "level-battery", "level-heat-store", "measured", "setpoints"]
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Elements with their attributes, their nesting and their text; refuses what is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(text for tag, text in self.texts if tag not in ("style", "script"))


@pytest.fixture(scope="module", params=[SPRING, SUMMER, AUTUMN], ids=["92", "96", "100"])
def html(request) -> str:
    case = a_case(request.param)
    return render(a_record(case, a_plan(case)))


def test_a_day_of_any_length_is_rendered_well_formed(html):
    page = Page(html)
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_chart_is_sound_svg_and_has_its_table(html):
    page = Page(html)
    figures = page.all("figure")
    assert [f["id"] for f in figures] == FIGURES
    assert len(page.all("details")) == len(page.all("summary")) == len(figures)
    for part in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
        assert part.count("<svg") == 3  # wide, medium, narrow
        assert part.count("<table") == 1
        assert part.count("<tr>") > 3
        for svg in re.findall(r"<svg.*?</svg>", part, re.DOTALL):
            root = ElementTree.fromstring(svg)
            assert root.get("viewBox")
            numbers = re.findall(r"-?(?:nan|inf)", svg.lower().replace("information", ""))
            assert numbers == []


def test_tables_have_one_row_per_quarter_hour_with_headers(html):
    steps = int(re.findall(r"(\d+) Zeitschritten", html)[0]) if "Zeitschritten" in html else None
    electricity = re.findall(r'<figure id="electricity".*?</figure>', html, re.DOTALL)[0]
    rows = electricity.count('<th scope="row">')
    assert rows in (92, 96, 100)
    assert steps in (None, rows)
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        assert "<caption>" in table
        columns = table.count('<th scope="col">')
        for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", table, re.DOTALL):
            assert row.count("<td>") == columns - 1


def test_nothing_is_loaded_and_nothing_runs(html):
    page = Page(html)
    assert page.all("script") == page.all("iframe") == page.all("object") == []
    for _, attributes, _ in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
        assert "style" not in attributes  # the policy would refuse it
    assert "@import" not in html
    assert not re.search(r"url\((?!#|data:)", html)
    assert not re.search(r"https?://(?!www\.w3\.org)", html)


def test_the_policy_allows_this_style_sheet_and_no_other(html):
    [policy] = [m["content"] for m in Page(html).all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    [css] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_the_repeated_hour_is_told_apart():
    case = a_case(AUTUMN)
    html = render(a_record(case, a_plan(case)))
    assert ">02:15A<" in html
    assert ">02:15B<" in html
    assert "clock change: 02:00B" in html
    case = a_case(SPRING)
    html = render(a_record(case, a_plan(case)))
    assert "clock change: 03:00" in html
    assert ">02:15" not in html


HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}]]> "


def test_hostile_names_are_shown_and_do_nothing():
    case = a_case(SUMMER, prefix=HOSTILE)
    record = replace(
        a_record(case, a_plan(case, Label.RELAXED), district=HOSTILE), failures=[HOSTILE], real=[HOSTILE],
        simulated=[HOSTILE], sources=[HOSTILE], seconds={HOSTILE: 1.0},
    )  # fmt: skip
    html = render(record)
    page = Page(html)
    assert page.all("script") == []
    assert "alert(1)" in page.text
    assert "49" not in re.findall(r"<h1>.*?</h1>", html, re.DOTALL)[0]
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(svg)


def test_the_numbers_of_the_day_are_those_of_the_plan():
    case = a_case(SUMMER)
    text = Page(render(a_record(case, a_plan(case)))).text
    for said in (
        "−3.46",
        "1.25",
        "4.71",
        "1.250\N{NO-BREAK SPACE}%",
        "of 24",
        "1 failed",
        "The plan keeps every limit.",
    ):
        assert said in text
    assert "Der Tag kostet −3,46\N{NO-BREAK SPACE}EUR" in text
    assert "4,71\N{NO-BREAK SPACE}EUR weniger" in text
    assert "'store' did not answer between 10:15 and 10:30" in text


@pytest.mark.parametrize("label", list(Label))
def test_every_label_is_explained(label):
    case = a_case(SUMMER)
    record = a_record(case, a_plan(case, label))
    text = Page(render(record)).text
    assert label.value in text
    assert ("The plan keeps every limit." in text) is (label is Label.OPTIMAL)
    if label is not Label.OPTIMAL:
        assert record.plan.violations[0].sentence in text


def test_a_plan_without_a_bound_says_so():
    case = a_case(SUMMER)
    text = Page(render(a_record(case, replace(a_plan(case, Label.SAFE), bound_eur=-np.inf, gap=np.inf)))).text
    assert "no bound proven" in text
    assert "nachweislich" not in text


def test_a_plan_that_was_not_executed_has_no_measurement():
    case = a_case(SUMMER)
    html = render(a_record(case, a_plan(case), executed=0))
    assert "The plan was not executed" in html
    assert 'id="measured"' not in html
    assert 'id="setpoints"' not in html


def test_a_single_step_and_a_case_without_heat_are_rendered():
    case = a_case(SUMMER, minutes=30)
    units = [unit for unit in case.units if unit.type in ("pv", "load")]
    small = replace(case, units=units, nodes=[node for node in case.nodes if node.carrier == "electricity"])
    plan = a_plan(case)
    ids = {unit.id for unit in units}
    tables = {name: {} for name in ("heat_kw", "state_energy_kwh", "state_on")}
    power = {id: values for id, values in plan.power_kw.items() if id in ids}
    html = render(a_record(small, replace(plan, power_kw=power, **tables), executed=1))
    assert [f["id"] for f in Page(html).all("figure")] == ["electricity", "measured", "setpoints"]
    assert "30-minute step" in html


def test_the_report_is_written_in_place_of_an_older_one(tmp_path):
    case = a_case(SUMMER)
    record = a_record(case, a_plan(case))
    (tmp_path / "report.html").write_text("old")
    write_report(record, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render(record)


def test_numbers_and_lists_in_words():
    assert number(-1234.567, 1) == "−1,234.6"
    assert number(-0.001, 1) == "0.0"
    assert number(float("nan")) == "not known"
    assert german(-1234.5) == "−1.234,5"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert counted(1, "limit") == "1\N{NO-BREAK SPACE}limit"
    assert counted(2, "limit") == "2\N{NO-BREAK SPACE}limits"
    mask = np.zeros(96, dtype=bool)
    mask[8:13] = mask[95] = True
    assert spans(a_case(SUMMER).horizon, mask) == "02:00–03:15 and 23:45–24:00"


def contrast(one: str, other: str) -> float:
    """WCAG 2: relative luminance of two colours `#rrggbb`."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_areas_can_be_told_from_their_ground(html, scheme):
    [css] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", css, re.DOTALL)[scheme]))
    for ground in ("page", "surface"):
        for text in ("ink", "quiet", "accent", "good", "bad"):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
    areas = tokens.keys() - {"page", "surface", "ink", "quiet", "line", "strong-line", "texture", "negative"}
    assert len(areas) > 15
    for area in areas:
        assert contrast(tokens[area], tokens["surface"]) >= 3, area
