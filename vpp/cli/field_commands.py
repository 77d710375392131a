"""`vpp field`: the service that reads and orders the devices, and the questions to it while it runs."""

import asyncio
import contextlib
import getpass
import json
import logging
import signal
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from vpp.cli.app import AsJson, one_sentence, print_json
from vpp.cli.folders import PROFILES
from vpp.settings import Settings, settings

app = typer.Typer(help="Read and order the devices of a site, second by second.", invoke_without_command=True)

SiteFile = Annotated[Path | None, typer.Option("--site", help="The site file; without it the registry of the store.")]
Issuer = Annotated[str | None, typer.Option("--by", help="Who orders; default: your login.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the order.")]


def folder_of(has: Settings) -> Path:
    """Where the service keeps its journal, status and socket."""
    return has.home / "field"


@app.callback()
def field(
    context: typer.Context,
    site: SiteFile = None,
    database: Annotated[bool, typer.Option(help="Keep readings and take orders in the database.")] = True,
    allow: Annotated[list[str] | None, typer.Option(help="With the registry: a network that may be contacted.")] = None,
    writable: Annotated[bool, typer.Option(help="With the registry: whether devices may be written to.")] = False,
) -> None:
    """Run the field service until SIGTERM or Ctrl-C; then release what it holds."""
    if context.invoked_subcommand is None:
        _run(site, database=database, allow=allow or [], writable=writable)


def _run(site_file: Path | None, *, database: bool, allow: list[str], writable: bool) -> None:
    from vpp.devices import load_profiles
    from vpp.devices.site import load_site
    from vpp.domain import WallClock
    from vpp.operations.field_service import FieldService

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    has, profiles = settings(), load_profiles(PROFILES)
    with ExitStack() as open_things:

        def connect() -> Any:
            from vpp.store import FIELD_ANSWER_S, NoDatabase, Store, StoreUnavailable, embedded

            try:
                dsn = has.database or open_things.enter_context(embedded(has.home, bin_folder=has.postgres_bin))
            except NoDatabase as problem:
                raise StoreUnavailable(str(problem)) from None
            store = Store(dsn, answer_s=FIELD_ANSWER_S)
            store.migrate()
            return store

        if site_file is not None:
            site = load_site(site_file, profiles)
        else:
            with one_sentence(RuntimeError):
                site = _from_registry(connect(), profiles, allow, writable=writable)
        service = FieldService(site, WallClock(), folder_of(has), connect if database else None, spool_mb=has.spool_mb)
        print(f"field service: {len(site.devices)} devices of '{site.name}'", flush=True)
        asyncio.run(_until_stopped(service))


def _from_registry(store: Any, profiles: Any, allow: list[str], *, writable: bool) -> Any:
    from vpp.devices.site import Registered, registered_site

    assets = [
        Registered(id=a.id, kind=a.kind, profile=a.profile, address=a.address, nameplate=a.nameplate)
        for a in store.assets()
        if a.profile and a.address
    ]
    return registered_site(assets, profiles, allow, writable=writable)


async def _until_stopped(service: Any) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await service.run(stop)


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    from vpp.operations.field_door import NotRunning, ask_door

    with one_sentence(NotRunning):
        answer = asyncio.run(ask_door(folder_of(settings()), request))
    if "error" in answer:
        typer.echo(answer["error"], err=True)
        raise typer.Exit(2)
    return answer


@app.command()
def status(
    device: Annotated[str | None, typer.Option(help="Only this device, with its points.")] = None,
    as_json: AsJson = False,
) -> None:
    """Health of the running service, its links, devices, orders and limits. Exit code 1: none is running."""
    from vpp.operations.field_door import NotRunning

    with one_sentence(NotRunning), _last_words():
        found = _status(device)
    if device is not None and not found["device_list"]:
        typer.echo(f"device '{device}' is not in this field", err=True)
        raise typer.Exit(2)
    if as_json:
        print_json(found)
    else:
        _print(found, only=device)


def _status(device: str | None) -> dict[str, Any]:
    from vpp.operations.field_door import ask_door

    return asyncio.run(ask_door(folder_of(settings()), {"do": "status", "device": device}))


@contextlib.contextmanager
def _last_words() -> Generator[None]:
    """When nobody answers: what the status file said last."""
    from vpp.operations.field_door import NotRunning

    try:
        yield
    except NotRunning as problem:
        file = folder_of(settings()) / "status.json"
        if not file.exists():
            raise
        said = json.loads(file.read_text(encoding="utf-8"))
        how = "was stopped" if said.get("running") is False else "was alive last"
        raise NotRunning(f"{problem}\nIt {how} at {said['at']}, with {said['orders']} orders in force.") from None


def _print(found: dict[str, Any], only: str | None) -> None:
    console = Console(highlight=False, markup=False)
    d, p, db = found["devices"], found["poll"], found["database"]
    console.print(f"site '{found['site']}', process {found['pid']}, since {found['started'][:19]} UTC")
    console.print(f"devices: {d['well']} well, {d['partly']} partly, {d['bad']} bad, {d['unread']} not read yet")
    console.print(f"links: {found['links']['open']} of {found['links']['all']} open")
    console.print(f"orders: {found['orders']} in force, {found['uncertain']} of them uncertain")
    console.print(
        f"polling: {p['rounds']} rounds, {p['skipped']} left out, lateness {p['lateness_p50_ms']} ms median, "
        f"{p['lateness_p99_ms']} ms p99"
    )
    stored = db["problem"] or f"{db['stored_readings']} readings stored, {db['waiting_readings']} waiting"
    console.print(f"database: {stored if db['used'] or db['problem'] else 'none'}")
    for limit in found["limits"]:
        holds = "no limit" if limit["limit_kw"] is None else f"{limit['limit_kw']:g} kW"
        console.print(f"limit '{limit['name']}': {limit['state']}, {holds} of {limit['kind']}; {limit['last']}")
    if found["verdicts"]["start"]:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in found["verdicts"]["counts"].items())
        console.print(f"verdicts of {found['verdicts']['start'][:16]} UTC: {counts}")
    for each in found["verdicts"]["not_followed"]:
        console.print(f"  {each['asset']}: {each['verdict']}, {each['detail']}")
    for name, loop in found["loops"].items():
        if loop["problem"]:
            console.print(f"loop '{name}': {loop['problem']}, started again {loop['restarts']} times")
    table = Table("device", "profile", "place", "state", "why", "when we fall silent")
    for each in found["device_list"]:
        if only or each["state"] != "well" or len(found["device_list"]) <= 20:
            silent = ", ".join(f"{name} {does}" for name, does in each["when_silent"].items())
            table.add_row(each["id"], each["profile"], each["place"], each["state"], each["problem"], silent)
    if table.row_count:
        console.print(table)
    for each in found["device_list"] if only else []:
        for point, r in each["points"].items():
            console.print(f"  {point} = {r['value']} ({r['quality']}, {r['age_s']} s ago)")
    for order in found["order_list"][:50]:
        doubt = ", UNCERTAIN" if order["uncertain"] else ", kept behind a stricter limit" if order["behind"] else ""
        doubt += f", on its way at {order['ramps_at']:g} kW" if order["ramps_at"] is not None else ""
        console.print(f"  {order['asset']}: {order['order']} ({order['state']}{doubt}) by {order['issuer']}")


@app.command()
def verdicts(
    asset: Annotated[str | None, typer.Option(help="Only this asset.")] = None,
    hours: Annotated[float, typer.Option(help="How far back.", min=0.25)] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Whether each asset followed its orders, per quarter-hour, from the database; the newest first."""
    from datetime import UTC, datetime, timedelta

    from vpp.cli.stores import opened_store

    now = datetime.now(UTC)
    with opened_store() as store:
        found = store.verdicts(now - timedelta(hours=hours), now, asset)
    rows = [
        {"start": j.start.isoformat(), "asset": j.asset_id, "verdict": j.verdict.value, "detail": j.detail,
         "setpoint": str(j.setpoint_id)}
        for j in found
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['start'][:16]} UTC  {row['asset']}: {row['verdict']}" + f"  {row['detail']}".rstrip())
    if not rows:
        typer.echo(f"no verdicts in the last {hours:g} hours")


@app.command()
def order(
    asset: Annotated[str, typer.Argument(help="The device's id.")],
    value: Annotated[float, typer.Argument(help="kW, injection-positive; a limit ≥ 0; a switch 0 or 1.")],
    reason: Reason,
    kind: Annotated[str, typer.Option(help="target, limit or switch.")] = "target",
    minutes: Annotated[float, typer.Option(help="How long it is valid.", min=0.05)] = 15.0,
    by: Issuer = None,
    as_json: AsJson = False,
) -> None:
    """Give one order through the running service, and see what becomes of it."""
    answer = _ask(
        {
            "do": "order", "asset": asset, "value": value, "kind": kind, "seconds": 60 * minutes, "reason": reason,
            "issuer": by or getpass.getuser(),
        }
    )  # fmt: skip
    if as_json:
        print_json(answer)
    else:
        for event in answer["events"]:
            typer.echo(f"{event['state']}: {event['detail']}")
    if not answer["events"] or answer["events"][-1]["state"] not in ("verified", "effective", "validated", "sent"):
        raise typer.Exit(1)


@app.command()
def limit(
    name: Annotated[str, typer.Argument(help="The limit's name in the site file.")],
    value_kw: Annotated[float | None, typer.Argument(help="kW ≥ 0 for its devices together.")] = None,
    lift: Annotated[bool, typer.Option(help="Lift the limit.")] = False,
    heartbeat: Annotated[bool, typer.Option(help="Only a heartbeat: the sender lives.")] = False,
    minutes: Annotated[float | None, typer.Option(help="Its duration; without: until lifted.")] = None,
    reason: Reason = "",
    by: Issuer = None,
    as_json: AsJson = False,
) -> None:
    """Receive a limit of the grid operator (§ 14a EnWG, § 9 EEG), lift it, or hear a heartbeat."""
    who = {"limit": name, "issuer": by or getpass.getuser(), "reason": reason}
    if heartbeat:
        answer = _ask({"do": "heartbeat", **who})
    elif value_kw is None and not lift:
        typer.echo("no value; allowed: a value in kW, --lift or --heartbeat", err=True)
        raise typer.Exit(2)
    else:
        seconds = None if minutes is None else 60 * minutes
        answer = _ask({"do": "limit", "value_kw": value_kw or 0.0, "active": not lift, "seconds": seconds, **who})
    if as_json:
        print_json(answer)
    elif answer.get("refused"):
        typer.echo(answer["refused"], err=True)
    else:
        typer.echo(f"limit '{name}': {answer.get('state', 'heartbeat heard')}")
    if answer.get("refused"):
        raise typer.Exit(1)


@app.command()
def release(reason: Reason, by: Issuer = None, as_json: AsJson = False) -> None:
    """Withdraw every order of the market; limits of the grid operator stay."""
    answer = _ask({"do": "release", "reason": reason, "issuer": by or getpass.getuser()})
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{sum(e['state'] == 'released' for e in answer['events'])} orders released")
