"""``python tools.pyz vivado|vitis_hls ARGUMENTS``: the archive that lies in a run folder."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the tool that the first argument names."""
    name, arguments = sys.argv[1], sys.argv[2:]
    if name == "vitis_hls":
        from finn_tui.rehearsal.tools import hls

        return hls.main(arguments)
    from finn_tui.rehearsal.tools import vivado

    return vivado.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
