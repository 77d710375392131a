"""Tomorrow's inputs: day-ahead prices and weather, from the sources the operator has switched on."""

from datetime import date
from typing import Protocol, runtime_checkable

from prefect import flow, task
from prefect.cache_policies import NO_CACHE


@runtime_checkable
class Inputs(Protocol):
    """What the flow works on; it holds connections, so nothing of it is serialised."""

    def prices(self, day: date) -> int: ...

    def weather(self) -> list[str]: ...


@flow(name="collect_forecasts", flow_run_name="collect_forecasts-{delivery_day}", validate_parameters=False)
def collect_forecasts(delivery_day: str, inputs: Inputs) -> dict[str, int]:
    """Inputs of one local delivery day (ISO date); returns what is new, by kind."""
    return {"prices": prices(inputs, date.fromisoformat(delivery_day)), "weather": len(weather(inputs))}


# The price burst of the source is 2 a minute: a retry waits longer than that.
@task(name="prices", retries=5, retry_delay_seconds=120, cache_policy=NO_CACHE, persist_result=False)
def prices(inputs: Inputs, day: date) -> int:
    return inputs.prices(day)


@task(name="weather", retries=3, retry_delay_seconds=120, cache_policy=NO_CACHE, persist_result=False)
def weather(inputs: Inputs) -> list[str]:
    return inputs.weather()
