"""The agent as one file: a zipapp of ``finn_tui/board/agent``, the same bytes on every machine."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from pathlib import Path

_MAIN = "import sys\nfrom finn_tui.board.agent.jobs import main\nsys.exit(main())\n"


@functools.cache
def agent_bytes() -> bytes:
    """The zipapp. Its name on a board carries its hash, so that two versions can be there."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, text: str) -> None:
            # A fixed time: the hash must change with the content only.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)

        add("__main__.py", _MAIN)
        add("finn_tui/__init__.py", "")
        add("finn_tui/board/__init__.py", "")
        for path in sorted((Path(__file__).parent / "agent").glob("*.py")):
            add(f"finn_tui/board/agent/{path.name}", path.read_text(encoding="utf-8"))
    return content.getvalue()


def agent_sha256() -> str:
    """Its hash, which is looked at on the board before it is started."""
    return hashlib.sha256(agent_bytes()).hexdigest()


def agent_name() -> str:
    """Its file name on the board."""
    return f"agent-{agent_sha256()[:12]}.pyz"
