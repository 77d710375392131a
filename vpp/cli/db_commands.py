"""`vpp db …`: the state of the store, its schema, its upkeep, its backups."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from vpp.cli.app import AsJson, one_sentence, print_json

db = typer.Typer(help="The database: status, migrate, maintain, login, psql, backup, restore.", no_args_is_help=True)


@db.command()
def status(as_json: AsJson = False) -> None:
    """What the server can do, whether the schema is up to date, and how much there is."""
    from vpp.cli.stores import opened_store

    with opened_store(migrated=False) as store:
        waiting = store.pending()
        found = store.capabilities()
        much = store.status() if not waiting else None
        if as_json:
            print_json({
                "database": store.name, "server": found.server,
                "timescaledb": found.timescale, "licence": found.licence,
                "hypertables": found.hypertables, "columnstore": found.columnstore, "pending": waiting,
                "bytes": much and much.bytes, "rows": much and dict(much.rows), "dirty": much and much.dirty,
                "newest_reading": much and much.newest_reading and much.newest_reading.isoformat(),
            })  # fmt: skip
            return
        print("\n".join([store.name, *found.sentences()]))
        if not much:
            print(f"schema: {len(waiting)} migrations have not run; run `vpp db migrate`")
            return
        print("schema: up to date")
        print(f"size: {much.bytes / 1e6:.0f} MB; newest reading: {much.newest_reading or 'none'}")
        print(f"roll-up: {much.dirty} marks wait")
        for name, rows in much.rows.items():
            print(f"  {name:<16} {rows:>12,}")


@db.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring the schema up to date. Several at a time take turns."""
    from vpp.cli.stores import opened_store

    with opened_store(migrated=False) as store:
        ran = store.migrate()
        if as_json:
            print_json({"ran": ran})
        else:
            print("\n".join(ran) or "the schema is up to date")


@db.command()
def maintain(as_json: AsJson = False) -> None:
    """Prepare the days to come, roll up new and late readings, drop what the settings do not keep."""
    from vpp.cli.stores import chosen_upkeep, opened_store
    from vpp.settings import settings

    upkeep = chosen_upkeep(settings())
    with opened_store() as store:
        done = store.maintain(datetime.now(UTC), upkeep)
        if as_json:
            print_json({"rolled_up": done.rolled_up, "dropped": done.dropped, "kept_back": done.kept_back})
        else:
            print("\n".join(done.sentences()))


@db.command()
def login(
    name: Annotated[str, typer.Argument(help="Of the server's login.", metavar="NAME")],
    access: Annotated[str, typer.Option("--access", help="app: services; read: all but secrets; owner: one owner's.")],
    owner: Annotated[str | None, typer.Option("--owner", help="Whose assets, with --access owner.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a login of the server with limits of time, or give it other rights; prints its new password once."""
    from vpp.cli.stores import opened_store
    from vpp.store import Access

    if access not in list(Access):
        allowed = ", ".join(Access)
        raise typer.BadParameter(f"'{access}'; allowed: {allowed}", param_hint="--access")
    with opened_store() as store:
        password = store.make_login(name, Access(access), owner)
        store.audit(
            "vpp db login", "login", f"login {name}", None, {"access": access, "owner": owner}, datetime.now(UTC)
        )
        print_json({"login": name, "access": access, "password": password}) if as_json else print(password)


@db.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """An SQL session on the store. What follows is psql's own: `vpp db psql -c 'SELECT 1'`."""
    from vpp.cli.stores import opened_dsn
    from vpp.settings import settings
    from vpp.store import psql as session

    chosen = settings()
    with opened_dsn(chosen) as dsn:
        raise typer.Exit(session(dsn, chosen.postgres_bin, context.args))


@db.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Dump the whole database to a file (pg_dump's custom format)."""
    from vpp.cli.stores import opened_dsn
    from vpp.settings import settings
    from vpp.store import backup as dump

    chosen = settings()
    with opened_dsn(chosen) as dsn:
        size = dump(dsn, file, chosen.postgres_bin)
        if as_json:
            print_json({"file": str(file), "bytes": size})
        else:
            print(f"{file}: {size / 1e6:.1f} MB")


@db.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file made by `vpp db backup`.", metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Read a backup into an empty database, all or nothing."""
    from vpp.cli.stores import opened_dsn
    from vpp.settings import settings
    from vpp.store import Store, StoreError
    from vpp.store import restore as read_back

    chosen = settings()
    with one_sentence(StoreError), opened_dsn(chosen) as dsn:
        read_back(dsn, file, chosen.postgres_bin)
        with Store(dsn) as store:
            ran = store.migrate()
            check = store.verify_audit()
        if as_json:
            print_json({"ran": ran, "audit_intact": check.intact})
        else:
            print(f"restored; {check.sentence}")
