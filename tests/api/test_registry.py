"""Assets come into the registry, and their devices are tried: real Modbus against the simulated city."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.api.conftest import NOW, world
from tests.api.devices import listening
from vpp.domain import Quality, Reading, quarter_of
from vpp.operations.live.clock import SharedClock
from vpp.operations.owning.earned import worth

API = "/api/v1"
FAST = SharedClock(NOW, datetime.now(UTC).timestamp(), 60.0)
"""Devices wait for an hour in a minute."""
BATTERY = {
    "kind": "battery",
    "nameplate": {
        "node": "root", "capacity_kwh": 20.0, "max_charge_kw": 8.0, "max_discharge_kw": 8.0, "charge_efficiency": 0.95,
        "discharge_efficiency": 0.95,
    },
    "outlook": {"initial_soc": 0.5},
}  # fmt: skip
PV = {"kind": "pv", "nameplate": {"node": "root", "peak_kw": 5.0}, "outlook": {"profile": "sun"}}


def put(made, id, given, who="operator", **headers):
    return made.client.put(f"{API}/assets/{id}", json=given, headers={**made.bearer(who), **headers})


def test_an_asset_is_registered_changed_and_retired(own):
    made = put(own, "battery-new", BATTERY)
    assert made.status_code == 200, made.text
    assert made.json()["nameplate"]["capacity_kwh"] == 20.0 and made.json()["owner"] is None
    seen = made.headers["etag"]
    changed = {**BATTERY, "nameplate": {**BATTERY["nameplate"], "capacity_kwh": 25.0}, "owner": "carl"}
    own.clock = None
    again = put(own, "battery-new", changed, **{"If-Match": seen})
    assert again.status_code == 200 and again.json()["owner"] == "carl"
    late = put(own, "battery-new", BATTERY, **{"If-Match": seen})
    assert late.status_code == 409 and "changed by somebody else" in late.json()["detail"]
    headers = own.bearer("operator")
    assert own.client.delete(f"{API}/assets/battery-new", headers=headers).status_code == 204
    assert own.client.get(f"{API}/assets/battery-new", headers=headers).status_code == 404
    entries = own.client.get(f"{API}/audit", headers=headers).json()["items"][:3]
    assert [e["action"] for e in entries] == ["retire", "change", "register"]


def test_an_asset_that_names_a_series_keeps_the_name_and_is_planned(own):
    from assets import ASSET_TYPES
    from vpp.operations.live.spans import horizon_from
    from vpp.operations.live_case import live_case

    assert put(own, "pv-new", PV).status_code == 200
    asset = next(a for a in own.store.assets() if a.id == "pv-new")
    assert asset.outlook["profile"] == "sun"
    now = own.clock.now()
    case = live_case(own.store, ASSET_TYPES, horizon_from(quarter_of(now)), now).case
    assert "pv-new" in {u.id for u in case.units}


def test_every_mistake_of_an_asset_is_named(shared):
    wrong = {**BATTERY, "nameplate": {**BATTERY["nameplate"], "node": "nowhere", "capacity_kwh": -1, "colour": "red"}}
    answer = put(shared, "x", wrong)
    assert answer.status_code == 422
    text = "\n".join(answer.json()["mistakes"])
    assert "nowhere" in text and "capacity_kwh" in text and "colour" in text
    assert put(shared, "x", {**BATTERY, "kind": "teapot"}).status_code == 422
    assert "sunn" in put(shared, "x", {**PV, "outlook": {"profile": "sunn"}}).json()["detail"]
    assert "x" not in {a.id for a in shared.store.assets()}


def test_an_owner_registers_own_assets_and_takes_no_others(own):
    mine = put(own, "battery-new", {**BATTERY, "owner": "bert"}, "owner")
    assert mine.status_code == 200 and mine.json()["owner"] == "anna"
    for foreign in (own.theirs, "load-a"):
        before = own.client.get(f"{API}/assets/{foreign}", headers=own.bearer("operator")).json()
        assert put(own, foreign, BATTERY, "owner").status_code == 409
        assert own.client.delete(f"{API}/assets/{foreign}", headers=own.bearer("owner")).status_code == 404
        assert own.client.get(f"{API}/assets/{foreign}", headers=own.bearer("operator")).json() == before


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("169.254.169.254:80/1", "outside the allowed networks"),
        ("10.0.0.1:5432/1", "outside the allowed networks"),
        ("localhost:5020/1", "is no IP address"),
        ("/dev/ttyS0:1/1", "is no IP address"),
        ("[::1]:5020/1", "outside the allowed networks"),
        ("2130706433:5020/1", "is no IP address"),
    ],
)
def test_the_server_contacts_nothing_outside_its_networks(server, address, says, monkeypatch):
    monkeypatch.setattr(asyncio, "open_connection", lambda *a, **k: pytest.fail("contacted"))
    with world(server, networks=("127.9.0.0/16",)) as made:
        tried = {"profile": "battery", "address": address}
        for who in ("operator", "owner"):
            answer = made.client.post(f"{API}/probe", json=tried, headers=made.bearer(who))
            assert answer.status_code == 422 and says in answer.json()["detail"]
            assert put(made, "battery-new", {**BATTERY, **tried}, who).status_code == 422


def test_an_owner_does_not_try_the_device_of_another(server):
    with world(server, networks=("127.9.0.0/16",)) as made:
        theirs = made.client.get(f"{API}/assets/{made.theirs}", headers=made.bearer("operator")).json()["address"]
        tried = {"profile": "battery", "address": theirs}
        assert (
            made.client.post(f"{API}/probe", json={**tried, "rating_kw": 5.0}, headers=made.bearer("owner")).status_code
            == 409
        )
        assert put(made, "battery-new", {**BATTERY, **tried}, "owner").status_code == 409
        path = f"{API}/assets/{made.theirs}"
        for act, body in (("probe", None), ("commissioning", {})):
            assert made.client.post(f"{path}/{act}", json=body, headers=made.bearer("owner")).status_code == 404


@pytest.fixture(scope="module")
def device():
    with listening(FAST) as address:
        yield address


def test_a_device_is_tried_before_and_after_it_is_registered(server, device):
    with world(server, networks=("127.0.0.0/8",)) as made:
        headers = made.bearer("owner")
        tried = {"profile": "battery", "address": device}
        first = made.client.post(f"{API}/probe", json={**tried, "rating_kw": 8.0}, headers=headers)
        assert first.status_code == 200 and first.json()["probe_only"], first.text
        assert [s["outcome"] for s in first.json()["steps"] if s["name"] == "reach"] == ["passed"]
        assert put(made, "battery-new", {**BATTERY, **tried}, "owner").status_code == 200
        again = made.client.post(f"{API}/assets/battery-new/probe", headers=headers).json()
        assert again["passed"] and again["asset_id"] == "battery-new"


def test_a_device_is_commissioned_as_a_job(server, device):
    with world(server, networks=("127.0.0.0/8",)) as made:
        made.client.app.state.clock, headers = FAST, made.bearer("owner")
        put(made, "battery-new", {**BATTERY, "profile": "battery", "address": device}, "owner")
        begun = made.client.post(f"{API}/assets/battery-new/commissioning", json={}, headers=headers)
        assert begun.status_code == 202
        path = begun.headers["location"]
        told = made.client.get(f"{path}/events", headers=headers).text
        assert "write" in told and '"state": "done"' in told
        found = made.client.get(path, headers=headers).json()
        assert found["answer"]["passed"] and found["answer"]["signed_by"] == "token owner"
        assert made.client.get(path, headers=made.bearer("other")).status_code == 404


def test_earnings_are_those_of_the_owners_page_and_begin_with_the_owner(own):
    begun, later = quarter_of(NOW), NOW + timedelta(minutes=20)  # the plan that is there is of 12:00 local time
    own.client.app.state.clock = SharedClock(later, datetime.now(UTC).timestamp(), 1.0)
    own.store.store_readings([
        Reading(asset_id=own.mine, point="power_kw", at=begun + timedelta(minutes=n), value=4.0, quality=Quality.GOOD)
        for n in range(15)
    ])  # fmt: skip
    midnight = NOW.replace(hour=0, minute=0) - timedelta(hours=2)  # local
    span = f"start={quote(midnight.isoformat())}&end={quote((midnight + timedelta(days=1)).isoformat())}"
    path = f"{API}/assets/{own.mine}/earnings?{span}"
    (day,) = own.client.get(path, headers=own.bearer("owner")).json()
    assert day["day"] == "2025-04-06" and day["quarter_hours"] == 1 and day["measured_share"] == 1.0
    assert (day["delivered_kwh"], day["taken_kwh"]) == pytest.approx((1.0, 0.0))
    found = next(a for a in own.store.assets() if a.id == own.mine)
    (page,) = worth(own.store, own.mine, found.node, found.outlook, midnight, later)
    assert day["value_eur"] == pytest.approx(page.worth_eur) and page.worth_eur > 0
    csv = own.client.get(path, headers={**own.bearer("operator"), "accept": "text/csv"}).text
    assert csv.startswith("day,delivered_kwh,taken_kwh")
    assert own.client.get(path, headers=own.bearer("other")).status_code == 404
    own.store.give([own.mine], "bert", later - timedelta(minutes=1))
    assert own.client.get(path, headers=own.bearer("other")).json() == []  # what was before is not bert's
    assert own.client.get(path, headers=own.bearer("operator")).json() == [day]


def test_everything_is_released_and_owners_release_their_own(own):
    until = (own.clock.now() + timedelta(hours=1)).isoformat()

    def release(who, target=None):
        given = {"target": target, "until": until, "reason": "storm"}
        return own.client.post(f"{API}/releases", json=given, headers=own.bearer(who))

    assert [o["target"] for o in release("owner").json()] == [own.mine]
    assert release("owner", own.theirs).status_code == 404
    assert {o["target"] for o in release("operator").json()} == {own.mine, own.theirs, "pv-a"}


def wait_for(made, path, headers):
    for _ in range(200):
        found = made.client.get(path, headers=headers).json()
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_an_owner_exports_what_is_the_owners(own):
    import io
    import zipfile

    headers = own.bearer("owner")
    assert own.client.post(f"{API}/exports", json={"owner": "bert"}, headers=headers).status_code == 403
    begun = own.client.post(f"{API}/exports", json={"format": "csv"}, headers=headers)
    assert begun.status_code == 202
    path = begun.headers["location"]
    assert wait_for(own, path, headers)["state"] == "done"
    answer = own.client.get(f"{path}/file", headers=headers)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        texts = [file.read(name).decode() for name in file.namelist()]
    assert any(own.mine in text for text in texts)
    assert not any(own.theirs in text or "bert" in text for text in texts)
    for path_of_other in (path, f"{path}/file", f"{path}/events"):
        assert own.client.get(path_of_other, headers=own.bearer("other")).status_code == 404
    assert own.client.get(f"{API}/jobs", headers=own.bearer("other")).json() == []
    assert [j["kind"] for j in own.client.get(f"{API}/jobs", headers=own.bearer("operator")).json()] == ["export"]
    own.client.app.state.errands.file_of(UUID(path.rsplit("/", 1)[1])).unlink()  # as after seven days
    gone = own.client.get(f"{path}/file", headers=headers)
    assert gone.status_code == 404 and gone.headers["content-type"] == "application/problem+json"
    assert "its file was removed; allowed: ask for another export" in gone.json()["detail"]


def test_an_operator_erases_an_owner_and_the_log_still_fits(own):
    headers = own.bearer("operator")
    erased = own.client.post(f"{API}/owners/anna/erasure", headers=headers)
    assert erased.status_code == 200 and erased.json()["pseudonym"].startswith("erased-")
    assert own.client.post(f"{API}/owners/anna/erasure", headers=headers).status_code == 409
    assert own.store.verify_audit().intact
