"""Every operation of the description has examples, and they and the headers of errors are true."""

import re

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.api.conftest import world
from vpp.api.client_writer import described
from vpp.api.examples import FILE, good_content, recorded
from vpp.api.problems import DECLARED, MEDIA
from vpp.api.routes import events
from vpp.api.routes.imports import TABLE
from vpp.sources.tables import parse

API = "/api/v1"
BINARY = {"application/vnd.apache.parquet", "application/zip", "application/pdf"}
"""Files that no text shows."""
EXCEPTED = {("fetch_report", "text/html"): "a whole page of its own"}
RENEW = "renew them with: python -m tests.api.record_examples, then python -m vpp.api.client_writer"
DOCUMENT = described()
OPERATIONS = {o["operationId"]: o for methods in DOCUMENT["paths"].values() for o in methods.values()}
SECRET = re.compile(r"vpp_[\w-]+|\$argon2|https?://|localhost|127\.\d|/tmp/|/root|/home/|postgres|Bearer", re.ASCII)


def resolved(thing):
    while "$ref" in thing:
        at = DOCUMENT
        for part in thing["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        thing = at
    return thing


def examples_of(media):
    """Beside the schema, or in it."""
    return [media["example"]] if "example" in media else resolved(media["schema"]).get("examples", [])


def faults(value, schema):
    whole = {"components": DOCUMENT["components"], **schema}
    return [e.message for e in Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_bodies_and_answers_have_examples_that_fit_their_schemas(name):
    operation = OPERATIONS[name]
    sent = resolved(operation.get("requestBody", {})).get("content", {})
    for media, content in [*sent.items(), *good_content(operation).items()]:
        found = examples_of(content)
        if media in BINARY or (name, media) in EXCEPTED:
            assert not found
            continue
        assert found, f"{name}, {media}: has no example; {RENEW}"
        for example in found:
            assert faults(example, content["schema"]) == [], RENEW


def test_there_is_no_example_of_what_is_not_there():
    known = {(name, media) for name, o in OPERATIONS.items() for media in good_content(o)}
    kept = {(name, media) for name, answers in recorded().items() for media in answers}
    assert kept <= known, RENEW
    assert set(EXCEPTED) <= known - kept


def test_examples_tell_no_secrets_and_no_places():
    assert SECRET.findall(FILE.read_text(encoding="utf-8")) == []


def test_the_table_that_is_sent_can_be_read():
    assert parse(TABLE.encode(), "file").flavour == "ISO"


def test_errors_share_one_example_that_fits():
    for status in DECLARED:
        (example,) = examples_of(DOCUMENT["components"]["responses"][f"{status}"]["content"][MEDIA])
        assert faults(example, {"$ref": "#/components/schemas/Problem"}) == []


def refused(made, status):
    client, headers = made.client, made.bearer("operator")
    json = {**headers, "Content-Type": "application/json"}
    lock = {"kind": "lock", "target": "load-a", "value_kw": 1, "until": "2025-04-07T00:00:00Z", "reason": "test"}
    match status:
        case 400:
            return client.post(f"{API}/limits", content=b"{", headers=json)
        case 401:
            return client.get(f"{API}/assets")
        case 403:
            return client.get(f"{API}/audit", headers=made.bearer("owner"))
        case 404:
            return client.get(f"{API}/assets/nobody", headers=headers)
        case 405:
            return client.put(f"{API}/health", headers=headers)
        case 409:
            return client.post(f"{API}/overrides", json=lock, headers=headers)
        case 413:
            return client.post(f"{API}/limits", content=b"x" * 1_000_001, headers=json)
        case 422:
            return client.post(f"{API}/limits", json={}, headers=headers)
        case 429:
            client.post(f"{API}/session", json={})
            return client.post(f"{API}/session", json={})
        case 503:
            return client.get(f"{API}/events", headers=headers)


def test_errors_carry_the_headers_that_are_described_and_no_others(server, monkeypatch):
    monkeypatch.setattr(events, "MOST_STREAMS", 0)
    with world(server, log_ins_per_minute=1) as made:
        for status in DECLARED:
            answer = refused(made, status)
            assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA)
            assert faults(answer.json(), {"$ref": "#/components/schemas/Problem"}) == []
            told = DOCUMENT["components"]["responses"][f"{status}"]["headers"]
            sent = {name: answer.headers[name] for name in answer.headers}
            assert {name.lower() for name in told} == set(sent) - {"content-type", "content-length"}, status
            for name, header in told.items():
                schema = resolved(header)["schema"]
                value = sent[name.lower()]
                assert faults(int(value) if schema["type"] == "integer" else value, schema) == []


def test_what_is_allowed_names_every_method_of_a_path(shared):
    for path, methods in DOCUMENT["paths"].items():
        answer = shared.client.patch(re.sub(r"{\w+}", "prices", path))
        assert answer.status_code == 405 and answer.headers["content-type"] == MEDIA
        assert answer.headers["allow"].lower().split(", ") == sorted(methods), path


def test_every_operation_says_what_may_come_instead_of_its_answer():
    for operation in OPERATIONS.values():
        others = {code: a for code, a in operation["responses"].items() if not code.startswith("2")}
        assert {"400", "405", "413", "422", "429", "503"} <= set(others)
        for code, answer in others.items():
            assert answer["$ref"] == f"#/components/responses/{code}" and resolved(answer)["headers"]


@pytest.mark.slow
def test_the_product_still_answers_like_that(server):
    from tests.api.record_examples import recorded as anew

    fresh, kept = anew(server), recorded()
    assert {name: set(answers) for name, answers in fresh.items()} == {n: set(a) for n, a in kept.items()}, RENEW
    for name, answers in fresh.items():
        for media, answer in answers.items():
            schema = good_content(OPERATIONS[name])[media]["schema"]
            assert faults(answer, schema) == []
            if media == "text/csv":
                assert answer.splitlines()[0] == kept[name][media].splitlines()[0], RENEW
