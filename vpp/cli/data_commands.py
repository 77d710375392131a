"""`vpp export`, `vpp import`, `vpp erase`: the city's data are its own."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from vpp.cli.app import print_json


def export_data(
    folder: Path, *, owner: str | None, start: str | None, end: str | None, kind: str, as_json: bool
) -> None:
    from vpp.cli.stores import opened_store
    from vpp.store import Format, Part

    if kind not in list(Format):
        raise typer.BadParameter(f"'{kind}'; allowed: {', '.join(Format)}", param_hint="--format")
    part = Part(owner=owner, start=_time(start, "--from"), end=_time(end, "--to"))
    with opened_store() as store:
        manifest = store.export(folder, part, datetime.now(UTC), Format(kind))
    rows = {table["name"]: table["rows"] for table in manifest["tables"]}
    if as_json:
        print_json({"folder": str(folder), "rows": rows})
    else:
        print(f"{folder}: {sum(rows.values()):,} rows of {len(rows)} tables, {folder / 'manifest.json'}")


def import_data(folder: Path, *, as_json: bool) -> None:
    from vpp.cli.stores import opened_store

    with opened_store(migrated=False) as store:
        store.migrate()
        rows = store.import_folder(folder)
        check = store.verify_audit()
    if as_json:
        print_json({"folder": str(folder), "rows": rows, "audit_intact": check.intact})
    else:
        print(f"{folder}: {sum(rows.values()):,} rows of {len(rows)} tables imported; {check.sentence}")


def erase_owner(owner: str, *, actor: str, yes: bool, as_json: bool) -> None:
    from vpp.cli.stores import opened_store

    if not yes:
        question = f"Delete all readings of {owner}'s assets, and the name everywhere? This cannot be undone"
        typer.confirm(question, abort=True)
    with opened_store() as store:
        erased = store.erase_owner(owner, actor, datetime.now(UTC))
    if as_json:
        print_json({"pseudonym": erased.pseudonym, "rows": erased.rows, "audit_entries": erased.audit_entries})
    else:
        print(f"{sum(erased.rows.values()):,} rows deleted; the name is now {erased.pseudonym},")
        print(f"in {erased.audit_entries} entries of the audit log too. Backups and exports made before still hold it.")


def _time(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter(f"'{text}'; allowed: 2025-03-30T00:00Z, or with another offset", param_hint=option)
    return at
