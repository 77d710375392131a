"""What a study.toml may say. The reference for users: docs/reference/study.md."""

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

MARGINAL_CO2_T_PER_MWH = 0.402
"""What one more kWh from the grid emits where a gas-fired power station follows demand: 0.201 t/MWh of gas (German
Environment Agency, lower heating value) at 50 % efficiency; own derivation."""

Text = Annotated[str, Field(min_length=1)]


class Forecast(StrEnum):
    PERFECT = "perfect"
    DRAWN = "drawn"
    ISSUED = "issued"


class Operation(StrEnum):
    DAILY = "daily"
    ROLLING = "rolling"
    RULES = "rules"


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Distribution(Wish):
    """One of: uniform, normal (with low and high), choice, or a multiple of another column of the same asset."""

    uniform: tuple[float, float] | None = None
    normal: tuple[float, float] | None = None
    low: float | None = None
    high: float | None = None
    choice: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    of: str | None = None
    times: float | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Distribution":
        kinds = [k for k in ("uniform", "normal", "choice", "of") if getattr(self, k) is not None]
        if len(kinds) != 1:
            held = " and ".join(kinds) or "nothing"
            raise ValueError(f"holds {held}; allowed: one of uniform, normal, choice, of (with times)")
        if (self.of is None) != (self.times is None):
            raise ValueError("'of' and 'times' go together: of = \"capacity_kwh\", times = 0.5")
        if self.uniform and self.uniform[0] > self.uniform[1]:
            raise ValueError(f"uniform {list(self.uniform)} is upside down; allowed: [low, high]")
        if self.normal and self.normal[1] < 0:
            raise ValueError(f"normal {list(self.normal)} has a negative spread; allowed: [mean, spread ≥ 0]")
        return self


def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"{value!r} is no value; allowed: a number, a text, true or false, or a distribution in {{ }}")
    return value


def _kind_of(value: Any) -> str:
    return "distribution" if isinstance(value, dict | Distribution) else "plain"


Value = Annotated[
    Annotated[Distribution, Tag("distribution")] | Annotated[Any, AfterValidator(_plain), Tag("plain")],
    Discriminator(_kind_of),
]
"""A cell as it is, or one that is drawn."""


class Add(Wish):
    """n assets like one that is there, at drawn places, with drawn sizes."""

    do: Literal["add"]
    like: Text
    """Id (or pattern) of the asset that is copied; with several matches one is drawn for each new asset."""
    count: Annotated[int, Field(ge=1, le=100_000)]
    at: Annotated[tuple[Text, ...], Field(min_length=1)] = ("*",)
    """Patterns of electricity nodes to choose from; without replacement while they last."""
    columns: dict[str, Value] = {}
    name: Text = "new"
    with_heat: bool | None = None
    """Copy what else is at its heat node to a heat node of its own; default: for heat pumps."""


class Remove(Wish):
    do: Literal["remove"]
    type: Text | None = None
    match: Text = "*"
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class Scale(Wish):
    """Multiplies a column, number or series, of the assets that match."""

    do: Literal["scale"]
    type: Text
    column: Text
    factor: Annotated[float, Field(ge=0)]
    match: Text = "*"


class Set(Wish):
    """Sets a column of the assets that match: rules such as cap_fraction, curtailable, final_soc_min."""

    do: Literal["set"]
    type: Text
    column: Text
    value: bool | float | str
    match: Text = "*"


class Tariff(Wish):
    do: Literal["tariff"]
    grid_fee_eur_per_mwh: float | None = None
    by_hour: dict[str, float] = {}
    """Local hours to fee: {"17-20" = 140}."""
    buy_add_eur_per_mwh: float = 0.0
    sell_add_eur_per_mwh: float = 0.0


class Price(Wish):
    """Market price: of another year, spread around its daily mean, scaled, shifted."""

    do: Literal["price"]
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    spread: Annotated[float, Field(ge=0)] = 1.0
    factor: Annotated[float, Field(ge=0)] = 1.0
    add_eur_per_mwh: float = 0.0


class Weather(Wish):
    """Weather of another region's test reference year (1 … 15); the demo district only."""

    do: Literal["weather"]
    region: Annotated[int, Field(ge=1, le=15)]


class Limit(Wish):
    do: Literal["limit"]
    node: Text
    factor: Annotated[float, Field(ge=0)] | None = None
    import_limit_kw: Annotated[float, Field(ge=0)] | None = None
    export_limit_kw: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _something(self) -> "Limit":
        if self.factor is None and self.import_limit_kw is None and self.export_limit_kw is None:
            raise ValueError("changes nothing; allowed: factor, or import_limit_kw and export_limit_kw")
        if self.factor is not None and (self.import_limit_kw is not None or self.export_limit_kw is not None):
            raise ValueError("has a factor and a limit; allowed: one of them")
        return self


class Co2(Wish):
    do: Literal["co2"]
    eur_per_t: Annotated[float, Field(ge=0)] | None = None
    t_per_mwh_import: Annotated[float, Field(ge=0)] | None = None


Change = Annotated[Add | Remove | Scale | Set | Tariff | Price | Weather | Limit | Co2, Field(discriminator="do")]


class StudySection(Wish):
    name: Text
    base: Text
    """`musterstadt`, `register` (the live one), or a case folder, relative to the study file."""
    as_of: AwareDatetime | None = None
    """Of the register; None: as it is when the study is first run."""
    assets: Annotated[int, Field(ge=12, le=100_000)] = 72
    district_seed: int = 1
    first: date | None = None
    last: date | None = None
    every_days: Annotated[int, Field(ge=1, le=366)] = 1
    forecast: Forecast = Forecast.PERFECT
    operation: Operation = Operation.DAILY
    planned_at: time = time(11, 30)
    """Local time on the day before, with forecasts as issued; 11:30: when the platform plans the day ahead."""
    replan_h: Annotated[float, Field(gt=0, le=24)] = 6.0
    look_ahead_h: Annotated[float, Field(ge=0, le=24)] = 0.0
    """How far a day's plan looks into the next day; what it holds there is not carried out but planned again."""
    gap: Annotated[float, Field(ge=0, le=0.5)] = 0.005
    """Of a day's cost, and of the base's mean daily cost: days that cost next to nothing are not driven to the cent."""
    node_limit: Annotated[int, Field(ge=1)] = 200
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)
    marginal_co2_t_per_mwh: Annotated[float, Field(ge=0)] = MARGINAL_CO2_T_PER_MWH


class VariantSection(Wish):
    title: Text | None = None
    operation: Operation | None = None
    """Instead of the study's own: `rules` makes the variant the baseline without planning."""
    yearly_cost_eur: float = 0.0
    """Annuity and upkeep of what is added; counted for the share of the year that is studied."""
    change: tuple[Change, ...] = ()


class Hosting(Wish):
    """How much more fits behind a node before a limit breaks."""

    like: Text
    column: Text
    """Size that is searched: `peak_kw`, `max_power_kw`."""
    nodes: Annotated[tuple[Text, ...], Field(min_length=1)]
    days: Annotated[tuple[date, ...], Field(min_length=1)]
    most_kw: Annotated[float, Field(gt=0)] = 500.0
    to_kw: Annotated[float, Field(gt=0)] = 5.0
    curtailed_share: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Share of its generation that may be curtailed and still counts as hosted; 0.03: own assumption, of the order of
    what § 11 EnWG let grid planning assume (3 % of a year's energy)."""


class StudyFile(Wish):
    study: StudySection
    variant: dict[str, VariantSection] = {}
    hosting: Hosting | None = None


def shape_of(do: str) -> type[Wish] | None:
    kinds: dict[str, type[Wish]] = {
        "add": Add, "remove": Remove, "scale": Scale, "set": Set, "tariff": Tariff, "price": Price,
        "weather": Weather, "limit": Limit, "co2": Co2,
    }  # fmt: skip
    return kinds.get(do)


Raw = dict[str, Any]
