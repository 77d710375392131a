"""An export as one file: what `vpp export` writes, zipped, for who fetches it over the network."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from vpp.store import Store
from vpp.store.export import Format, Part


def export_file(store: Store, part: Part, kind: Format, target: Path, now: datetime) -> dict[str, int]:
    """Write `target`, whole or not at all; return rows by table."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as place:
        folder = Path(place) / "export"
        manifest = store.export(folder, part, now, kind)
        draft = Path(place) / "draft.zip"
        with ZipFile(draft, "w", ZIP_STORED if kind is Format.PARQUET else 8) as file:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                file.write(path, path.relative_to(folder))
        shutil.move(draft, target)
    return {table["name"]: table["rows"] for table in manifest["tables"]}
