"""`vpp assets register CASE`: the register of the platform that `vpp up` runs, from a case folder."""

import getpass
from datetime import UTC, datetime
from pathlib import Path

from vpp.cli.app import one_sentence, print_json
from vpp.settings import settings


def register_case(folder: Path, devices: Path | None, *, as_json: bool) -> None:
    from assets import ASSET_TYPES, PROFILES
    from vpp.cli.parts import platform_dsn
    from vpp.cli.up_commands import live_folder
    from vpp.devices import load_profiles
    from vpp.operations.live.registering import read_register, register
    from vpp.store import NoDatabase, Store, StoreError

    given = read_register(folder, devices, ASSET_TYPES, load_profiles(PROFILES))
    with (
        one_sentence(NoDatabase, StoreError),
        platform_dsn(settings(), live_folder(demo=False)) as dsn,
        Store(dsn) as store,
    ):
        store.migrate()
        changed = register(store, given, getpass.getuser(), datetime.now(UTC))
    said = {"assets": len(given.units), "changed": changed, "devices": len(given.profiles)}
    if as_json:
        print_json(said)
    else:
        print(f"{len(given.units)} assets, {changed} new or changed, {len(given.profiles)} with a device")
