"""Examples of the description: for each operation what the product once answered, kept in `examples.json`.

The file is written from real answers by `python -m tests.api.record_examples`, never by hand: `{operation: {media
type: answer}}`, JSON as it is, everything else as text. Lists are cut to two items. Bodies that are sent have their
examples beside their fields, in `vpp.api.values`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")


def recorded() -> dict[str, dict[str, Any]]:
    """By operation and media type."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def exemplify(document: dict[str, Any], examples: Mapping[str, Mapping[str, Any]]) -> None:
    """Puts each answer beside its schema, in the good responses of the description."""
    for methods in document["paths"].values():
        for operation in methods.values():
            found = examples.get(operation["operationId"], {})
            for media, answer in good_content(operation).items():
                if media in found:
                    answer["example"] = found[media]


def good_content(operation: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What an operation answers when all went well, by media type."""
    good = next((a for code, a in operation["responses"].items() if code.startswith("2")), {})
    return good.get("content", {})
