"""`vpp import prices|weather|load|mastr FILE`: a preview, and on --yes into the store."""

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from vpp.cli.app import one_sentence, print_json
from vpp.domain import Mistake, Mistakes

KINDS = ("prices", "weather", "load", "mastr")


def import_file(
    what: str, file: Path | None, *, series: str | None, source: str | None, licence: str | None, yes: bool, demo: bool,
    as_json: bool,
) -> None:  # fmt: skip
    from vpp.cli.parts import platform_dsn
    from vpp.cli.up_commands import live_folder
    from vpp.operations.inputs import What, import_table, preview
    from vpp.settings import settings
    from vpp.sources.tables import read
    from vpp.store import NoDatabase, Store, StoreError

    mistakes = list[Mistake]()
    if what not in KINDS:
        mistakes.append(Mistake(where="import", what="", problem=f"'{what}'; allowed: {', '.join(KINDS)}"))
    if file is None or not file.is_file():
        allowed = "an XML, zip or CSV file" if what == "mastr" else "a CSV file"
        mistakes.append(Mistake(where="import", what=f"{file or ''}", problem=f"is no file; allowed: {allowed}"))
    if mistakes or file is None:
        raise Mistakes(mistakes)
    if what == "mastr":
        _import_register(file, source, licence, yes=yes, demo=demo, as_json=as_json)
        return
    table, kind = read(file), What(what)
    with (
        one_sentence(NoDatabase, StoreError),
        platform_dsn(settings(), live_folder(demo=demo)) as dsn,
        Store(dsn) as store,
    ):
        store.migrate()
        found = preview(store, kind, table, series)
        stored = None
        if not as_json:
            Console(highlight=False).print("\n".join(found.sentences()), markup=False, soft_wrap=True)
        if yes or (not as_json and typer.confirm("store this?", default=False)):
            origin = source or file.name
            terms = licence or "own data"
            stored = import_table(store, kind, table, series, origin, terms, getpass.getuser(), datetime.now(UTC))
    if as_json:
        print_json({**asdict(found), "what": kind.value, "start": found.start.isoformat(),
                    "end": found.end.isoformat(), "stored": stored})  # fmt: skip
    else:
        print("nothing was stored" if stored is None else f"{stored} new")


def _import_register(
    file: Path, source: str | None, licence: str | None, *, yes: bool, demo: bool, as_json: bool
) -> None:
    """Units of the public register of plants, so that owners need only enter a number."""
    from vpp.cli.parts import platform_dsn
    from vpp.cli.up_commands import live_folder
    from vpp.operations.inputs import import_units, preview_units
    from vpp.settings import settings
    from vpp.sources.mastr import LICENCE, read
    from vpp.store import NoDatabase, Store, StoreError

    units = read(file)
    kinds = {each.kind: each.count for each in preview_units(units)}
    terms = licence or LICENCE
    if not as_json:
        print(f"{len(units)} units: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()) + f" ({terms})")
    stored = None
    if yes or (not as_json and typer.confirm("store this?", default=False)):
        with (
            one_sentence(NoDatabase, StoreError),
            platform_dsn(settings(), live_folder(demo=demo)) as dsn,
            Store(dsn) as store,
        ):
            store.migrate()
            origin, now = source or file.name, datetime.now(UTC)
            stored = import_units(store, units, origin, terms, getpass.getuser(), now)
    if as_json:
        print_json({"what": "mastr", "units": len(units), "kinds": kinds, "licence": terms, "stored": stored})
    else:
        print("nothing was stored" if stored is None else f"{stored} stored")
