"""From scores to a report: runs (one JSON each), relations, significance, tables, figures, the whole experiment."""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

if "MPLCONFIGDIR" not in os.environ:
    # matplotlib would leave a list of fonts and an empty folder in the user's home. It makes this one when it is
    # imported; worker processes share it.
    _folder = Path(tempfile.gettempdir(), f"duchenne-{secrets.token_hex(8)}")
    os.environ["MPLCONFIGDIR"] = str(_folder)
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)
