"""What the documents say is there."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "data", "assets", "benchmarks", ".")
DOCUMENTS = sorted({p for f in FOLDERS for p in (ROOT / f).glob("*.md" if f == "." else "**/*.md")})
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[\s`/(])vpp ([a-z][a-z-]*)((?: [^\s`#,.;]+)*)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(path: Path) -> set[str]:
    """As the usual renderers make them from headings."""
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in HEADING.findall(text_of(path))}


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Every `vpp …` in code: its command, and its long options."""
    code = re.findall(r"^```.*?^```|`[^`\n]+`", text, flags=re.MULTILINE | re.DOTALL)
    return [(found[1], re.findall(r"--[a-z-]+", found[2])) for part in code for found in COMMAND.finditer(part)]


def test_there_are_documents():
    assert {"README.md", "CHANGELOG.md", "docs/index.md"} <= set(map(name, DOCUMENTS))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(document):
    broken = []
    for link in LINK.findall(without_code(text_of(document))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_reached_from_the_index():
    seen, to_read = set(), [ROOT / "docs/index.md"]
    while to_read:
        page = to_read.pop().resolve()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        links = LINK.findall(without_code(text_of(page)))
        to_read += [page.parent / link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [name(p) for p in DOCUMENTS if p.is_relative_to(ROOT / "docs") and p not in seen] == []


def test_commands_are_found_in_code_only():
    text = "a vpp plan; `vpp check CASE`\n```sh\n.venv/bin/vpp demo --day X  # vpp\n```\n"
    assert commands(text) == [("check", []), ("demo", ["--day"])]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if name(d) != "CHANGELOG.md"], ids=name)
def test_every_command_mentioned_exists(document):
    import typer

    from vpp.cli.app import app

    known = typer.main.get_command(app).commands
    for command, options in commands(text_of(document)):
        assert command in known, f"vpp {command}"
        members = [known[command], *getattr(known[command], "commands", {}).values()]  # a group with its commands
        parameters = [parameter for member in members for parameter in member.params]
        has = {option for p in parameters for option in (*p.opts, *p.secondary_opts)} | {"--help"}
        assert set(options) <= has, f"vpp {command}"


def test_every_command_is_documented():
    import typer

    from vpp.cli.app import app

    said = {command for document in DOCUMENTS for command, _ in commands(text_of(document))}
    assert set(typer.main.get_command(app).commands) <= said


def test_every_setting_is_documented():
    used = set(re.findall(r'"(VPP_[A-Z_]+)"', text_of(ROOT / "vpp/settings.py")))
    page = text_of(ROOT / "docs/explanation/architecture.md")
    assert used
    assert [setting for setting in used if f"`{setting}`" not in page] == []


def test_every_asset_type_is_documented():
    from assets import ASSET_TYPES

    page = text_of(ROOT / "docs/reference/case-format.md")
    assert [kind for kind in ASSET_TYPES if f"`{kind}.csv`" not in page] == []


def test_constraints_hold_no_address():
    assert "://" not in text_of(ROOT / "requirements/constraints.txt")
