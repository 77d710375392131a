"""Studies: what if, on the city's own model. A file of variants → days → tables → comparison and report."""

from vpp.operations.study.read import read_study
from vpp.operations.study.run import StudyFailed, check, estimate, run_study, workers
from vpp.operations.study.study import BASE, Chain, Study, Variant

__all__ = [
    "BASE",
    "Chain",
    "Study",
    "StudyFailed",
    "Variant",
    "check",
    "estimate",
    "read_study",
    "run_study",
    "workers",
]
