"""The programs that come with PostgreSQL: psql, pg_dump, pg_restore, run on the store's database."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vpp.store.connection import StoreError
from vpp.store.programs import program_folders


def psql(dsn: str, bin_folder: Path | None, arguments: Sequence[str] = ()) -> int:
    """An interactive session; return its exit code."""
    program = find_tool("psql", dsn, bin_folder)
    shown, environment = _apart(dsn)
    return subprocess.run([program, *arguments, shown], env=environment, check=False).returncode


def backup(dsn: str, file: Path, bin_folder: Path | None) -> int:
    """Dump the database to a file, complete or not at all; return its size in bytes."""
    if file.exists():
        raise StoreError(f"file {file}: is there already; allowed: a new file")
    program = find_tool("pg_dump", dsn, bin_folder)
    shown, environment = _apart(dsn)
    draft = file.with_name(f"{file.name}.new")
    with draft.open("wb") as target:
        draft.chmod(0o600)
        done = subprocess.run(
            [program, "-Fc", "--dbname", shown], env=environment, stdout=target, stderr=subprocess.PIPE, check=False
        )
        os.fsync(target.fileno())
    if done.returncode:
        draft.unlink()
        raise StoreError(f"backup: pg_dump says: {_said(done.stderr)}")
    draft.replace(file)
    return file.stat().st_size


def restore(dsn: str, file: Path, bin_folder: Path | None) -> None:
    """Read a dump into an empty database, all or nothing."""
    if not file.is_file():
        raise StoreError(f"file {file}: is not there; allowed: a file made by `vpp db backup`")
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute("SELECT to_regnamespace('vpp')").fetchone() != (None,):
            raise StoreError("restore: the database has a schema vpp already; allowed: an empty database")
        hypertables = (
            connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is not None
        )
        if hypertables:
            connection.execute("SELECT timescaledb_pre_restore()")
        program = find_tool("pg_restore", dsn, bin_folder)
        shown, environment = _apart(dsn)
        # Roles belong to the server, not to the database: grants are arranged again by `vpp db migrate`.
        options = ["--exit-on-error", "--no-owner", "--no-privileges"]
        if not hypertables:
            options.append("--single-transaction")
        with file.open("rb") as source:
            done = subprocess.run(
                [program, *options, "--dbname", shown], env=environment, stdin=source, capture_output=True, check=False
            )
        if hypertables:
            connection.execute("SELECT timescaledb_post_restore()")
    if done.returncode:
        raise StoreError(f"restore: pg_restore says: {_said(done.stderr)}")


def find_tool(name: str, dsn: str, bin_folder: Path | None) -> Path:
    """Of the server's version, else of the nearest newer one: an older pg_dump refuses."""
    with psycopg.connect(dsn) as connection:
        version = connection.info.server_version // 10000
    on_path = shutil.which(name)
    folders = [*program_folders(bin_folder), *([Path(on_path).parent] if on_path else [])]
    programs = [folder / name for folder in folders if os.access(folder / name, os.X_OK)]
    found = [(number, program) for program in programs if (number := _version(program))]
    fitting = sorted((number, program) for number, program in found if number >= version)
    if not fitting:
        have = ", ".join(str(number) for number, _ in found) or "none"
        raise StoreError(
            f"{name}: found {have}; allowed: version {version} or newer, in the folder VPP_POSTGRES_BIN names"
        )
    return fitting[0][1]


def _version(program: Path) -> int | None:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else None


def _apart(dsn: str) -> tuple[str, Mapping[str, str]]:
    """The DSN without its password, which everybody could read in the list of processes, and an environment with it."""
    parts = {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
    password = parts.pop("password", None)
    environment = dict(os.environ)
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment


def _said(stderr: bytes) -> str:
    return " / ".join(stderr.decode(errors="replace").strip().splitlines()[-3:]) or "nothing"
