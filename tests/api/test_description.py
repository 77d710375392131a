"""The description of the API is true: it is current, its client works, and nothing it allows breaks the server."""

import json
from datetime import timedelta

import pytest

from vpp.api.client_writer import CLIENT, DOCUMENT, as_text, described, formatted, written
from vpp.client import ApiError, Client

RENEW = "renew it with: python -m vpp.api.client_writer"


def test_the_committed_description_is_current():
    assert DOCUMENT.read_text(encoding="utf-8") == as_text(described()), RENEW


def test_the_committed_client_is_current(monkeypatch):
    import os
    import sys
    from pathlib import Path

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert CLIENT.read_text(encoding="utf-8") == formatted(written(json.loads(DOCUMENT.read_text()))), RENEW


def test_the_client_reads_and_decides(own):
    own.client.headers.update(own.bearer("operator"))
    client = Client(own.client)
    assert [a["id"] for a in client.list_assets(limit=2)["items"]] == ["battery-a", "battery-b"]
    until = (own.clock.now() + timedelta(hours=1)).isoformat()
    made = client.limit({"target": "root", "max_import_kw": 3.0, "until": until, "reason": "§14a"}, idempotency_key="k")
    assert client.list_overrides()[0]["override_id"] == made["override_id"]
    assert client.take_back(made["override_id"]) is None
    with pytest.raises(ApiError, match="there is none that you may see") as refused:
        client.show_asset("nobody")
    assert refused.value.status == 404


# The server runs in this process: a thread of its own that draws a random number looks to hypothesis like a strategy's.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.slow
def test_nothing_that_the_description_allows_breaks_the_server(own):
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    schemathesis.serializer("application/zip")(
        lambda _, value: value if isinstance(value, bytes) else repr(value).encode()
    )
    checks = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance,
              response_headers_conformance]  # fmt: skip
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", own.client.app)
    headers = own.bearer("operator")
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events"):
            continue  # a stream; tests/api/test_routes.py follows one

        @given(case=operation.as_strategy())
        @settings(
            max_examples=15, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def try_it(case):
            nonlocal tried
            tried += 1
            case.call_and_validate(headers=headers, checks=checks)

        try_it()
    assert tried > 300
