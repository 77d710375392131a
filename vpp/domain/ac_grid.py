"""An electrical grid as an AC power flow needs it: buses, lines, transformers, and where it is fed from above."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    name: str
    rated_kv: float
    low_pu: float = 0.9
    high_pu: float = 1.1
    """EN 50160: ±10 % of the rated voltage, in 95 % of all 10-minute means of a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Two wires in parallel are one of half the resistance."""

    name: str
    ends: tuple[int, int]
    """Numbers of its buses."""
    r_ohm: float
    x_ohm: float
    c_nf: float
    rated_a: float
    closed: tuple[bool, bool] = (True, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer:
    name: str
    high: int
    low: int
    rated_kva: float
    high_kv: float
    low_kv: float
    short_circuit_percent: float
    copper_kw: float
    iron_kw: float
    no_load_percent: float
    shift_degree: float = 0.0
    tap_at_high: bool = True
    tap_position: int = 0
    """Steps away from neutral."""
    tap_percent: float = 0.0
    closed: tuple[bool, bool] = (True, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcGrid:
    buses: tuple[Bus, ...]
    lines: tuple[Line, ...]
    transformers: tuple[Transformer, ...]
    fed_at: int
    fed_pu: float
    same_as: tuple[int, ...]
    """Per bus the one it is joined to by closed switches (itself if none)."""
