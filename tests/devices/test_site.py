import textwrap

import pytest

from vpp.devices.site import Registered, load_site, registered_site
from vpp.domain import Mistakes

SITE = """
site: test
allowed: [127.0.0.0/8, /dev/ttyUSB0]
devices:
  - {id: b, profile: battery, host: 127.0.0.5, port: 1502, unit: 3, rating_kw: 10, writable: true}
  - {id: hp, profile: heat-pump, host: 127.0.0.6, rating_kw: 5, writable: [power_limit_kw]}
  - {id: m, profile: energy-meter, host: /dev/ttyUSB0, unit: 7, transport: {timeout_ms: 300, baudrate: 9600}}
limits:
  - {name: house, devices: [b, hp], failsafe_kw: 4.2, failsafe: 3h}
"""


def load(tmp_path, profiles, text: str):
    (tmp_path / "site.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    return load_site(tmp_path / "site.yaml", profiles)


def test_a_site_names_its_devices(tmp_path, profiles):
    site = load(tmp_path, profiles, SITE)
    b, hp, m = site.devices
    assert (b.host, b.port, b.unit, b.rating_kw, b.may_write("power_kw")) == ("127.0.0.5", 1502, 3, 10, True)
    assert (hp.port, hp.may_write("power_limit_kw"), hp.may_write("power_kw")) == (502, True, False)
    assert (m.host, m.writable, m.profile.transport.timeout_ms) == ("/dev/ttyUSB0", False, 300)
    assert (site.limits[0].failsafe, site.limits[0].kind) == (10_800, "consumption")


def test_every_mistake_is_named_at_once(tmp_path, profiles):
    wrong = """
    site: test
    allowed: [127.0.0.0/8]
    devices:
      - {id: b, profile: batery, host: 127.0.0.5}
      - {id: c, profile: battery, host: 10.0.0.5, rating_kw: 10}
      - {id: d, profile: battery, host: 127.0.0.5}
      - {id: e, profile: battery, host: 127.0.0.5, rating_kw: 10, writable: [power]}
      - {id: f, profile: energy-meter, host: 127.0.0.5, transport: {framer: pigeon}}
      - {id: f, profile: energy-meter, host: 127.0.0.6}
      - {id: g, profile: energy-meter, host: /dev/ttyUSB0}
    limits: [{name: house, devices: [bb], failsafe_kw: 4.2}]
    tls: {ca: nowhere.pem}
    """
    with pytest.raises(Mistakes) as caught:
        load(tmp_path, profiles, wrong)
    said = str(caught.value)
    for part in (
        "did you mean 'battery'", "10.0.0.5 is outside", "rating_kw", "'power' is no setpoint", "transport.framer",
        "given twice", "serial port /dev/ttyUSB0", "device 'bb' is unknown", "tls",
    ):  # fmt: skip
        assert part in said, part
    assert len(caught.value.mistakes) == 9


@pytest.mark.parametrize("text", ["", "[", "site: x", "site: x\nallowed: [lan]\ndevices: []", "site: x\nwho: me"])
def test_what_is_no_site_file_says_so(tmp_path, profiles, text):
    with pytest.raises(Mistakes):
        load(tmp_path, profiles, text)


def test_a_site_from_the_registry(profiles):
    rows = [
        Registered(id="b", kind="battery", profile="battery", address="127.0.0.9:1502/4",
                   nameplate={"max_charge_kw": 5, "max_discharge_kw": 8}),
        Registered(id="x", kind="battery", profile="battery", address="127.0.0.9/4", nameplate={}),
    ]  # fmt: skip
    (device,) = registered_site(rows[:1], profiles, ["127.0.0.0/8"], writable=False).devices
    assert (device.host, device.port, device.unit, device.rating_kw) == ("127.0.0.9", 1502, 4, 8)
    with pytest.raises(Mistakes, match="asset 'x'"):
        registered_site(rows, profiles, ["127.0.0.0/8"], writable=False)
    with pytest.raises(Mistakes, match="outside the allowed"):
        registered_site(rows[:1], profiles, ["10.0.0.0/8"], writable=False)
