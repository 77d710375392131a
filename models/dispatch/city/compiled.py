"""Where kernels are compiled, and where their machine code is kept: the one place that imports numba first.

The cache lies in `.cache/numba` of the project folder; NUMBA_CACHE_DIR overrides it. A kernel releases Python's lock.
numba looks only at the file of a kernel itself to see whether it has changed, not at those of the kernels it calls; so
each state of their sources has a cache of its own.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

_PROJECT = Path(__file__).resolve().parents[3]
_HOME = _PROJECT if (_PROJECT / "pyproject.toml").exists() else Path.cwd()
KERNELS = (
    "compiled",
    "concave",
    "polyline",
    "stores",
    "modes",
    "runs",
    "heat",
    "heat_concave",
    "heat_exact",
    "lines",
    "recovery",
    "first",
)
"""The modules with kernels."""
_SOURCES = sha256(b"".join(Path(__file__).with_name(f"{m}.py").read_bytes() for m in KERNELS)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(_HOME / ".cache" / "numba" / _SOURCES))

import numba  # noqa: E402  (the folder of its cache must be set before)

F = TypeVar("F", bound=Callable[..., object])
_OPTIONS: Any = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: F) -> F:
    """Compiled at its first call (or loaded from the cache), with division as in numpy.

    Without numba's counting of references (`_nrt`): each call with tuples of arrays would count them up and down, one
    locked instruction each, which takes ten times as long as the work itself, and longer on two cores. So a kernel
    makes no arrays: they are given to it.
    """
    return cast(F, numba.njit(**_OPTIONS)(function))


def inlined(function: F) -> F:
    """A kernel that becomes part of each that calls it: for what is called with many arrays and does little."""
    return cast(F, numba.njit(**_OPTIONS, inline="always")(function))
