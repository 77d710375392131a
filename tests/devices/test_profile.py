from pathlib import Path

import pytest

from vpp.devices import SETPOINTS, Device, Loss, load_profile, load_profiles, parse_profile
from vpp.domain import Mistakes, SetpointKind

GOOD = """
profile: demo
asset: battery
source: a test
transport: {max_read: 20}
cadence: {fast: 1s}
holes: [[60, 69]]
points:
  power_kw: {at: 10, type: int32, unit: W, group: fast, valid: [-11, 11]}
  on: {at: 14, type: uint16, group: fast}
  set_kw: {at: 80, type: int16, unit: W, group: fast}
setpoints:
  power_kw:
    range: [-5, 5]
    steps: [{write: {at: 80, type: int16, unit: W, value: $value}}]
    verify: {point: set_kw, tolerance: 0.001, within: 3s}
    effect: {point: power_kw, tolerance: 0.2, within: 15s}
    hold: {device_timeout: 60s, on_loss: internal}
    release: [{write: {at: 80, type: int16, value: 0}}]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        parse_profile(text, where="demo.yaml")
    return [str(m) for m in caught.value.mistakes]


def test_a_profile_is_read_with_its_units_times_and_names():
    profile = parse_profile(GOOD)
    assert profile.points["on"].at == 14  # not the boolean of YAML 1.1
    assert profile.cadence == {"fast": 1.0}
    hold = profile.setpoints["power_kw"].hold
    assert (hold.device_timeout, hold.refresh_s) == (60.0, 20.0)
    assert profile.setpoint_for(SetpointKind.TARGET) == "power_kw"
    assert profile.setpoint_for(SetpointKind.LIMIT) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("at: 14, type", "at: 11, type", "points.on.at: 11 overlaps point 'power_kw', which ends at 11"),
        ("range: [-5, 5]", "range: [-50, 5]", "setpoints.power_kw.range: -50 does not fit int16 at 80"),
        ("at: 14,", "at: 65,", "points.on.at: uint16 at 65 lies in the hole [60, 69]"),
        ("unit: W, group: fast, valid", "unit: Hz, group: fast, valid", "'Hz' does not measure power_kw; allowed: W"),
        ("unit: W, group: fast, valid", "unit: w, group: fast, valid", "points.power_kw.unit: 'w' is unknown"),
        ("at: 14, type: uint16", "at: 14, type: uint17", "points.on.type: 'uint17': Input should be 'int16'"),
        ("point: set_kw", "point: set_kv", "'set_kv' is no point; did you mean 'set_kw'?"),
        ("group: fast}\nsetpoints", "group: fats}\nsetpoints", "'fats' has no cadence; allowed: fast"),
        ("    verify: {point: set_kw, tolerance: 0.001, within: 3s}\n", "", "setpoints.power_kw.verify: is missing"),
        ("    hold: {device_timeout: 60s, on_loss: internal}\n", "", "setpoints.power_kw.hold: is missing"),
        ("    release: [{write: {at: 80, type: int16, value: 0}}]\n", "", "setpoints.power_kw.release: is missing"),
        ("device_timeout: 60s, ", "", "without a device_timeout the device keeps the order; allowed: last"),
        ("device_timeout: 60s", "device_timeout: 60s, refresh: 60s", "60 s is too late; allowed: > 0 s and < 60 s"),
        ("on_loss: internal", "on_loss: {value: 9}", "setpoints.power_kw.hold.on_loss: 9 is outside -5 … 5"),
        ("value: $value", "value: 3", "0 steps write $value; allowed: exactly one"),
        ("setpoints:\n  power_kw:", "setpoints:\n  power:", "is no setpoint; did you mean 'power_kw'?"),
        ("asset: battery", "asset: battery\nasset: pv", "key 'asset' is given twice"),
        ("transport: {max_read: 20}", "transport: {max_raed: 20}", "did you mean 'max_read'?"),
        ("cadence: {fast: 1s}", "cadence: {fast: 1}", "allowed: a time with its unit"),
        ("    steps: [{write: {at: 80", "    steps: [{write: {at: 79", "covers only a part"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(old, new, said):
    assert old in GOOD
    found = problems(GOOD.replace(old, new) if said != "covers only a part" else GOOD.replace(
        old + ", type: int16", new + ", type: int32"))  # fmt: skip
    assert any(said in each for each in found), found


def test_all_mistakes_are_reported_at_once():
    text = GOOD.replace("at: 14, type: uint16", "at: 11, type: uint17").replace("valid: [-11, 11]", "valid: [11, -11]")
    text = text.replace("point: set_kw", "point: nothing").replace("asset: battery", "asset: battery\nmaker: x")
    found = "\n".join(problems(text))
    for part in ("uint17", "points.power_kw.valid", "'nothing' is no point", "maker: is not a key"):
        assert part in found


def test_a_limit_is_rounded_down_and_not_negative():
    text = GOOD.replace("setpoints:\n  power_kw:", "setpoints:\n  power_limit_kw:\n    round: nearest")
    found = "\n".join(problems(text))
    assert "never rounded up" in found and "allowed: ≥ 0" in found


def test_a_range_that_depends_on_the_rating_is_checked_for_the_device():
    text = GOOD.replace("range: [-5, 5]", "range: [-100 %, 100 %]")
    profile = parse_profile(text)
    assert (
        Device(asset_id="b", profile=profile, host="127.0.0.1", port=1, rating_kw=30).layout.commands["power_kw"].high
        == 30
    )
    with pytest.raises(Mistakes, match="does not fit int16"):
        Device(asset_id="b", profile=profile, host="127.0.0.1", port=1, rating_kw=40)
    with pytest.raises(Mistakes, match="rating_kw: is missing"):
        Device(asset_id="b", profile=profile, host="127.0.0.1", port=1)


def test_mistakes_of_all_files_come_together(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("profile: a\n")
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "c.yaml").write_text("[1, 2")
    with pytest.raises(Mistakes) as caught:
        load_profiles(tmp_path)
    assert {m.where for m in caught.value.mistakes} == {"a.yaml", "b.yaml", "c.yaml"}
    with pytest.raises(Mistakes, match="cannot be read"):
        load_profile(tmp_path / "d.yaml")


def test_every_profile_is_documented_and_can_be_laid_out(profiles):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "profiles.md").read_text(encoding="utf-8")
    for name, profile in profiles.items():
        assert f"`{name}`" in page
        for rating_kw in (3.0, 50.0, 5_000.0):
            device = Device(asset_id="x", profile=profile, host="127.0.0.1", port=502, rating_kw=rating_kw)
            assert set(device.layout.commands) <= set(SETPOINTS)
            assert all(device.layout.plan(group) for group in device.groups)


def test_the_planner_knows_what_each_device_does_when_the_link_is_lost(profiles):
    def losses(name: str) -> dict[str, Loss]:
        return Device(asset_id="x", profile=profiles[name], host="127.0.0.1", port=502, rating_kw=10).losses

    assert losses("battery") == {"power_kw": Loss(after_s=60, does="value", value=0)}
    assert losses("sunspec-inverter") == {"power_limit_kw": Loss(after_s=60, does="unlimited", value=None)}
    assert losses("chp") == {"power_kw": Loss(after_s=60, does="internal", value=None)}
    assert losses("stiebel-isg") == {"switch": Loss(after_s=None, does="last", value=None)}
    assert losses("energy-meter") == {}
