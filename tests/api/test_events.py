"""The stream of what changes: everything new, once, and an owner hears only of what is the owner's."""

import json
import threading
from datetime import timedelta
from uuid import uuid4

from vpp.api.routes import events
from vpp.domain import SetpointEvent, SetpointState
from vpp.store.changes import Watch
from vpp.store.dispatching import Identity, end_override, overrides, push
from vpp.store.people import People, Role

API = "/api/v1"


def decide(made, target, who="operator"):
    until = (made.clock.now() + timedelta(hours=1)).isoformat()
    given = {"kind": "exclude", "target": target, "until": until, "reason": "repair"}
    return made.client.post(f"{API}/overrides", json=given, headers=made.bearer(who)).json()["override_id"]


def test_a_watch_tells_everything_new_once(own):
    now = own.clock.now()
    watch = Watch(own.store, None)
    assert watch.look(now) == []
    id = decide(own, own.theirs)
    order = own.store.setpoints(now)[0]
    own.store.save_events(
        [SetpointEvent(setpoint_id=order.id, asset_id=order.asset_id, at=now, state=SetpointState.RECEIVED, detail="x")]
    )
    quarter = now.replace(minute=30)
    push(own.store, Identity("intraday", quarter), None, [], label="safe", why="secret words", planned=now)
    found = watch.look(now)
    assert [c.what for c in found] == ["plan", "order", "decision"]
    assert found[0].facts["label"] == "safe" and "why" not in found[0].facts
    assert (found[1].facts["asset_id"], found[1].facts["state"]) == (order.asset_id, "received")
    assert found[2].facts["target"] == own.theirs and found[2].facts["ended"] is None
    assert watch.look(now) == []
    end_override(own.store, overrides(own.store, now)[0].override_id, "me", now)
    assert [str(c.facts["override_id"]) for c in watch.look(now)] == [id]


def test_a_stream_tells_an_owner_nothing_of_others(own, monkeypatch):
    """What was seen is told before it is asked again whether the caller is let in; then the stream is ended."""
    monkeypatch.setattr(events, "LOOK_S", 0.05)
    monkeypatch.setattr(events, "BEAT_S", 0.1)
    looks, heard, now = threading.Semaphore(0), [], own.clock.now()

    class Watched(Watch):
        def look(self, now):
            found = super().look(now)
            heard.extend(found)
            looks.release()
            return found

    def change():
        assert looks.acquire(timeout=60)  # the first one, where the stream begins
        for asset in (own.theirs, own.mine):
            decide(own, asset)
            order = next(s for s in own.store.setpoints(now) if s.asset_id == asset)
            event = SetpointEvent(setpoint_id=order.id, asset_id=asset, at=now, state=SetpointState.LOST, detail=asset)
            own.store.save_events([event])
        while len(heard) < 2 and looks.acquire(timeout=60):
            pass
        people.revoke(token.token_id)

    monkeypatch.setattr(events, "Watch", Watched)
    people = People(own.store)
    secret, token = people.add_token("listener", Role.OWNER, "anna", ["read"], "some operator", 1)
    thread = threading.Thread(target=change)
    thread.start()
    answer = own.client.get(f"{API}/events?seconds=120", headers={"Authorization": f"Bearer {secret}"})
    thread.join()
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [block.split("\n") for block in answer.text.strip().split("\n\n") if not block.startswith(":")]
    names = [lines[0].removeprefix("event: ") for lines in told]
    assert (names[0], names[-1]) == ("hello", "goodbye") and set(names[1:-1]) == {"order", "decision"}
    facts = [json.loads(lines[1].removeprefix("data: ")) for lines in told[1:-1]]
    assert {f.get("asset_id", f.get("target")) for f in facts} == {own.mine}
    assert own.theirs not in answer.text


def test_a_stream_ends_for_who_is_no_longer_let_in(own, monkeypatch):
    monkeypatch.setattr(events, "LOOK_S", 0.05)
    monkeypatch.setattr(events, "BEAT_S", 0.1)
    people = People(own.store)
    secret, token = people.add_token(f"{uuid4()}", Role.VIEWER, None, ["read"], "some operator", 1)

    class Watched(Watch):
        def look(self, now):
            people.revoke(token.token_id)  # only a stream that stands looks
            return super().look(now)

    monkeypatch.setattr(events, "Watch", Watched)
    answer = own.client.get(f"{API}/events?seconds=120", headers={"Authorization": f"Bearer {secret}"})
    assert answer.text.strip().endswith('data: {"why": "no longer let in"}')


def test_too_many_streams_are_refused_in_a_sentence(own, monkeypatch):
    monkeypatch.setattr(events, "MOST_STREAMS", 0)
    answer = own.client.get(f"{API}/events", headers=own.bearer("viewer"))
    assert answer.status_code == 503 and "0 streams are open" in answer.json()["detail"]
