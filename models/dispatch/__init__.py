"""Dispatch: the cheapest feasible energy flows over electricity and heat."""

from models.dispatch.explain import explained
from models.dispatch.optimise import Effort, Method, optimise
from models.dispatch.previous import with_end_values
from models.dispatch.repeat import Thoroughness, optimise_repeatably
from models.dispatch.rules import evaluate, rule_based, simulate

__all__ = [
    "Effort", "Method", "Thoroughness", "evaluate", "explained", "optimise", "optimise_repeatably", "rule_based",
    "simulate", "with_end_values",
]  # fmt: skip
