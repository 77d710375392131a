"""Device profiles: one YAML file per device model says which registers mean what, and how an order is given.

The format is described in docs/reference/profiles.md. A profile holds no code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from vpp.devices.registers import Register, RegisterType, raw_code
from vpp.devices.sunspec import Chain, chain_of, expand, fixed_registers, written_factors
from vpp.devices.units import Amount, factor_of, seconds
from vpp.devices.wire import Framing
from vpp.domain import Mistake, Mistakes, SetpointKind, nearest

Seconds = Annotated[float, BeforeValidator(seconds)]
Relative = Annotated[Amount, BeforeValidator(Amount.parse)]
Address = Annotated[int, Field(ge=0, le=65535)]
WordOrder = Literal["big", "little"]

SETPOINTS: Mapping[str, SetpointKind] = {
    "power_kw": SetpointKind.TARGET,
    "heat_kw": SetpointKind.TARGET,
    "power_limit_kw": SetpointKind.LIMIT,
    "switch": SetpointKind.SWITCH,
}
"""Canonical setpoint names and what they order."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Transport(Strict):
    """How the device wants to be spoken to."""

    port: int = Field(502, ge=1, le=65535)
    unit: int = Field(1, ge=0, le=255)
    framer: Framing = "tcp"
    """rtu: RTU frames over TCP, as transparent RS485 gateways send them. A serial port always speaks RTU."""
    baudrate: int = Field(19200, ge=300, le=4_000_000)
    """This and the two below: of a serial port. Defaults: Modbus over serial line V1.02, 2.5.1."""
    parity: Literal["E", "O", "N"] = "E"
    stopbits: Literal[1, 2] = 1
    word_order: WordOrder = "big"
    max_read: int = Field(125, ge=1, le=125)
    max_gap: int = Field(8, ge=0, le=64)
    """Unwanted registers that may be read along to save a request."""
    settle_ms: int = Field(0, ge=0)
    """Pause after connecting."""
    min_gap_ms: int = Field(0, ge=0)
    """Pause between two requests."""
    timeout_ms: int = Field(1000, ge=10)


class RegisterSpec(Strict):
    at: Address
    type: RegisterType
    unit: str = "1"
    scale: float = 1.0
    sign: Literal[1, -1] = 1
    na: int | None = None
    word_order: WordOrder | None = None
    """Where it differs from the transport's."""

    def register(self, transport: Transport, rating_kw: float | None, exponent_at: int | None = None) -> Register:
        return Register(
            at=self.at,
            type=self.type,
            factor=factor_of(self.unit, rating_kw) * self.scale * self.sign,
            na=raw_code(self.type, self.na),
            little=(self.word_order or transport.word_order) == "little",
            exponent_at=exponent_at,
        )


class PointSpec(RegisterSpec):
    """One value that the device reports."""

    fc: Literal[3, 4] = 3
    group: str
    valid: tuple[Relative, Relative] | None = None
    """Plausible range in canonical units; outside it the reading is suspect."""
    scale_at: Address | None = None
    """Register with a SunSpec scale factor, read in the same request."""


class WriteSpec(RegisterSpec):
    fc: Literal[16, 6] = 16
    value: float | Literal["$value", "$on", "$off", "$timeout", "$beat"]
    """$value: the order; $on: 1 unless it is 0; $off: 1 if it is 0; $timeout: device_timeout in s; $beat: 0 and 1 in
    turn (life bit)."""


class StepSpec(Strict):
    """One step of a sequence: a write, or a pause."""

    write: WriteSpec | None = None
    wait: Seconds | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        if (self.write is None) == (self.wait is None):
            raise ValueError("a step is either write or wait")
        return self


class Verify(Strict):
    """Read-back: the point shows the order, and each point under `also` the number given."""

    point: str
    tolerance: Relative = Amount(0.0)
    within: Seconds
    also: dict[str, float] = {}
    map: dict[float, float] = {}
    """What the point shows for an order, where it is another number: SG-Ready state 1 for switch 0."""
    released: float | None = None
    """With `map`: what it shows without an order."""


class Effect(Strict):
    """Measured: the point follows a target, or keeps a limit."""

    point: str
    tolerance: Relative
    within: Seconds


class Fallback(Strict):
    value: Relative


class Hold(Strict):
    """How long the device keeps an order without hearing from us, and what it does then."""

    device_timeout: Seconds | None = None
    """None: it keeps it for ever."""
    refresh: Seconds | None = None
    """Default: a third of device_timeout."""
    on_loss: Literal["unlimited", "last", "internal"] | Fallback

    @property
    def refresh_s(self) -> float | None:
        """Seconds between two refreshes; None: none needed."""
        return self.refresh or (self.device_timeout / 3 if self.device_timeout else None)


class SetpointSpec(Strict):
    range: tuple[Relative, Relative]
    round: Literal["down", "nearest"] | None = None
    limits: Literal["generation", "consumption"] = "generation"
    """What a power_limit_kw limits."""
    deadband: Relative = Amount(0.0)
    ramp_kw_per_s: Relative | None = None
    """The order is approached in steps of at most this; None: in one."""
    min_interval: Seconds = 0.0
    writes_per_day: int | None = Field(None, ge=1)
    """For registers in flash memory, which wear out; None: they may be written at will."""
    steps: tuple[StepSpec, ...] = Field(min_length=1)
    verify: Verify
    effect: Effect | None = None
    hold: Hold
    release: tuple[StepSpec, ...] = Field(min_length=1)


class Fixed(Strict):
    """Registers that always hold the same: what the simulated device shows there."""

    at: Address
    type: RegisterType | Literal["string"]
    length: int | None = Field(None, ge=1)
    """Registers of a string."""
    repeat: int = Field(1, ge=1)
    value: int | float | str


class Identity(Strict):
    """What must be found in the device before anything is written to it."""

    at: Address
    type: RegisterType | Literal["string"]
    length: int | None = Field(None, ge=1)
    match: int | str
    """A number, or a text in which * stands for anything."""


class SunSpecSpec(Strict):
    """What is assumed of a SunSpec device until its chain has been scanned; the simulated one has just this."""

    base: Literal[40000, 0, 50000] = 40000
    models: tuple[int, ...] = Field(min_length=1)
    exponents: dict[str, int] = {}
    """Scale factors by `model.name`; 0 where left out."""
    values: dict[str, int | float | str] = {}
    """Other registers of the simulated device by `model.name`."""


class Profile(Strict):
    """One device model."""

    profile: str
    asset: str
    source: str
    transport: Transport = Field(default_factory=lambda: Transport.model_validate({}))
    cadence: dict[str, Seconds]
    holes: tuple[tuple[Address, Address], ...] = ()
    """First and last address of stretches that answer with an exception."""
    sunspec: SunSpecSpec | None = None
    identity: tuple[Identity, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    points: dict[str, PointSpec]
    setpoints: dict[str, SetpointSpec] = {}
    _template: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])
    """The text as it was read, with `sunspec:` names not resolved yet."""

    def written_factors(self) -> list[str]:
        """SunSpec scale factors that the writes depend on."""
        return written_factors(self._template)

    def for_chain(self, chain: Chain, exponents: Mapping[str, int]) -> "Profile":
        """The same profile for a device with this chain; raises Mistakes when a model is missing."""
        return _resolved(self._template, chain, exponents, f"profile '{self.profile}'", simulated=False)

    def __hash__(self) -> int:
        return id(self)

    def setpoint_for(self, kind: SetpointKind) -> str | None:
        """Name of the setpoint that takes orders of a kind: LIMIT → `power_limit_kw`."""
        return next((name for name in self.setpoints if SETPOINTS.get(name) is kind), None)


class _Loader(yaml.SafeLoader):
    """YAML with the booleans of version 1.2 (`on` is a name, not true) and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if first in "tTfF" or tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_profile(path: Path) -> Profile:
    """The profile in a file; raises Mistakes with everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Mistakes([Mistake(where=path.name, what="", problem=f"cannot be read: {error.strerror}")]) from None
    profile = parse_profile(text, where=path.name)
    if profile.profile != path.stem:
        problem = f"'{profile.profile}' is not the name of the file; allowed: {path.stem}"
        raise Mistakes([Mistake(where=path.name, what="profile", problem=problem)])
    return profile


def load_profiles(folder: Path) -> dict[str, Profile]:
    """All profiles of a folder by name; raises Mistakes over all files at once."""
    profiles, mistakes = dict[str, Profile](), list[Mistake]()
    for path in sorted(folder.rglob("*.yaml")):
        try:
            profiles[path.stem] = load_profile(path)
        except Mistakes as found:
            mistakes += found.mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return profiles


def parse_profile(text: str, *, where: str = "profile") -> Profile:
    try:
        data = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        problem = "is not YAML: " + " ".join(str(error).split())
        raise Mistakes([Mistake(where=where, what="", problem=problem)]) from None
    if not isinstance(data, dict):
        raise Mistakes([Mistake(where=where, what="", problem="holds no keys; allowed: profile, asset, points …")])
    if isinstance(data.get("sunspec"), dict):
        return _assumed(data, where)
    return _parsed(data, where)


def _assumed(data: dict[str, Any], where: str) -> Profile:
    """A SunSpec profile with the chain that it assumes."""
    try:
        spec = SunSpecSpec.model_validate(data["sunspec"])
        chain = chain_of(spec.base, spec.models)
    except ValidationError as error:
        raise Mistakes(_mistake(where, {**e, "loc": ("sunspec", *e["loc"])}) for e in error.errors()) from None
    except KeyError as unknown:
        problem = f"model {unknown} is unknown; allowed: models of the SunSpec Alliance"
        raise Mistakes([Mistake(where=where, what="sunspec.models", problem=problem)]) from None
    return _resolved(data, chain, spec.exponents, where, simulated=True)


def _resolved(
    data: dict[str, Any], chain: Chain, exponents: Mapping[str, int], where: str, *, simulated: bool
) -> Profile:
    expanded = expand(data, chain, exponents, where)
    if simulated:
        values = data["sunspec"].get("values") or {}
        expanded["fixed"] = [*fixed_registers(chain, exponents, values), *(data.get("fixed") or [])]
    profile = _parsed(expanded, where)
    profile._template = data  # pyright: ignore[reportPrivateUsage]
    return profile


def _parsed(data: dict[str, Any], where: str) -> Profile:
    from vpp.devices.profile_checks import check  # it checks the types of this module

    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        mistakes = [_mistake(where, e) for e in error.errors()]
        raise Mistakes(mistakes + _beyond(data, error, where)) from None
    if mistakes := check(profile, where):
        raise Mistakes(mistakes)
    return profile


def _beyond(data: dict[str, Any], error: ValidationError, where: str) -> list[Mistake]:
    """What else is wrong when the entries with mistakes of form are left out."""
    from vpp.devices.profile_checks import check

    pruned: dict[str, Any] = dict(data)
    for e in error.errors():
        match e["loc"]:
            case (("points" | "setpoints") as part, str(name), *_) if isinstance(pruned.get(part), dict):
                pruned[part] = {k: v for k, v in pruned[part].items() if k != name}
            case (str(key), *_) if key not in ("points", "setpoints"):
                pruned.pop(key, None)
            case _:
                return []
    for key, stand_in in {"profile": "?", "asset": "?", "source": "?", "cadence": {}, "points": {}}.items():
        pruned.setdefault(key, stand_in)
    try:
        rest = Profile.model_validate(pruned)
    except ValidationError:
        return []
    dropped = {key for key in data if key not in pruned or pruned[key] != data[key]} | (set(pruned) - set(data))
    names = frozenset(map(str, data["points"])) if isinstance(data.get("points"), dict) else frozenset[str]()
    return check(rest, where, also_points=names, groups_known="cadence" not in dropped)


def _mistake(where: str, e: Any) -> Mistake:
    loc = [str(part) for part in e["loc"]]
    what, given = ".".join(loc), e["input"]
    match e["type"]:
        case "missing":
            problem = "is missing"
        case "extra_forbidden":
            known = {name for model in Strict.__subclasses__() for name in model.model_fields}
            known |= set(RegisterSpec.model_fields) | set(PointSpec.model_fields) | set(WriteSpec.model_fields)
            problem = "is not a key of a profile" + nearest(loc[-1], known)
        case _:
            shown = f"{given!r}: " if isinstance(given, (str, int, float)) else ""
            problem = shown + str(e["msg"]).removeprefix("Value error, ")
    return Mistake(where=where, what=what, problem=problem)
