"""Putting the stand-ins where a build finds them: into its own run folder.

So a rehearsal that has begun goes on whatever happens to the app's installation, and it works on
any machine that has the run folder and a Python.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from finn_tui.rehearsal.tools.plan import VERSION

TOOLS = ("vivado", "vitis_hls")

_WRAPPER = """#!/bin/sh
# SIMULATED: a stand-in for AMD's {tool}, part of a rehearsal by finn-tui.
exec "${{FINN_TUI_REHEARSAL_PYTHON:-python3}}" -I -S "${{0%/*}}/../../../tools.pyz" {tool} "$@"
"""


def install(folder: Path) -> Path:
    """Write the tools into ``folder`` and return the one that holds the executables.

    Its form is ``folder/Vivado/2022.2/bin``, as FINN wants ``XILINX_VIVADO``. The folder may be
    moved; call the tools by a path. They run with the Python that ``FINN_TUI_REHEARSAL_PYTHON``
    names, or ``python3``.

    Raises:
        OSError: if the folder cannot be written.
    """
    package = Path(__file__).resolve().parents[2]
    archive = folder / "tools.pyz"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("finn_tui/__init__.py", "")
        out.writestr("finn_tui/rehearsal/__init__.py", "")
        out.write(package / "rehearsal/bitstream.py", "finn_tui/rehearsal/bitstream.py")
        for path in sorted((package / "rehearsal/tools").glob("*.py")):
            out.write(path, f"finn_tui/rehearsal/tools/{path.name}")
        out.writestr(
            "__main__.py",
            "import sys\nfrom finn_tui.rehearsal.tools.__main__ import main\nsys.exit(main())\n",
        )
    tools = folder / "Vivado" / VERSION / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    for tool in TOOLS:
        path = tools / tool
        path.write_text(_WRAPPER.format(tool=tool), encoding="utf-8")
        path.chmod(0o755)
    return tools
