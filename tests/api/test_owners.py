"""Owner anna never sees or touches what is bert's."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from vpp.store import listing
from vpp.store.dispatching import Override, OverrideKind, add_override, end_override, overrides
from vpp.store.people import People, Role

API = "/api/v1"


def span(made):
    now = made.clock.now()
    return f"start={(now - timedelta(days=1)).isoformat()}&end={(now + timedelta(days=1)).isoformat()}".replace(
        "+", "%2B"
    )


def test_an_owner_lists_only_the_own_assets(shared):
    for who, asset in (("owner", shared.mine), ("other", shared.theirs)):
        items = shared.client.get(f"{API}/assets?limit=1000", headers=shared.bearer(who)).json()["items"]
        assert [a["id"] for a in items] == [asset]
    items = shared.client.get(f"{API}/assets", headers=shared.bearer("operator")).json()["items"]
    assert {shared.mine, shared.theirs} < {a["id"] for a in items}


@pytest.mark.parametrize("path", ["", "/latest", "/readings?point=soc&{span}", "/plan", "/reasons", "/earnings?{span}"])
def test_guessing_an_id_is_answered_as_if_it_were_not_there(shared, path):
    def ask(asset):
        return shared.client.get(
            f"{API}/assets/{asset}{path}".format(span=span(shared)), headers=shared.bearer("owner")
        )

    theirs, nobodys = ask(shared.theirs), ask("nobodys")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json()["detail"].replace(shared.theirs, "?") == nobodys.json()["detail"].replace("nobodys", "?")
    assert ask(shared.mine).status_code == 200


@pytest.mark.parametrize("form", ["application/json", "text/csv", "application/vnd.apache.parquet"])
def test_no_form_of_export_shows_others(shared, form):
    headers = {**shared.bearer("owner"), "Accept": form}
    answer = shared.client.get(f"{API}/latest", headers=headers)
    assert shared.mine.encode() in answer.content
    assert shared.theirs.encode() not in answer.content


def test_an_owner_sees_the_orders_to_the_own_assets_only(shared):
    every = shared.client.get(f"{API}/setpoints", headers=shared.bearer("operator")).json()["items"]
    own = shared.client.get(f"{API}/setpoints", headers=shared.bearer("owner")).json()["items"]
    assert {s["asset_id"] for s in own} == {shared.mine}
    assert {s["asset_id"] for s in every} > {shared.mine}
    theirs = next(s["id"] for s in every if s["asset_id"] == shared.theirs)
    assert shared.client.get(f"{API}/setpoints/{theirs}", headers=shared.bearer("owner")).status_code == 404
    assert shared.client.get(f"{API}/setpoints/{theirs}", headers=shared.bearer("other")).status_code == 200
    filtered = shared.client.get(f"{API}/setpoints?asset={shared.theirs}", headers=shared.bearer("owner"))
    assert filtered.json()["items"] == []


def test_an_owner_pauses_the_own_asset_and_no_other(own):
    given = {"kind": "exclude", "until": (own.clock.now() + timedelta(hours=2)).isoformat(), "reason": "holiday"}

    def post(target, who="owner", **more):
        return own.client.post(f"{API}/overrides", json={**given, "target": target, **more}, headers=own.bearer(who))

    assert post(own.theirs).status_code == 404
    made = post(own.mine)
    assert made.status_code == 201
    assert post(own.mine, kind="lock", value_kw=1.0).status_code == 403
    id = made.json()["override_id"]
    assert own.client.get(f"{API}/overrides", headers=own.bearer("other")).json() == []
    assert own.client.delete(f"{API}/overrides/{id}", headers=own.bearer("other")).status_code == 404
    assert own.client.delete(f"{API}/overrides/{id}", headers=own.bearer("owner")).status_code == 204
    assert own.client.delete(f"{API}/overrides/{id}", headers=own.bearer("owner")).status_code == 404


def test_an_owner_does_not_end_what_the_operator_decided(own):
    until = (own.clock.now() + timedelta(hours=2)).isoformat()
    given = {"kind": "exclude", "until": until, "reason": "repair", "target": own.mine}
    id = own.client.post(f"{API}/overrides", json=given, headers=own.bearer("operator")).json()["override_id"]
    assert own.client.delete(f"{API}/overrides/{id}", headers=own.bearer("owner")).status_code == 404
    assert own.client.get(f"{API}/overrides", headers=own.bearer("owner")).json()[0]["override_id"] == id


def test_status_tells_an_owner_nothing_about_others(shared):
    text = shared.client.get(f"{API}/status", headers=shared.bearer("owner")).text
    assert shared.theirs not in text and "load-a" not in text


def test_the_database_refuses_where_the_filter_is_forgotten(own, monkeypatch):
    """Every query of the API without its condition: what row-level security and views leave is all that is seen."""
    until = (own.clock.now() + timedelta(hours=2)).isoformat()
    for target in (own.mine, own.theirs):
        given = {"kind": "exclude", "until": until, "reason": "repair", "target": target}
        assert own.client.post(f"{API}/overrides", json=given, headers=own.bearer("operator")).status_code == 201
    monkeypatch.setattr(listing, "_OWN", "true")
    everything = [f"/assets/{asset}{path}" for asset in (own.mine, own.theirs)
                  for path in ("", "/latest", f"/readings?point=soc&{span(own)}", "/plan", "/reasons")]  # fmt: skip
    everything += ["/assets", "/latest", "/setpoints", f"/setpoints?asset={own.theirs}", "/overrides"]
    for path in everything:
        answer = own.client.get(f"{API}{path}", headers=own.bearer("owner"))
        assert answer.status_code == (404 if f"/{own.theirs}" in path else 200)
        assert own.theirs not in answer.text.replace(f"asset '{own.theirs}': there is none", ""), path
    assert own.theirs in own.client.get(f"{API}/assets", headers=own.bearer("operator")).text


def test_the_database_lets_an_owner_exclude_own_assets_only(own):
    now = own.clock.now()
    made = Override(
        override_id=uuid4(), kind=OverrideKind.EXCLUDE, target=own.mine, value_kw=None, max_import_kw=None,
        max_export_kw=None, start=now, until=now + timedelta(hours=1), author="anna", reason="", created=now,
    )  # fmt: skip
    for wrong in (replace(made, target=own.theirs), replace(made, kind=OverrideKind.LOCK, value_kw=1.0)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            add_override(own.store, wrong, "anna")
    theirs = replace(made, override_id=uuid4(), target=own.theirs)
    assert add_override(own.store, made, "anna") and add_override(own.store, theirs, "bert")
    assert not end_override(own.store, theirs.override_id, "anna", now, "anna")
    assert end_override(own.store, made.override_id, "anna", now, "anna")
    assert [o.target for o in overrides(own.store, now)] == [own.theirs]


def test_who_owns_nothing_sees_nothing(own):
    secret, _ = People(own.store).add_token("lost", Role.OWNER, "nobody", ["read", "write"], "some operator", 1)
    headers = {"Authorization": f"Bearer {secret}"}
    assert own.client.get(f"{API}/assets", headers=headers).json() == {"items": [], "next": None}
    assert own.client.get(f"{API}/latest", headers=headers).json() == []
