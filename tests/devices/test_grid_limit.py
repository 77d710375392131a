"""Every transition of the grid operator's limit, and the minimum power of § 14a EnWG by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.devices.grid_limit import GridLimit, LimitState, minimum_power

S = LimitState
T0 = datetime(2025, 11, 3, 12, tzinfo=UTC)
RULES = minimum_power(Path(__file__).parents[2] / "assets" / "rules" / "14a-2025.toml")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def fresh(**more) -> GridLimit:
    return GridLimit("house", failsafe_kw=4.2, started=T0, maximum_kw=30.0, **more)


def limited(kw: float = 6.0, duration_s: float | None = None) -> GridLimit:
    it = fresh()
    assert it.receive(kw, T0, active=True, duration_s=duration_s) == ""
    return it


def controlled() -> GridLimit:
    it = fresh()
    it.receive(0, T0, active=False)
    return it


def failsafe() -> GridLimit:
    it = controlled()
    it.tick(at(120))
    return it


def autonomous() -> GridLimit:
    it = fresh()
    it.tick(at(120))
    return it


def test_it_starts_with_the_failsafe_limit():
    it = fresh()
    assert (it.state, it.limit_kw(T0)) == (S.INIT, 4.2)
    it.heartbeat(at(5))
    it.tick(at(119))
    assert (it.state, it.limit_kw(at(119))) == (S.INIT, 4.2)


def test_init_to_limited():
    it = fresh()
    it.receive(6, at(3), active=True)
    assert (it.state, it.limit_kw(at(3))) == (S.LIMITED, 6)


def test_init_to_unlimited_controlled():
    it = controlled()
    assert (it.state, it.limit_kw(T0)) == (S.UNLIMITED_CONTROLLED, None)


def test_init_to_unlimited_autonomous_when_nothing_is_heard_for_120_s():
    it = autonomous()
    assert (it.state, it.limit_kw(at(120))) == (S.UNLIMITED_AUTONOMOUS, None)


def test_controlled_to_limited_and_back():
    it = controlled()
    it.receive(5, at(10), active=True)
    assert (it.state, it.limit_kw(at(10))) == (S.LIMITED, 5)
    it.receive(5, at(20), active=False)
    assert (it.state, it.limit_kw(at(20))) == (S.UNLIMITED_CONTROLLED, None)


def test_limited_to_controlled_when_the_duration_has_passed():
    it = limited(duration_s=100)
    for second in range(0, 100, 10):
        it.heartbeat(at(second))
        it.tick(at(second))
        assert it.limit_kw(at(second)) == 6
    it.tick(at(100))
    assert (it.state, it.limit_kw(at(100))) == (S.UNLIMITED_CONTROLLED, None)


@pytest.mark.parametrize("start", [limited, controlled])
def test_to_failsafe_when_the_heartbeat_is_lost(start):
    it = start()
    it.heartbeat(at(60))
    it.tick(at(179))
    assert it.state is not S.FAILSAFE
    it.tick(at(180))
    assert (it.state, it.limit_kw(at(180))) == (S.FAILSAFE, 4.2)


def test_a_stricter_limit_outlives_its_signal():
    it = limited(1.5, duration_s=3600)
    it.tick(at(120))
    assert (it.state, it.limit_kw(at(120))) == (S.FAILSAFE, 1.5)
    it.tick(at(3600))
    assert (it.state, it.limit_kw(at(3600))) == (S.FAILSAFE, 4.2)


def test_failsafe_is_kept_for_its_duration_then_autonomous():
    it = failsafe()
    it.tick(at(120 + 7199))
    assert it.state is S.FAILSAFE
    it.tick(at(120 + 7200))
    assert (it.state, it.limit_kw(at(7320))) == (S.UNLIMITED_AUTONOMOUS, None)


def test_a_limit_without_end_outlives_the_failsafe_duration():
    it = limited(1.5)
    it.tick(at(120))
    it.tick(at(100_000))
    assert (it.state, it.limit_kw(at(100_000))) == (S.FAILSAFE, 1.5)


def test_failsafe_to_limited_or_controlled_by_a_new_limit():
    it = failsafe()
    it.heartbeat(at(300))
    it.tick(at(301))
    assert it.state is S.FAILSAFE  # the heartbeat alone is not enough
    it.receive(7, at(302), active=True)
    assert (it.state, it.limit_kw(at(302))) == (S.LIMITED, 7)
    it = failsafe()
    it.receive(7, at(302), active=False)
    assert it.state is S.UNLIMITED_CONTROLLED


def test_failsafe_to_autonomous_when_the_heartbeat_returns_without_a_limit():
    it = failsafe()
    for second in range(300, 420, 60):
        it.heartbeat(at(second))
        it.tick(at(second))
        assert it.state is S.FAILSAFE
    it.heartbeat(at(420))
    it.tick(at(420))
    assert it.state is S.UNLIMITED_AUTONOMOUS


def test_autonomous_to_limited_or_controlled():
    it = autonomous()
    it.heartbeat(at(200))
    it.tick(at(201))
    assert it.state is S.UNLIMITED_AUTONOMOUS
    it.receive(7, at(202), active=True)
    assert it.state is S.LIMITED
    it = autonomous()
    it.receive(7, at(202), active=False)
    assert it.state is S.UNLIMITED_CONTROLLED


@pytest.mark.parametrize(("kw", "seconds"), [(-1, None), (30.1, None), (float("nan"), None), (5, 0), (5, float("inf"))])
def test_a_limit_that_makes_no_sense_is_refused_and_changes_nothing(kw, seconds):
    it = controlled()
    assert "refused" in it.receive(kw, at(5), active=True, duration_s=seconds)
    assert it.state is S.UNLIMITED_CONTROLLED


@pytest.mark.parametrize("more", [{"failsafe_s": 7199}, {"failsafe_s": 86_401}])
def test_the_failsafe_duration_is_two_hours_to_a_day(more):
    with pytest.raises(ValueError, match="7200 … 86400"):
        fresh(**more)


def test_every_change_is_kept_with_its_reason():
    it = limited(6, duration_s=60)
    it.tick(at(61))
    said = [(c.after, c.why) for c in it.changes]
    assert said == [
        (S.LIMITED, "limited to 6 kW until 2025-11-03 12:01:00 UTC"),
        (S.UNLIMITED_CONTROLLED, "the limit's duration has passed"),
    ]


def test_a_limit_survives_a_restart():
    it, again = limited(1.5, duration_s=3600), fresh()
    again.restore(it.as_json(), at(50))
    assert (again.state, again.limit_kw(at(50))) == (S.FAILSAFE, 1.5)
    assert again.limit_kw(at(3601)) == 4.2


def test_a_failsafe_keeps_its_beginning_over_a_restart():
    it, again = failsafe(), fresh()
    again.restore(it.as_json(), at(7000))
    again.tick(at(7319))
    assert again.state is S.FAILSAFE
    again.tick(at(7320))
    assert again.state is S.UNLIMITED_AUTONOMOUS


def test_without_a_limit_a_restart_begins_anew():
    it, again = controlled(), fresh()
    again.restore(it.as_json(), at(50))
    assert (again.state, again.limit_kw(at(50))) == (S.INIT, 4.2)


steps = st.lists(
    st.tuples(st.integers(1, 4000), st.sampled_from(["beat", "on", "off", "tick"]), st.floats(0, 30)), max_size=40
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_while_a_limit_is_due_nothing_looser_ever_holds(told):
    it, now = fresh(), 0.0
    for wait, what, kw in told:
        now += wait
        match what:
            case "beat":
                it.heartbeat(at(now))
            case "on":
                it.receive(kw, at(now), active=True, duration_s=5000)
            case "off":
                it.receive(0, at(now), active=False)
            case _:
                pass
        it.tick(at(now))
        if it.heard and it.heard.holds(at(now)):
            holds = it.limit_kw(at(now))
            assert holds is not None and holds <= it.heard.value_kw
        if it.state in (S.INIT, S.FAILSAFE):
            assert (it.limit_kw(at(now)) or 0) <= 4.2


@pytest.mark.parametrize(
    ("devices", "heat_pumps", "cooling", "kw"),
    [
        (1, 0, 0, 4.2),
        (2, 0, 0, 4.2 + 0.80 * 4.2),
        (2, 9, 0, 4.2 + 0.80 * 4.2),  # not above 11 kW
        (3, 20, 0, 8.0 + 2 * 0.75 * 4.2),
        (2, 0, 30, 12.0 + 0.80 * 4.2),
        (9, 0, 0, 4.2 + 8 * 0.45 * 4.2),
        (40, 0, 0, 4.2 + 39 * 0.45 * 4.2),
    ],
)
def test_the_minimum_behind_an_energy_manager(devices, heat_pumps, cooling, kw):
    assert RULES.of_connection(devices, heat_pumps, cooling) == pytest.approx(kw)


def test_the_minimum_of_one_device():
    assert RULES.of_device("other", 22) == 4.2
    assert RULES.of_device("heat_pump", 11) == 4.2
    assert RULES.of_device("heat_pump", 30) == pytest.approx(12)


@given(st.integers(1, 30))
def test_one_more_device_never_lowers_the_minimum(devices):
    assert RULES.of_connection(devices + 1) >= RULES.of_connection(devices)


def test_no_device_is_no_connection():
    with pytest.raises(ValueError, match="1 or more"):
        RULES.of_connection(0)
