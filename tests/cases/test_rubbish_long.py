"""Any folder of rubbish gives a complete list of named mistakes, never a traceback."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assets import ASSET_TYPES
from tests.cases.folders import SOUND, written
from vpp.cases import load
from vpp.domain import Mistakes

NAMES = [*SOUND, "series.parquet", "caps.csv", "groups.csv", "headroom.csv", "chp.csv", "heat_store.csv",
         "gas_boiler.csv", "wind.csv", "ev_session.csv", "x.csv", "README.md"]  # fmt: skip
CELL = st.one_of(
    st.sampled_from([
        "", "0", "-1", "1e400", "nan", "-inf", "1,5", "0x1F", "true", "price", "sun", "grid", "house", "warm", "store",
        "2025-03-01T00:00Z", "2025-03-01", "9999-12-31T23:59Z", "0001-01-01T00:00+14:00", "٣", "१२", "1_0", "=1+1",
        "electricity", "heat", '"', "a\nb", "\u202e", "💡", "  ", "\u2028",
    ]),
    st.text(max_size=6),
    st.floats().map(str),
)  # fmt: skip
COLUMNS = ["id", "node", "heat_node", "carrier", "parent", "demand_kw", "capacity_kwh", "group", "asset", "target"]
LINE = re.compile(r"^[^:]+(:\d+)?: .+$")


def judged(folder: Path) -> list[str]:
    """What is wrong; each a line that names its file, and none twice."""
    try:
        load(folder, ASSET_TYPES)
    except Mistakes as found:
        lines = [str(m) for m in found.mistakes]
        assert lines
        for line in lines:
            assert len(line.splitlines()) == 1
            assert LINE.match(line), line
        assert len(set(lines)) == len(lines)
        return lines
    return []


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "case"


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return written(folder)


quick = settings(max_examples=2500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(name=st.sampled_from(NAMES), data=st.binary(max_size=300))
@example("case.toml", b"x = 0x" + b"f" * 5000)
@example("series.parquet", b"PAR1" + bytes(40) + b"PAR1")
@quick
def test_any_bytes_in_any_file(folder, name, data):
    fresh(folder)
    (folder / name).write_bytes(data)
    judged(folder)


@given(name=st.sampled_from(NAMES), text=st.text(max_size=200))
@quick
def test_any_text_in_any_file(folder, name, text):
    fresh(folder)
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    judged(folder)


@given(data=st.data())
@quick
def test_any_cell_of_any_table(folder, data):
    fresh(folder)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from([name for name in SOUND if name.endswith(".csv")]))
        rows = [line.split(",") for line in (folder / name).read_text().splitlines()]
        row = data.draw(st.integers(0, len(rows) - 1))
        rows[row][data.draw(st.integers(0, len(rows[row]) - 1))] = data.draw(CELL)
        (folder / name).write_bytes("\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass"))
    judged(folder)


@given(
    header=st.lists(st.sampled_from(COLUMNS) | CELL, min_size=1, max_size=5),
    rows=st.lists(st.lists(CELL, max_size=6), max_size=5),
    name=st.sampled_from([name for name in NAMES if name.endswith(".csv")]),
)  # fmt: skip
@quick
def test_any_table(folder, header, rows, name):
    fresh(folder)
    text = "\n".join(",".join(row) for row in [header, *rows])
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    judged(folder)


TOML_VALUE = st.sampled_from([
    "1", "-0.0", "nan", "inf", "-inf", '"x"', '""', "true", "[]", "[1, 2]", "{a = 1}", "2025-03-01", "12:00:00",
    "2025-03-01T00:00:00", "2025-03-01T00:00:00Z", "9999-12-31T23:59:00Z", "0001-01-01T00:00:00+01:00", "1e999",
    f"0x{'f' * 5000}", f"[0x{'f' * 5000}]", '"""\na\nb"""', '"\\u0000"', "1_000_000",
])  # fmt: skip
KEYS = ["start", "steps", "step_minutes", "buy_eur_per_mwh", "sell_eur_per_mwh", "co2_eur_per_t", "heat", "''", '"a b"']


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["horizon", "market", "penalties", "x"]),
            st.dictionaries(st.sampled_from(KEYS), TOML_VALUE, max_size=5),
        ),
        max_size=4, unique_by=lambda section: section[0],
    )
)  # fmt: skip
@quick
def test_any_settings(folder, sections):
    fresh(folder)
    text = "\n".join("\n".join([f"[{name}]", *(f"{k} = {v}" for k, v in keys.items())]) for name, keys in sections)
    (folder / "case.toml").write_text(text, encoding="utf-8")
    judged(folder)


@given(removed=st.sets(st.sampled_from(sorted(SOUND))), empty=st.sets(st.sampled_from(NAMES)))
@quick
def test_any_file_missing_or_empty(folder, removed, empty):
    fresh(folder)
    for name in removed:
        (folder / name).unlink()
    for name in empty:
        (folder / name).write_bytes(b"")
    lines = judged(folder)
    for name in ("case.toml", "nodes.csv"):
        if name in removed and name not in empty:
            assert f"{name}: the required file is missing" in lines
    for name in empty - {"README.md"}:
        assert any(line.startswith(f"{name}: ") for line in lines)
