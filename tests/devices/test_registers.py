import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.devices.blocks import Point, read_plan
from vpp.devices.registers import CODES, Register, Unfit, limits_of, size_of
from vpp.domain import Quality

WHOLE = [kind for kind in CODES if not kind.startswith("float")]


def test_words_are_those_of_the_standard():
    # 4321.5 as IEEE 754: 0x45870C00.
    assert Register(at=0, type="float32").encode(4321.5) == [0x4587, 0x0C00]
    assert Register(at=0, type="float32", little=True).encode(4321.5) == [0x0C00, 0x4587]
    assert Register(at=0, type="int32", factor=-0.001).encode(1.5) == [0xFFFF, 0xFA24]
    assert Register(at=0, type="int16", factor=0.1).decode([0xFFF6]) == pytest.approx(-1.0)


@given(st.sampled_from(WHOLE), st.booleans(), st.data())
def test_whole_numbers_come_back_as_they_went(kind, little, data):
    low, high = limits_of(kind)
    register = Register(at=7, type=kind, little=little)
    raw = data.draw(st.integers(max(int(low), -(2**53)), min(int(high), 2**53)))
    words = register.encode(raw)
    assert len(words) == size_of(kind) and register.decode(words) == raw
    straight = struct.pack(f">{len(words)}H", *(words[::-1] if little else words))
    assert straight == struct.pack(">" + CODES[kind], raw)


@given(
    st.floats(width=32, allow_nan=False, allow_infinity=False), st.booleans(), st.sampled_from(["float32", "float64"])
)
def test_floats_come_back_as_they_went(value, little, kind):
    register = Register(at=7, type=kind, little=little)
    assert register.decode(register.encode(value)) == value


@given(
    st.sampled_from(["int16", "uint16", "int32", "uint32", "float32"]),
    st.sampled_from([0.1, 0.001, 0.01, -0.1, 0.05]),
    st.floats(0, 3000),
)
def test_a_limit_is_never_rounded_up(kind, factor, value):
    if factor < 0 and kind.startswith("u"):
        return
    register = Register(at=0, type=kind, factor=factor)
    try:
        held = register.decode(register.encode(value, down=True))
    except Unfit:
        return
    assert held <= value * (1 + 1e-8) + 1e-12
    assert value - held <= abs(factor) * (1 + 1e-6) + value * 1e-6


def test_sixty_percent_is_not_rounded_down_by_binary_noise():
    assert Register(at=0, type="uint16", factor=0.1).encode(0.1 * 3 * 100, down=True) == [300]


@pytest.mark.parametrize(("kind", "value"), [("uint16", -1), ("int16", 40_000), ("uint32", 2**32), ("float32", 1e39)])
def test_what_does_not_fit_is_refused(kind, value):
    with pytest.raises(Unfit, match="allowed"):
        Register(at=3, type=kind).encode(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_refused(value):
    with pytest.raises(Unfit):
        Register(at=3, type="float32").encode(value)


def test_a_value_that_would_mean_not_available_is_refused():
    with pytest.raises(Unfit):
        Register(at=3, type="uint16", na=0xFFFF).encode(65535)


def test_quality_says_missing_suspect_and_good():
    points = [
        Point(name="soc", register=Register(at=0, type="uint16", factor=0.001, na=0xFFFF), low=0, high=1),
        Point(name="power_kw", register=Register(at=1, type="float32"), low=-10, high=10),
    ]
    (block,) = read_plan(points)
    power = Register(at=0, type="float32")
    assert block.decode([500, *power.encode(-3)]) == {"soc": (0.5, Quality.GOOD), "power_kw": (-3.0, Quality.GOOD)}
    assert block.decode([0xFFFF, *power.encode(11)]) == {
        "soc": (None, Quality.MISSING),
        "power_kw": (11.0, Quality.SUSPECT),
    }
    assert block.decode([2000, *power.encode_nothing()])["power_kw"] == (None, Quality.MISSING)
    with pytest.raises(ValueError, match="2 registers came, 3"):
        block.decode([1, 2])


def test_a_scale_factor_is_read_in_the_same_request():
    point = Point(name="power_kw", register=Register(at=84, type="int16", factor=0.001, exponent_at=85))
    (block,) = read_plan([point])
    assert (block.start, block.count) == (84, 2)
    assert block.decode([987, 1])["power_kw"] == (pytest.approx(9.87), Quality.GOOD)
    assert block.decode([987, 0x8000])["power_kw"] == (None, Quality.MISSING)


@st.composite
def maps(draw):
    """Points that do not overlap, with gaps, and holes in some of the gaps."""
    at, points, holes = 0, [], []
    for number in range(draw(st.integers(1, 25))):
        gap = draw(st.integers(0, 14))
        if gap and draw(st.booleans()):
            holes.append((at, at + draw(st.integers(1, gap)) - 1))
        at += gap
        kind = draw(st.sampled_from(sorted(CODES)))
        register = Register(at=at, type=kind, little=draw(st.booleans()))
        points.append(Point(name=f"p{number}", register=register, fc=draw(st.sampled_from([3, 4]))))
        at = register.end
    return points, holes


@given(maps(), st.integers(4, 125), st.integers(0, 12))
def test_the_read_plan_reads_everything_once_and_no_hole(drawn, max_read, max_gap):
    points, holes = drawn
    plan = read_plan(points, max_read=max_read, max_gap=max_gap, holes=holes)
    assert sorted(name for block in plan for name in block.names) == sorted(p.name for p in points)
    for block in plan:
        assert 1 <= block.count <= max_read
        assert not any(first < block.start + block.count and block.start <= last for first, last in holes)
        by_name = {p.name: p for p in points}
        assert all(by_name[name].fc == block.fc for name in block.names)


@given(maps(), st.data())
def test_a_block_decodes_what_the_registers_encode(drawn, data):
    points, holes = drawn
    values = {p.name: data.draw(st.integers(0, 30_000)) for p in points}
    memory = {
        (p.fc, p.register.at + i): word for p in points for i, word in enumerate(p.register.encode(values[p.name]))
    }
    found = {}
    for block in read_plan(points, holes=holes):
        words = [memory.get((block.fc, block.start + i), 0xBEEF) for i in range(block.count)]
        found |= {name: value for name, (value, _) in block.decode(words).items()}
    assert found == values
