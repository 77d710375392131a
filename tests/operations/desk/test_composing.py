"""Each step of composing writes a piece of a study file that reads as what was meant."""

import tomllib
from datetime import date

import pytest

from vpp.operations.desk.composing import PIECES, base_of, slug, with_variant
from vpp.operations.study.read import parse_study

BASE = base_of("Batterien „groß“", "musterstadt", date(2025, 4, 6), date(2025, 4, 7), seeds=3, every_days=7)


def test_the_first_step_says_what_is_studied_and_when(tmp_path):
    found = parse_study(BASE, "study.toml", tmp_path)
    assert (found.wishes.name, found.wishes.base) == ("Batterien „groß“", "musterstadt")
    assert (found.wishes.first, found.wishes.last) == (date(2025, 4, 6), date(2025, 4, 7))
    assert (list(found.wishes.seeds), found.wishes.every_days) == ([1, 2, 3], 7)
    assert [v.name for v in found.variants] == ["base"]


@pytest.mark.parametrize("kind", PIECES)
def test_every_kind_of_change_is_one_that_studies_know(tmp_path, kind):
    text = with_variant(BASE, "Mehr davon", kind, "battery" if PIECES[kind].what else "", 50, 1200)
    variant = parse_study(text, "study.toml", tmp_path).variants[1]
    assert (variant.name, variant.title, variant.yearly_cost_eur) == ("mehr-davon", "Mehr davon", 1200)
    assert len(variant.changes) == 1


def test_changes_of_one_title_belong_to_one_variant_and_others_stay_apart(tmp_path):
    text = with_variant(BASE, "A", "add", "battery-*", 6)
    text = with_variant(text, "B", "price", "", 120)
    text = with_variant(text, "A", "limit", "t1", 80)
    variants = parse_study(text, "study.toml", tmp_path).variants
    assert [(v.title, [c.do for c in v.changes]) for v in variants[1:]] == [("A", ["add", "limit"]), ("B", ["price"])]


def test_what_people_type_cannot_leave_its_place(tmp_path):
    text = with_variant(BASE, 'x"]\n[study]\nname = "y', "add", 'a"\nb', 1)
    found = tomllib.loads(text)
    assert found["study"]["name"] == "Batterien „groß“"
    assert found["variant"][slug('x"]\n[study]\nname = "y')]["change"][0]["like"] == 'a" b'
