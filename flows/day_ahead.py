"""The day-ahead plan: a case from what is known now, the plan, and the plan into the store."""

from typing import Protocol, runtime_checkable
from uuid import UUID

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from vpp.domain import Case, Plan


@runtime_checkable
class Desk(Protocol):
    """What the flow works on; its parts hold connections, so nothing of it is serialised."""

    def case(self) -> Case: ...

    def plan(self, case: Case) -> Plan: ...

    def keep(self, case: Case, plan: Plan) -> UUID: ...


@flow(name="day_ahead", flow_run_name="day_ahead-{delivery_day}", validate_parameters=False)
def day_ahead(delivery_day: str, desk: Desk) -> UUID:
    """Plan one local delivery day (ISO date); returns the id of the stored run."""
    case = gather(desk)
    return keep(desk, case, make_plan(desk, case))


@task(name="case", retries=2, retry_delay_seconds=5, cache_policy=NO_CACHE, persist_result=False)
def gather(desk: Desk) -> Case:
    return desk.case()


@task(name="plan", cache_policy=NO_CACHE, persist_result=False)
def make_plan(desk: Desk, case: Case) -> Plan:
    """No retry: it always ends with a plan, and a second try would miss the deadline."""
    return desk.plan(case)


@task(name="keep", retries=3, retry_delay_seconds=5, cache_policy=NO_CACHE, persist_result=False)
def keep(desk: Desk, case: Case, plan: Plan) -> UUID:
    return desk.keep(case, plan)
