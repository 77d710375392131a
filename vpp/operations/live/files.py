"""Small files that are whole or not there, whenever somebody is killed."""

import os
from pathlib import Path

SITE = "site.json"
"""In the folder of a platform: what is simulated there. Without it the devices are real."""


def replace_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file and put it in the place of the old one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
