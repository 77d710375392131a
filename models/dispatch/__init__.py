"""Dispatch: the cheapest feasible energy flows over electricity and heat."""

from models.dispatch.optimise import Effort, Method, optimise
from models.dispatch.rules import evaluate, rule_based, simulate

__all__ = ["Effort", "Method", "evaluate", "optimise", "rule_based", "simulate"]
