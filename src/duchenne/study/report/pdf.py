"""A page as PDF, printed by a browser of this machine."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from duchenne.errors import OutputError, StudyError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_MOST_S = 180


def browser() -> str | None:
    """Return a browser of this machine that prints without a window; None where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or next((path for path in _PLACES if Path(path).exists()), None)


def needed_browser(page: Path, path: Path) -> str:
    """Return the browser with which a page can be printed; asked before any work.

    Raises:
        StudyError: There is none.
    """
    program = browser()
    if program is None:
        raise StudyError(
            f"{path}: no browser was found to print with; looked for {', '.join(BROWSERS[:4])} and Edge. "
            f"Install Chromium, or open {page} and print it to PDF."
        )
    return program


def _as_root() -> list[str]:
    """Return what Chromium needs to run as root, where it has no sandbox."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def write_pdf(page: Path, path: Path) -> None:
    """Print a page to a PDF file.

    Raises:
        StudyError: There is no browser.
        OutputError: The browser wrote nothing.
    """
    program = needed_browser(page, path)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program, "--headless", "--disable-gpu", "--no-first-run", *_as_root(), f"--user-data-dir={profile}",
            "--virtual-time-budget=10000", "--no-pdf-header-footer", f"--print-to-pdf={path.resolve()}",
            page.resolve().as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OutputError(f"{path}: {program} could not print the page ({error}).") from None
    if not path.is_file() or not path.stat().st_size:
        raise OutputError(f"{path}: {program} printed nothing ({done.stderr.strip()[-200:]}).")
