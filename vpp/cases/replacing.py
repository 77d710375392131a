"""Replaces a folder as a whole: a reader sees the old one or the new one, never half of either."""

import ctypes
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

SUMMARY = "summary.json"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class NotReplaceable(ValueError):
    """The folder holds something that is not ours to delete."""


def note_on_replacing(folder: Path) -> str:
    """Why this folder may not be replaced by a plan, or nothing.

    It may be absent, empty, or an earlier plan folder: one with summary.json, without sub-folders or a case's files.
    """
    try:
        if folder.is_symlink() and not folder.exists():
            return f"{folder} is a link to nothing; name another folder"
        if not folder.exists():
            return _note_on_creating(folder)
        if not folder.is_dir():
            return f"{folder} is a file; name a folder"
        entries = list(folder.iterdir())
    except OSError as error:
        return f"{folder} cannot be read: {error.strerror or error}"
    if not entries:
        return ""
    if (folder / "case.toml").exists() or (folder / "nodes.csv").exists():
        return f"{folder} holds a case, which a plan would replace; name another folder"
    if not (folder / SUMMARY).is_file():
        return f"{folder} is neither empty nor a plan folder (it has no {SUMMARY}); name another folder or empty it"
    if any(entry.is_dir() for entry in entries):
        return f"{folder} has sub-folders, which a plan folder never has; name another folder or empty it"
    return ""


def _note_on_creating(folder: Path) -> str:
    """Why it cannot be made where it is to stand, or nothing."""
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir():
        return f"{folder} would stand in {above}, which is a file; name another folder"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"{folder} cannot be made: {above} may not be written to; name another folder"
    return ""


@contextmanager
def replaced(folder: Path) -> Generator[Path]:
    """A new folder to write into, which takes the place of `folder` at the end; on an error, nothing changes."""
    if problem := note_on_replacing(folder):
        raise NotReplaceable(problem)
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.{uuid4().hex[:8]}")
    new.mkdir()
    try:
        yield new
        if not target.exists():
            new.rename(target)
        else:
            _exchange(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _exchange(new: Path, old: Path) -> None:
    """Swaps two folders: in one stroke where Linux can, else by two renames."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    paths = os.fsencode(new), os.fsencode(old)
    if renameat2 is not None and renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return
    aside = new.with_name(f"{new.name}.old")
    old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        aside.rename(old)
        raise
    aside.rename(new)
