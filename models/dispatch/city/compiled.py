"""Where kernels are compiled, and where their machine code is kept: the one place that imports numba first.

The cache lies in `.cache/numba` of the project folder; NUMBA_CACHE_DIR overrides it. A kernel releases Python's lock.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

_PROJECT = Path(__file__).resolve().parents[3]
_HOME = _PROJECT if (_PROJECT / "pyproject.toml").exists() else Path.cwd()
os.environ.setdefault("NUMBA_CACHE_DIR", str(_HOME / ".cache" / "numba"))

import numba  # noqa: E402  (the folder of its cache must be set before)

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compiled at its first call (or loaded from the cache), with division as in numpy."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
