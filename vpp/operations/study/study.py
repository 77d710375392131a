"""A study and its parts, as plain values that travel to other processes and machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from vpp.operations.study.wishes import Hosting, Operation, StudySection

MUSTERSTADT, REGISTER = "musterstadt", "register"
"""Bases that are no folder: the demo district, the live register."""

BASE = "base"
"""The variant without changes; every study has it."""

State = Mapping[str, Mapping[str, float]]
"""Of each asset at the end of a day: columns of its outlook, `initial_soc`, `initial_on_h`; `vehicle_kwh`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    name: str
    title: str
    changes: tuple[Any, ...]
    yearly_cost_eur: float
    operation: Operation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    file: str
    wishes: StudySection
    folder: Path | None
    """Case folder; None: the demo district, or a register that is not copied yet."""
    variants: tuple[Variant, ...]
    hosting: Hosting | None
    text: str
    """The file as it was read."""

    @property
    def replans(self) -> bool:
        """Is any day planned again while it runs?"""
        return any((v.operation or self.wishes.operation) is Operation.ROLLING for v in self.variants)

    def variant(self, name: str) -> Variant:
        return next(v for v in self.variants if v.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The days of one variant under one seed: each begins as the one before ended."""

    variant: str
    seed: int

    @property
    def folder(self) -> str:
        return f"{self.variant}~{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One day of one chain."""

    study: Study
    chain: Chain
    day: date
    gap_eur: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """What a day came to. All numbers, so that it can be kept and read back without loss."""

    variant: str
    seed: int
    day: date
    label: str
    kpis: Mapping[str, float]
    """Of the whole case: `cost_eur` and the others of `vpp.operations.study.kpis`."""
    by_node: Mapping[str, Mapping[str, float]]
    by_group: Mapping[str, Mapping[str, float]]
    by_type: Mapping[str, Mapping[str, float]]
    by_cause: Mapping[str, float]
    """EUR by kind of cost; earned = negative."""
    steps: Mapping[str, np.ndarray]
    """Per step: `net_export_kw`, `buy_eur_per_mwh`, …"""
    end: State
