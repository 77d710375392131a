"""City scale: price decomposition with exact programmes per site, a proven bound and an augmented-Lagrangian recovery.

Importing this package loads numba; import it only when a case is solved this way.
"""
