"""`vpp plan …`: a stored plan, beside what was known when it was made."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from vpp.cli.app import AsJson, print_json

if TYPE_CHECKING:
    from vpp.store import Knowledge, Run, Store

plan = typer.Typer(help="Stored plans: show.", no_args_is_help=True)


@plan.callback()
def _group() -> None:
    """A group, though it has one command yet."""


@plan.command()
def show(
    run: Annotated[str, typer.Argument(help="The run's id, or a kind (`day_ahead`): its newest.", metavar="RUN")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="What was known at this time (ISO 8601 with offset); else: at its start."),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Solve it again with what was known then, and compare with the stored.")
    ] = False,
    case: Annotated[
        Path | None,
        typer.Option("--case", help="Write the case as known then to this folder, for `vpp optimise`.", metavar="DIR"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A plan, and the assets, prices and forecasts as they were known then: enough to make it again."""
    from vpp.cli.stores import opened_store

    at = _time(as_of) if as_of else None
    if case is not None and case.exists() and (not case.is_dir() or any(case.iterdir())):
        raise typer.BadParameter(f"{case} is there; allowed: a new or an empty folder", param_hint="--case")
    with opened_store() as store:
        found = store.load_run(_run_id(store, run, at))
        if not found:
            from vpp.store import StoreError

            raise StoreError(f"run {run}: is not stored; allowed: the id of a stored run")
        horizon = found.plan.horizon
        known = store.known_at(at or found.started, horizon.start, horizon.end)
        again = _again(store, found, at, case, solve=rebuild) if rebuild or case else None
    if as_json:
        print_json(_as_json(found, known) | (again.as_json if again else {}))
    else:
        print("\n".join([*_sentences(found, known), *(again.sentences if again else [])]))


@dataclass(frozen=True)
class _Again:
    """What came of making a plan again."""

    sentences: list[str]
    as_json: dict[str, Any]


def _again(store: "Store", run: "Run", at: datetime | None, folder: Path | None, *, solve: bool) -> _Again:
    from assets import ASSET_TYPES
    from vpp.operations.rebuild import make_again, rebuild, write

    made = rebuild(store, run, ASSET_TYPES, at)
    same = "the same to the last bit" if made.same_inputs else "not the same"
    lines = [f"inputs as known at {made.at:%Y-%m-%d %H:%M:%S}Z: {same} as the run's", *(f"  {s}" for s in made.said)]
    plain: dict[str, Any] = {"same_inputs": made.same_inputs, "said": list(made.said)}
    if folder is not None:
        write(made, folder, ASSET_TYPES)
        command = made.command.format(case=folder)
        lines += [f"case: {folder}; solved as the run was by", f"  {command}"]
        plain |= {"case": str(folder), "command": command}
    if solve:
        found = make_again(made, ASSET_TYPES)
        lines += found.sentences()
        plain["again"] = {
            "equal": found.equal, "label": found.again.label.value, "objective_eur": found.again.objective_eur,
            "cost_eur": found.cost_eur, "most_kw": found.most_kw, "where": found.where,
        }  # fmt: skip
    return _Again(lines, {"rebuilt": plain})


def _run_id(store: Any, text: str, at: datetime | None) -> UUID:
    from vpp.store import StoreError

    try:
        return UUID(text)
    except ValueError:
        newest = store.newest_run(text, at or datetime.now(UTC))
    if newest is None:
        raise StoreError(f"run '{text}': no run of this kind is stored; allowed: a run's id, or a kind with runs")
    return newest


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter(f"'{text}'; allowed: 2025-03-30T12:00Z, or with another offset", param_hint="--as-of")
    return at


def _sentences(run: "Run", known: "Knowledge") -> list[str]:
    plan, horizon = run.plan, run.plan.horizon
    whole = f"{horizon.start:%Y-%m-%d %H:%M}Z … {horizon.end:%Y-%m-%d %H:%M}Z"
    cost = f"{plan.objective_eur:.2f} EUR, bound {plan.bound_eur:.2f} EUR, gap {plan.gap:.4f}"
    lines = [
        f"run {run.run_id}: {run.kind} of {run.delivery_day}, started {run.started:%Y-%m-%d %H:%M:%S}Z",
        f"{whole}, {horizon.steps} steps of {horizon.step_minutes} min",
        f"plan: {plan.label}, {cost}; {plan.assets} assets",
        f"inputs: {run.inputs_hash}",
        *(f"  {v.sentence}" for v in plan.violations),
        f"known at {known.at:%Y-%m-%d %H:%M:%S}Z: {len(known.assets)} assets",
    ]
    for name, values in known.prices.items():
        revised = known.prices_revised.get(name, 0)
        lines.append(f"  {name}: {len(values)} intervals" + (f", {revised} revised since" if revised else ""))
    for f in known.forecasts:
        lines.append(f"  {f.series}: issued {f.issued:%Y-%m-%d %H:%M}Z by {f.model}, quantile {f.quantile:g}")
    if known.forecasts_later:
        lines.append(f"  {known.forecasts_later} issues for this time came later")
    return lines


def _as_json(run: "Run", known: "Knowledge") -> dict[str, Any]:
    from vpp.domain.finite import finite

    plan = run.plan
    return {
        "run": str(run.run_id), "kind": run.kind, "delivery_day": run.delivery_day.isoformat(),
        "started": run.started.isoformat(), "inputs_hash": run.inputs_hash, "inputs": run.inputs,
        "start": plan.horizon.start.isoformat(), "steps": plan.horizon.steps, "step_minutes": plan.horizon.step_minutes,
        "label": plan.label.value, "objective_eur": plan.objective_eur, "bound_eur": finite(plan.bound_eur),
        "gap": finite(plan.gap), "power_kw": {id: list(map(float, values)) for id, values in plan.power_kw.items()},
        "heat_kw": {id: list(map(float, values)) for id, values in plan.heat_kw.items()},
        "known_at": known.at.isoformat(),
        "assets": [
            {"id": a.id, "type": a.kind, "valid_from": a.valid_from.isoformat(), "nameplate": dict(a.nameplate),
             "outlook": dict(a.outlook)}
            for a in known.assets
        ],
        "prices": {name: {t.isoformat(): v for t, v in values.items()} for name, values in known.prices.items()},
        "prices_revised": dict(known.prices_revised),
        "forecasts": [
            {"series": f.series, "issued": f.issued.isoformat(), "start": f.start.isoformat(), "quantile": f.quantile,
             "step_minutes": f.step.total_seconds() / 60, "model": f.model, "values": list(map(float, f.values))}
            for f in known.forecasts
        ],
        "forecasts_later": known.forecasts_later,
    }  # fmt: skip
