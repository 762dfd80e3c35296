"""The engine's code as one file that any Python >= 3.8 runs."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from finn_tui.base import files, paths

#: In front of all else, in what every Python understands.
_MAIN = """\
import sys
if sys.version_info < (3, 8):
    sys.exit("Python %d.%d is too old: the engine needs Python 3.8 or later" % sys.version_info[:2])
from finn_tui.engine.server.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def engine_archive(folder: Path | None = None) -> Path:
    """The engine's code as one file that any Python >= 3.8 runs; made once for each content.

    Args:
        folder: where it is kept; None for the cache folder.

    Raises:
        FinnTuiError: if the folder cannot be written (kind "disk").
    """
    package = Path(__file__).resolve().parents[1]
    sources = [
        package / "__init__.py",
        package / "engine/__init__.py",
        package / "engine/protocol.py",
    ]
    sources += sorted((package / "engine/server").rglob("*.py"))
    digest = hashlib.sha256(_MAIN.encode())
    for path in sources:
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    archive = (folder or paths.cache_dir()) / f"engine-{digest.hexdigest()[:16]}.pyz"
    if archive.exists():
        return archive
    with (
        files.replacing(archive, durable=False) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for path in sources:
            out.write(path, Path("finn_tui") / path.relative_to(package))
        out.writestr("__main__.py", _MAIN)
    return archive
