"""HTML → PDF through a Chromium that is on the machine, headless and offline."""

import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 120


class NoBrowser(RuntimeError):
    """A PDF cannot be printed here."""


def print_pdf(page: Path, target: Path) -> Path:
    """`NoBrowser` with the way out where there is none, or where it prints nothing."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        raise NoBrowser(
            f"no PDF: it is printed by Chromium, and none of {', '.join(PROGRAMS)} is installed; "
            f"install one, or print {page} from any browser"
        )
    with tempfile.TemporaryDirectory() as profile:
        command = [program, "--headless", "--no-sandbox", "--disable-gpu",
                   f"--user-data-dir={profile}", "--no-pdf-header-footer", f"--print-to-pdf={target.absolute()}",
                   page.absolute().as_uri()]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            raise NoBrowser(f"no PDF: {program} took more than {PATIENCE_S} s") from None
    if done.returncode or not target.exists():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoBrowser(f"no PDF: {program} ended with code {done.returncode}" + (f": {said[-1]}" if said else ""))
    return target
