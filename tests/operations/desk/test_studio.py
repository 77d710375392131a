"""A study is checked and estimated, then it runs when it is told to; what was interrupted goes on."""

from datetime import date

import pytest

from tests.operations.desk.conftest import until
from tests.operations.desk.test_jobs import CASES
from vpp.domain import Mistakes
from vpp.operations.desk import Stage, Studio, packed
from vpp.operations.desk.composing import base_of, with_variant
from vpp.operations.study.summary import summaries

pytestmark = pytest.mark.slow

TEXT = with_variant(
    base_of("Zwei Batterien", "musterstadt", date(2025, 4, 6), date(2025, 4, 6), assets=12),
    "Zwei mehr", "add", "battery-*", 2, 100,
)  # fmt: skip


@pytest.fixture
def studio(store, runner, tmp_path):
    made = Studio(store, runner, tmp_path / "studies")
    runner.start()
    return made


def ended(studio, work):
    return until(lambda: (w := studio.work(work.id)) and w.entry.ended and w, "the study")


def test_a_study_is_estimated_first_and_then_run(studio):
    work, said = studio.add(TEXT, "Paula")
    assert (work.name, work.variants, work.total, said) == ("Zwei Batterien", ("base", "zwei-mehr"), 2, [])
    estimated = ended(studio, work)
    assert estimated.stage is Stage.DONE and not estimated.finished and estimated.estimate_s > 0
    studio.run(work.id)
    done = until(lambda: (w := studio.work(work.id)).finished and w, "the result")
    assert [s.title for s in summaries(done.out)] == ["base", "Zwei mehr"]
    assert (done.out / "report-de.html").exists() and done.done == 2


def test_a_study_can_stand_on_a_case_that_is_brought_with_it(studio):
    folder = CASES / "long-day"
    work, _ = studio.add(base_of("Ein Fall", "base", None, None), "Paula", ("case.zip", packed(folder)))
    assert ended(studio, work).stage is Stage.DONE


def test_every_mistake_of_a_study_is_said_and_nothing_is_kept(studio):
    with pytest.raises(Mistakes) as refused:
        studio.add(TEXT.replace('"battery-*"', '"batery-*"').replace("[study]", "[study]\ngapp = 1"), "Paula")
    assert "gapp" in str(refused.value)
    assert studio.works() == []
