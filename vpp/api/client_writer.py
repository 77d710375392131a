"""Writes the typed Python client from the API's own description: `python -m vpp.api.client_writer` renews both.

One TypedDict per schema, one method per operation; nothing of it is written by hand.
"""

import json
import keyword
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT, CLIENT = ROOT / "docs/reference/openapi.json", ROOT / "vpp/client.py"

HEAD = '''"""Typed client of the API, written by vpp.api.client_writer from docs/reference/openapi.json.

    client = Client(httpx.Client(base_url="https://vpp.example", headers={"Authorization": "Bearer vpp_…"}))
    for asset in client.list_assets()["items"]:
        print(asset["id"])
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

import httpx


class ApiError(RuntimeError):
    """The API refused; says why in its own sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail

'''

CALL = """
    def _call(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None,
        headers: Mapping[str, Any] | None = None, content: bytes | None = None, form: str | None = None,
    ) -> Any:  # fmt: skip
        given = {**(headers or {}), "Content-Type": form}
        answer = self._http.request(
            method, path, json=body, content=content,
            params={key: value for key, value in (query or {}).items() if value is not None},
            headers={key: str(value) for key, value in given.items() if value is not None},
        )  # fmt: skip
        if answer.is_error:
            told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            raise ApiError(answer.status_code, told.get("detail", answer.text))
        if not answer.content:
            return None
        kind = answer.headers.get("content-type", "")
        if "json" in kind:
            return answer.json()
        return answer.text if kind.startswith(("text/", "application/toml")) else answer.content
"""


def written(document: Mapping[str, Any]) -> str:
    """The client's source."""
    schemas = {name: schema for name, schema in document["components"]["schemas"].items() if name != "Problem"}
    parts = [HEAD, *(_schema(name, schemas[name]) for name in _in_order(schemas))]
    parts.append('class Client:\n    """Every operation of the API; raises ApiError."""\n')
    parts.append("    def __init__(self, http: httpx.Client) -> None:")
    parts.append('        """`http` knows the address and who we are."""\n        self._http = http\n')
    for path, methods in document["paths"].items():
        parts += [_method(path, method, operation) for method, operation in methods.items()]
    return "\n".join(parts) + CALL


def _in_order(schemas: Mapping[str, Any]) -> list[str]:
    """Each after those it speaks of."""
    found = dict[str, None]()

    def put(name: str) -> None:
        if name in found:
            return
        for other in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name])):
            if other in schemas and other != name:
                put(other)
        found[name] = None

    for name in sorted(schemas):
        put(name)
    return list(found)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"{_class(name)} = {_type(schema)}\n"
    needed = schema.get("required", [])
    lines = [f"class {_class(name)}(TypedDict):"]
    if about := schema.get("description"):
        lines.append(f"{_docstring(about, 4)}\n")
    for key, value in schema.get("properties", {}).items():
        kind = _type(value)
        lines.append(f"    {key}: {kind if key in needed else f'NotRequired[{kind}]'}")
    if not schema.get("properties"):
        lines.append("    pass")
    return "\n".join(lines) + "\n\n"


def _method(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    here = [p for p in parameters if p["in"] == "path"]
    others = sorted((p for p in parameters if p["in"] in ("query", "header")), key=lambda p: not p.get("required"))
    body = operation.get("requestBody", {}).get("content", {})
    signature = ["self", *(f"{_name(p)}: {_type(p['schema'])}" for p in here)]
    json_body = body.get("application/json")
    if json_body:
        signature.append(f"body: {_type(json_body['schema'])}")
    elif body:
        signature.append("content: bytes")
    if others:
        signature.append("*")
        signature += [
            f"{_name(p)}: {_type(p['schema'])}" if p.get("required") else f"{_name(p)}: {_optional(p)} = None"
            for p in others
        ]
    good = next((a for code, a in operation["responses"].items() if code.startswith("2")), {})
    content = good.get("content", {}).get("application/json")
    result = _type(content["schema"]) if content else _raw(good.get("content", {}))
    lines = [f"    def {operation['operationId']}({', '.join(signature)}) -> {result}:"]
    if about := operation.get("description"):
        lines.append(_docstring(about, 8))
    place = re.sub(r"{(\w+)}", r"{\1}", path)
    call = [f'"{method.upper()}"', f'f"{place}"' if here else f'"{place}"']
    for where in ("query", "header"):
        of = [p for p in others if p["in"] == where]
        if of:
            call.append(f"{'query' if where == 'query' else 'headers'}={{{', '.join(_pair(p) for p in of)}}}")
    if json_body:
        call.append("body=body")
    elif body:
        call.append(f'content=content, form="{next(iter(body))}"')
    lines.append(f"        return self._call({', '.join(call)})\n")
    return "\n".join(lines)


def _raw(content: Mapping[str, Any]) -> str:
    """What comes as no JSON: text, or bytes, or either as it was asked for."""
    kinds = {"bytes" if each["schema"].get("format") == "binary" else "str" for each in content.values()}
    return " | ".join(sorted(kinds)) or "None"


def _pair(parameter: Mapping[str, Any]) -> str:
    return f'"{parameter["name"]}": {_name(parameter)}'


def _name(parameter: Mapping[str, Any]) -> str:
    name = re.sub(r"\W", "_", parameter["name"]).lower()
    return f"{name}_" if keyword.iskeyword(name) else name


def _optional(parameter: Mapping[str, Any]) -> str:
    kind = _type(parameter["schema"])
    return kind if "None" in kind.split(" | ") else f"{kind} | None"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _class(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if "const" in schema:
        return f"Literal[{schema['const']!r}]".replace("'", '"')
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(each) for each in schema['enum'])}]"
    match schema.get("type"):
        case "string":
            return "str"
        case "integer":
            return "int"
        case "number":
            return "float"
        case "boolean":
            return "bool"
        case "null":
            return "None"
        case "array":
            return f"list[{_type(schema.get('items', {}))}]"
        case "object":
            more = schema.get("additionalProperties")
            return f"dict[str, {_type(more)}]" if isinstance(more, dict) else "dict[str, Any]"
        case _:
            return "Any"


def _class(name: str) -> str:
    """`Page_Asset_` → `PageAsset`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", name))


def _docstring(text: str, indent: int) -> str:
    """In lines that the formatter leaves alone."""
    space, whole = " " * indent, " ".join(text.split()).replace('"""', "'''")
    lines = textwrap.wrap(whole, 110 - indent)
    if len(lines) == 1:
        return f'{space}"""{whole}"""'
    body = "\n".join(f"{space}{line}" for line in lines[1:])
    return f'{space}"""{lines[0]}\n{body}\n{space}"""'


def formatted(source: str) -> str:
    """As the project's formatter has it."""
    import subprocess

    command = ["ruff", "format", "--stdin-filename", str(CLIENT), "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def described() -> dict[str, Any]:
    """The description of an application without a platform."""
    from typing import cast

    from vpp.api.app import create_app
    from vpp.operations.live.clock import WALL
    from vpp.store import Store

    return create_app(cast(Store, None), WALL).openapi()


def as_text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    found = described()
    DOCUMENT.write_text(as_text(found), encoding="utf-8")
    CLIENT.write_text(formatted(written(found)), encoding="utf-8")
