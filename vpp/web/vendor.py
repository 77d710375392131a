"""What browsers get that others wrote: `python -m vpp.web.vendor` brings it from npm, `--check` compares it.

Every file is pinned by version and SHA-256; nothing is loaded from elsewhere when the platform runs.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static" / "vendor"
TESTS = Path(__file__).parents[2] / "tests" / "web" / "vendor"
"""Only in a clone."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of an npm package."""

    package: str
    """With its version: `uplot@1.6.32`."""
    member: str
    name: str
    sha256: str
    folder: Path = STATIC


FONT = "@fontsource-variable/atkinson-hyperlegible-next@5.3.0"
PIECES = (
    Piece(
        "uplot@1.6.32",
        "dist/uPlot.iife.min.js",
        "uplot.js",
        "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    ),
    Piece(
        "uplot@1.6.32",
        "dist/uPlot.min.css",
        "uplot.css",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
    Piece(
        "uplot@1.6.32",
        "LICENSE",
        "uplot.LICENSE.txt",
        "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    ),
    Piece(
        "htmx.org@2.0.11",
        "dist/htmx.min.js",
        "htmx.js",
        "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    ),
    Piece(
        "htmx.org@2.0.11",
        "LICENSE",
        "htmx.LICENSE.txt",
        "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    ),
    Piece(
        FONT,
        "files/atkinson-hyperlegible-next-latin-wght-normal.woff2",
        "atkinson.woff2",
        "18b2a1a39a2fa298b0ba5390aca68462669826c90925656f1c1f6796e0e1bbaf",
    ),
    Piece(FONT, "LICENSE", "atkinson.LICENSE.txt", "474a034e99845062f661855caaa505880d0e9009deddc2727a92795eab374955"),
    Piece(
        "axe-core@4.14.1",
        "axe.min.js",
        "axe.js",
        "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        TESTS,
    ),
    Piece(
        "axe-core@4.14.1",
        "LICENSE",
        "axe.LICENSE.txt",
        "af175b9d96ee93c21a036152e1b905b0b95304d4ae8c2c921c7609100ba8df7e",
        TESTS,
    ),
)


def differing(pieces: Sequence[Piece] = PIECES) -> list[str]:
    """Files that are missing or not as listed, where their folder is."""
    found = ((p.folder / p.name, p.sha256) for p in pieces if p.folder.is_dir())
    return [path.name for path, sha256 in found if not path.is_file() or digest(path.read_bytes()) != sha256]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def bring(pieces: Sequence[Piece] = PIECES) -> Iterator[str]:
    """Fetch every package once and put its files in place; raises ValueError on a file that is not as listed."""
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError("npm is not installed; allowed: any version of it")
    with tempfile.TemporaryDirectory() as folder:
        for package in dict.fromkeys(p.package for p in pieces):
            made = subprocess.run(
                [npm, "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
            )
            with tarfile.open(Path(folder) / made.stdout.split()[-1]) as tarball:
                for piece in (p for p in pieces if p.package == package):
                    yield _place(piece, tarball)


def _place(piece: Piece, tarball: tarfile.TarFile) -> str:
    file = tarball.extractfile(f"package/{piece.member}")
    content = b"" if file is None else file.read()
    if digest(content) != piece.sha256:
        raise ValueError(f"{piece.package}: {piece.member} has SHA-256 {digest(content)}; allowed: {piece.sha256}")
    piece.folder.mkdir(parents=True, exist_ok=True)
    (piece.folder / piece.name).write_bytes(content)
    return f"{piece.name} from {piece.package}"


def main() -> None:
    if "--check" not in sys.argv[1:]:
        for said in bring():
            print(said)
    if different := differing():
        sys.exit(f"not as listed: {', '.join(different)}")


if __name__ == "__main__":
    main()
