"""What is made of the days: comparison, siting, hosting, report."""

import json
import re
from html.parser import HTMLParser

import pytest

from assets import ASSET_TYPES
from tests.study.build import done, write_case, write_study
from vpp.domain import Mistakes
from vpp.operations.study import read_study
from vpp.operations.study.compare import ROWS, chosen, siting, waterfall
from vpp.operations.study.hosting import host
from vpp.operations.study.report import write_reports
from vpp.operations.study.report.words import DE, EN
from vpp.operations.study.summary import summaries

VARIANTS = """
[variant.more]
title = "Wider <connection>"
yearly_cost_eur = 36.5
[[variant.more.change]]
do = "limit"
node = "house"
factor = 10

[variant.dear]
yearly_cost_eur = 3650
[[variant.dear.change]]
do = "limit"
node = "house"
factor = 10
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("study")
    write_case(tmp / "case", 2, limit="3")
    return done(write_study(tmp / "s.toml", VARIANTS), tmp / "out")


def test_the_steps_of_a_waterfall_add_up_to_the_difference(folder):
    base, more, _ = summaries(folder)
    total = more.figures["total_eur"].mean - base.figures["total_eur"].mean
    assert sum(s.eur for s in waterfall(base, more)) == pytest.approx(total, abs=0.02)
    assert {"investment", "sale"} <= {s.cause for s in waterfall(base, more)}
    assert more.figures["investment_eur"].mean == pytest.approx(0.2)


def test_the_place_that_is_tight_is_named_with_the_cheapest_relief(folder):
    relief = {r.node: r for r in siting(summaries(folder))}
    assert relief["house"].hours > 0 and relief["house"].next_kw_eur > 0
    assert relief["house"].variant == "more", "the dear one relieves as much for more money"
    assert relief["house"].hours_then == 0


def test_the_value_of_the_next_kw_is_what_one_more_kw_saves(folder, tmp_path):
    # A small step, so that the same limits bind before and after.
    step = 0.01
    write_case(tmp_path / "case", 2, limit="3")
    more = '[variant.a]\n[[variant.a.change]]\ndo = "limit"\nnode = "house"\n'
    more += f"import_limit_kw = {3 + step}\nexport_limit_kw = {3 + step}\n"
    base, wider = summaries(done(write_study(tmp_path / "s.toml", more), tmp_path / "out"))
    saves = (base.figures["cost_eur"].mean - wider.figures["cost_eur"].mean) / step
    worth = sum(base.nodes["house"][k] for k in ("next_kw_import_eur", "next_kw_export_eur"))
    assert worth == pytest.approx(saves, rel=0.05)


def test_an_unknown_variant_is_refused_with_the_nearest(folder):
    with pytest.raises(Mistakes, match="did you mean 'more'"):
        chosen(summaries(folder), "mroe")


def test_hosting_finds_the_connection(tmp_path):
    # 2 kW of load and an export limit of 10 kW at a price above 0: 12 kW of PV that shines all day; 1 is there.
    write_case(tmp_path / "case", 1, limit="10", pv_kw=1)
    wanted = (
        '[hosting]\nlike = "p"\ncolumn = "peak_kw"\nnodes = ["house"]\ndays = [2025-02-02]\n'
        "most_kw = 64\nto_kw = 0.25\ncurtailed_share = 0.0\n"
    )
    (tmp_path / "case" / "battery.csv").unlink()
    study = read_study(write_study(tmp_path / "s.toml", wanted))
    (found,) = host(study, tmp_path, 0.0, ASSET_TYPES)
    assert found.fits_kw == pytest.approx(11, abs=0.25) and found.fits_kw <= 11
    assert found.reason.startswith("curtailed")
    assert host(study, tmp_path, 0.0, ASSET_TYPES) == [found], "what was found is kept"


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.loaded, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.loaded += [v for k, v in given.items() if k in ("src", "href") and not v.startswith(("#", "data:"))]
        assert "style" not in given, "the page's policy forbids it"


def test_reports_in_both_languages_are_self_contained(folder):
    german, english = write_reports(folder, pdf=False)
    for path, language in ((german, "de"), (english, "en")):
        text = path.read_text(encoding="utf-8")
        page = Page()
        page.feed(text)
        assert f'<html lang="{language}">' in text and "script" not in page.tags and page.loaded == []
        assert len(page.ids) == len(set(page.ids))
        assert page.tags.count("figure") == page.tags.count("details") == 5, "each chart has its table"
        assert "Wider &lt;connection&gt;" in text and "nan" not in re.sub(r"<[^>]*>", " ", text).lower().split()
    assert "Ersparnis gegenüber heute" in german.read_text(encoding="utf-8")


def test_the_same_words_in_both_languages():
    assert (
        DE.figures.keys() == EN.figures.keys()
        and DE.texts.keys() == EN.texts.keys()
        and DE.causes.keys() == EN.causes.keys()
    )
    assert set(ROWS) <= set(EN.figures)
    for key, text in EN.texts.items():
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", DE.texts[key])), key
        assert text.count("|") == DE.texts[key].count("|"), key


def test_an_incomplete_study_has_no_report(folder, tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(json.loads((folder / "manifest.json").read_text())))
    with pytest.raises(Mistakes, match="not complete"):
        write_reports(tmp_path, pdf=False)
