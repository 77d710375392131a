"""A folder as one zip file, out and in. What comes in is read as something a stranger sent."""

import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath

from vpp.cases import tables_of, write_case
from vpp.domain import QUARTER, AssetType, Case, Mistake, Mistakes, quarter_of
from vpp.operations.live.spans import horizon_from
from vpp.operations.live_case import live_case
from vpp.store import Store

SUFFIXES = (".toml", ".csv", ".parquet")
BESIDE = (".md", ".txt")
"""What people write about a case."""
MOST_FILES, MOST_BYTES = 64, 400_000_000
"""A case has some twenty files; 100,000 assets over two days come to about 150 MB."""
A_DAY_OF_1980 = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip file can say: equal folders make equal files."""


def city_case(store: Store, asset_types: Mapping[str, AssetType], now: datetime) -> tuple[Case, bytes]:
    """The case that would be planned now, from the next quarter-hour on, and its folder as a zip file.

    Raises StoreError where the city cannot be planned yet.
    """
    case = live_case(store, asset_types, horizon_from(quarter_of(now) + QUARTER), now).case
    whole = tables_of(case, asset_types)
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder), whole.tables, whole.series, whole.market, whole.horizon, whole.penalties)
        return case, packed(Path(folder))


def packed(folder: Path) -> bytes:
    """The files of a folder, without folders below it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            file.writestr(zipfile.ZipInfo(path.name, A_DAY_OF_1980), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpacked(data: bytes, name: str, folder: Path) -> None:
    """Writes the case's files into the folder. Raises Mistakes, then nothing is written.

    A folder that was packed as a whole is taken as its content; what lies beside a case is left out.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = [e for e in file.infolist() if not e.is_dir() and not _beside_the_case(e.filename)]
            mistakes = list(_mistakes(entries, name))
            if mistakes:
                raise Mistakes(mistakes)
            contents = {PurePosixPath(e.filename).name: _read(file, e, name) for e in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:  # damaged, unknown method, encrypted
        raise Mistakes(
            [_mistake(name, "is not a zip file that can be read; allowed: a case folder, zipped")]
        ) from problem
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in contents.items():
        (folder / file_name).write_bytes(content)


def _mistakes(entries: list[zipfile.ZipInfo], name: str) -> Iterator[Mistake]:
    paths = [PurePosixPath(e.filename) for e in entries]
    if not entries:
        yield _mistake(name, f"holds no file of a case; allowed: {', '.join(SUFFIXES)}")
    if len(entries) > MOST_FILES:
        yield _mistake(name, f"holds {len(entries)} files; allowed: at most {MOST_FILES}")
    if (size := sum(e.file_size for e in entries)) > MOST_BYTES:
        yield _mistake(name, f"holds {size / 1e6:.0f} MB; allowed: at most {MOST_BYTES / 1e6:.0f} MB unpacked")
    if len({p.parent for p in paths}) > 1:
        yield _mistake(name, "holds more than one folder; allowed: the files of one case")
    for path in paths[:MOST_FILES]:
        if path.suffix.lower() not in SUFFIXES or "\\" in path.name or "\0" in path.name:
            yield _mistake(name, f"holds '{path.name[:60]}'; allowed: {', '.join(SUFFIXES)}")


def _read(file: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    """Never more than the entry says it holds: sizes in a zip file may lie."""
    with file.open(entry) as opened:
        content = opened.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise Mistakes([_mistake(name, f"holds '{entry.filename[:60]}' with another size than it says")])
    return content


def _beside_the_case(path: str) -> bool:
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or "__MACOSX" in parts or parts[-1] in ("Thumbs.db", "desktop.ini") or parts[-1].endswith(BESIDE)


def _mistake(name: str, problem: str) -> Mistake:
    return Mistake(where=name or "file", what="", problem=problem)
