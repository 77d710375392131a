"""The store a command works on: the city's server by `VPP_DATABASE`, else the embedded one in `VPP_HOME`."""

import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from vpp.cli.app import one_sentence
from vpp.settings import Settings, settings
from vpp.store import NoDatabase, Store, StoreError, Upkeep, embedded


@contextmanager
def opened_dsn(chosen: Settings) -> Generator[str]:
    """The DSN; an embedded server runs meanwhile."""
    with one_sentence(NoDatabase, StoreError), ExitStack() as stack:
        yield chosen.database or stack.enter_context(embedded(chosen.home, bin_folder=chosen.postgres_bin, say=say))


@contextmanager
def opened_store(*, migrated: bool = True) -> Generator[Store]:
    """A store; `migrated`: its schema must be up to date."""
    with opened_dsn(settings()) as dsn, Store(dsn) as store:
        if migrated and (waiting := store.pending()):
            raise StoreError(f"{store.name}: {len(waiting)} migrations have not run; run `vpp db migrate`")
        yield store


def chosen_upkeep(chosen: Settings) -> Upkeep:
    """How long things are kept by the settings. Raises StoreError."""
    return Upkeep(
        keep_raw_days=chosen.keep_raw_days,
        keep_quarter_hours_days=chosen.keep_quarter_hours_days,
        columnstore_after_days=chosen.columnstore_after_days,
    )


def say(sentence: str) -> None:
    """Something a person should know, beside the result."""
    print(sentence, file=sys.stderr)
