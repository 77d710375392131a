"""Asks every operation once and keeps the answers as examples: `python -m tests.api.record_examples` (a minute).

Then renew the description: `python -m vpp.api.client_writer`.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.api.conftest import NOW, PASSWORDS, Server, World, serving, world
from tests.api.devices import listening
from tests.api.plain_answers import Plain
from vpp.api.examples import FILE
from vpp.api.routes.imports import TABLE
from vpp.domain import Quality, Reading, market_day, quarter_of
from vpp.operations.desk import packed
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.planner import run_id_of
from vpp.store.dispatcher import Release, add_release
from vpp.store.dispatching import Identity
from vpp.store.people import People, Role

JSON, CSV, STREAM, TOML = "application/json", "text/csv", "text/event-stream", "application/toml"
DAY = {"start": "2025-04-06T00:00:00+02:00", "end": "2025-04-07T00:00:00+02:00"}
UNTIL = "2025-04-06T14:00:00+02:00"
CASE = Path(__file__).parents[2] / "data/cases/battery-spread"
STUDY = {
    "name": "More batteries", "base": "musterstadt", "first": "2025-04-06", "last": "2025-04-06", "assets": 12,
    "variants": [{"title": "Two more", "yearly_cost_eur": 900.0,
                  "changes": [{"kind": "add", "which": "battery-*", "number": 2}]}],
}  # fmt: skip
BATTERY = {
    "kind": "battery",
    "nameplate": {"node": "root", "capacity_kwh": 20.0, "max_charge_kw": 8.0, "max_discharge_kw": 8.0,
                  "charge_efficiency": 0.95, "discharge_efficiency": 0.95},
    "outlook": {"initial_soc": 0.5}, "profile": "battery",
}  # fmt: skip


class Recorder:
    """Asks one platform and keeps what it answered."""

    def __init__(self, made: World) -> None:
        self.made, self.found = made, dict[str, dict[str, Any]]()
        self._plain = Plain(datetime.now(UTC), NOW)
        paths = made.client.app.openapi()["paths"]
        self.routes = {o["operationId"]: (m, path) for path, methods in paths.items() for m, o in methods.items()}

    def ask(
        self, name: str, media: str = JSON, /, *, params: dict | None = None, body: Any = None,
        content: bytes | None = None, form: str | None = None, headers: dict | None = None, **place: Any,
    ) -> Any:  # fmt: skip
        """What the operation answers, kept in short."""
        method, path = self.routes[name]
        told = {**(self.made.bearer("operator") if headers is None else headers), "Accept": media}
        if form is not None:
            told["Content-Type"] = form
        answer = self.made.client.request(
            method, path.format(**place), params=params, json=body, content=content, headers=told
        )
        assert answer.is_success, f"{name}: {answer.text}"
        assert answer.headers["content-type"].startswith(media), name
        said = answer.json() if media == JSON else answer.text
        keep = {JSON: self._plain.value, CSV: self._plain.table, STREAM: self._plain.stream, TOML: self._plain.text}
        self.found.setdefault(name, {})[media] = keep[media](said)
        return said

    def both(self, name: str, params: dict | None = None, /, **place: Any) -> None:
        for media in (JSON, CSV):
            self.ask(name, media, params=params, **place)


def recorded(server: Server, *, with_study: bool = True) -> dict[str, dict[str, Any]]:
    """By operation and media type, in the order of the description; `with_study`: a study is run, too."""
    minutes = SharedClock(NOW, datetime.now(UTC).timestamp(), 60.0)
    with listening(minutes) as device, world(server, networks=("127.0.0.0/8",)) as made:
        it = Recorder(made)
        _plans(it)
        _decisions(it)
        _people(it)
        _assets(it, device)
        _long_work(it)
        _desk(it)
        if with_study:
            _study(it)
        _last(it)
        return {name: it.found[name] for name in it.routes if name in it.found}


def _plans(it: Recorder) -> None:
    day, mine = market_day(date(2025, 4, 7)), it.made.mine
    it.ask("health")
    it.ask("status")
    it.ask("follow", STREAM, params={"seconds": 0})
    it.ask("list_runs", params={"limit": 1})
    run_id = it.ask("show_plan")["run_id"]
    it.ask("show_run", run_id=run_id)
    it.both("show_schedule", {"asset": mine, "quantity": "power_kw"}, run_id=run_id)
    it.ask("show_asset_plan", asset_id=mine)
    it.both("show_reasons", {"asset": mine}, run_id=run_id)
    it.both("show_asset_reasons", asset_id=mine)
    order = it.ask("list_setpoints", params={"limit": 1})["items"][0]
    it.ask("show_setpoint", setpoint_id=order["id"])
    it.ask("list_dispatches", params=DAY)
    sold = run_id_of(Identity("day_ahead", day.start))
    released = Release(release_id=uuid4(), delivery_day=date(2025, 4, 7), run_id=sold, author="some operator",
                       released=it.made.clock.now(), note="")  # fmt: skip
    add_release(it.made.store, released)
    it.ask("show_position", params={"start": day.start.isoformat(), "end": day.end.isoformat()})
    it.ask("list_series")
    it.ask("show_forecast", params={"series": "sun"})
    stored = {"store_it": True, "source": "SMARD.de", "licence": "CC BY 4.0"}
    it.ask("import_file", params=stored, content=TABLE.encode(), form=CSV, what="prices")
    it.both("list_prices", {"series": "day-ahead DE-LU", "start": "2025-04-08T00:00:00+02:00",
                            "end": "2025-04-09T00:00:00+02:00"})  # fmt: skip


def _decisions(it: Recorder) -> None:
    mine, why = it.made.mine, {"until": UNTIL, "reason": "test of the inverter"}
    it.ask("override", body={"kind": "lock", "target": mine, "value_kw": -5.0, **why})
    it.ask("limit", body={"target": "root", "max_import_kw": 12.0, "until": UNTIL, "reason": "§ 14a EnWG"})
    it.ask("list_overrides")
    it.ask("release", body={"target": it.made.theirs, "until": UNTIL, "reason": "work on the transformer"})


def _people(it: Recorder) -> None:
    who = f"some {Role.OPERATOR}"
    session = it.ask("log_in", body={"name": who, "password": PASSWORDS[Role.OPERATOR]}, headers={})
    change = {"X-CSRF-Token": session["csrf_token"]}
    it.ask("who_am_i", headers={})
    it.ask("add_token", body={"name": "SCADA", "role": "viewer", "scopes": ["read"], "days": 90}, headers=change)
    it.made.client.cookies.clear()
    it.ask("list_tokens")
    it.ask("list_people")
    it.ask("add_person", body={"name": "Anna", "role": "owner", "owner": "anna", "password": PASSWORDS[Role.OWNER]})
    it.ask("set_activity", body={"active": False}, name="Anna")


def _assets(it: Recorder, device: str) -> None:
    mine = it.made.mine
    it.ask("list_assets", params={"limit": 1})
    it.ask("show_asset", asset_id=mine)
    it.ask("show_latest", asset_id=mine)
    it.both("list_latest")
    it.ask("list_profiles")
    it.ask("probe_address", body={"profile": "battery", "address": device, "rating_kw": 8.0})
    it.ask("put", body={**BATTERY, "address": device}, asset_id="battery-new")
    it.ask("probe_asset", asset_id="battery-new")
    it.ask("give_asset", body={"owner": "anna"}, asset_id="battery-new")
    begun = quarter_of(NOW)
    it.made.store.store_readings([
        Reading(asset_id=mine, point="power_kw", at=begun + timedelta(minutes=n), value=4.0, quality=Quality.GOOD)
        for n in range(15)
    ])  # fmt: skip
    it.both("list_readings", {"point": "power_kw", "limit": 2, **DAY}, asset_id=mine)
    now = it.made.client.app.state.clock
    later = SharedClock(NOW + timedelta(minutes=20), datetime.now(UTC).timestamp(), 1.0)
    it.made.client.app.state.clock = later
    it.both("list_earnings", DAY, asset_id=mine)
    it.made.client.app.state.clock = now


def _long_work(it: Recorder) -> None:
    job_id = it.ask("export", body={"owner": "anna", "format": "csv"})["job_id"]
    it.ask("follow_job", STREAM, job_id=job_id)
    it.ask("show_job", job_id=job_id)
    it.ask("list_jobs")
    asked = {"changes": [{"asset": it.made.mine, "column": "capacity_kwh", "value": 80.0}]}
    study_id = it.ask("add_study", body=asked)["study_id"]
    it.ask("follow_study", STREAM, study_id=study_id)
    it.ask("show_study", study_id=study_id)
    it.ask("list_studies", params={"limit": 1})
    it.ask("commission", body={"note": "after the inverter was changed"}, asset_id="battery-new")


def _desk(it: Recorder) -> None:
    asked = {"name": "a spread", "method": "exact", "gap": 0.0}
    case_id = it.ask("bring_case", params=asked, content=packed(CASE), form="application/zip")["case_id"]
    it.ask("follow_case", STREAM, case_id=case_id)
    for name in ("show_case", "show_result", "cancel_case"):
        it.ask(name, case_id=case_id)
    it.ask("fetch_schedule", CSV, case_id=case_id)
    it.ask("list_cases")


def _study(it: Recorder) -> None:
    study_id = it.ask("compose_study", body=STUDY)["study_id"]
    it.ask("fetch_text", TOML, study_id=study_id)
    it.ask("follow_desk_study", STREAM, study_id=study_id)
    it.ask("run_desk_study", study_id=study_id)
    it.ask("follow_desk_study", STREAM, study_id=study_id)
    for name in ("show_desk_study", "show_variants", "cancel_desk_study"):
        it.ask(name, study_id=study_id)
    it.ask("list_desk_studies")


def _last(it: Recorder) -> None:
    """What nothing can be asked after."""
    it.ask("list_audit", params={"limit": 2})
    it.ask("erase", name="bert")
    with it.made.store.database.transaction() as connection:
        connection.execute("DELETE FROM vpp.person")
    token = People(it.made.store).new_setup_token()
    it.ask("set_up", body={"token": token, "name": "Ada", "password": PASSWORDS[Role.OPERATOR]}, headers={})


if __name__ == "__main__":
    with serving() as server:
        found = recorded(server)
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
