"""Where the platform keeps its data: the city's server, or the embedded one; a demo has a database of its own."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vpp.operations.live.files import SITE
from vpp.store import embedded
from vpp.store.named_database import named_database

DEMO_DATABASE = "live_demo"


def is_demo(folder: Path) -> bool:
    return (folder / SITE).exists()


@contextmanager
def database_of(folder: Path, home: Path, database: str | None, postgres_bin: Path | None) -> Generator[str]:
    """DSN of the platform of this folder; an embedded server runs meanwhile."""
    demo = is_demo(folder)
    if database:
        yield named_database(database, DEMO_DATABASE) if demo else database
        return
    with embedded(home, bin_folder=postgres_bin, say=lambda _: None) as dsn:
        yield named_database(dsn, DEMO_DATABASE) if demo else dsn
