"""Real logs of other people's builds: a cut of public repositories' in ``tests/data``.

``tests/data/logs.tar.xz`` holds files of CNStanLee/DATELBR, Xilinx/finn, Xilinx/finn-examples,
hsiang0103/piyan-FPGA, pgreksic/FINN_Export_AXI_Lite_Missing, slowman26/TCN-FINN and
zhangks98/eeg-adapt on GitHub, long ones cut short. FINN_TUI_TEST_LOGS names another folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

_ARCHIVE = Path(__file__).parents[1] / "data" / "logs.tar.xz"


def _unpacked() -> Path:
    """The folder of the logs, unpacked once for each content of the archive."""
    digest = hashlib.sha256(_ARCHIVE.read_bytes()).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"finn-tui-test-logs-{os.getuid()}-{digest}"
    if not place.is_dir():
        # Tests that start at once unpack side by side; the first one counts.
        own = Path(tempfile.mkdtemp(dir=place.parent))
        with tarfile.open(_ARCHIVE) as archive:
            archive.extractall(own, filter="data")
        try:
            own.rename(place)
        except OSError:
            shutil.rmtree(own)
    return place


_OTHER = os.environ.get("FINN_TUI_TEST_LOGS")
LOGS = Path(_OTHER) if _OTHER else _unpacked()


def folders() -> list[str]:
    """The collections of logs, one folder each."""
    return sorted(path.name for path in LOGS.iterdir() if path.is_dir())
