"""What this Python can import, as a hash: it changes when another FINN is installed.

Found out without importing anything, so that a terminal on another machine learns with the first
message whether what it remembers of this engine still holds.
"""

import contextlib
import hashlib
import os
import sys
from typing import List

_PACKAGES = (".dist-info", ".egg-info", ".egg-link", ".pth")
#: What changes in a checkout of FINN when another version is checked out.
_CHECKOUT = ("../.git/HEAD", "../.git/index", "finn", "finn/builder")


def state() -> str:
    """A hash of the packages on the path, and of checkouts of FINN there."""
    lines: List[str] = []
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue  # an archive, or nothing
        lines += [name for name in names if name.endswith(_PACKAGES)]
        if "finn" not in names or not os.path.isdir(os.path.join(folder, "../finn-rtllib")):
            continue
        for name in _CHECKOUT:
            with contextlib.suppress(OSError):
                lines.append("%s %d" % (name, os.stat(os.path.join(folder, name)).st_mtime_ns))
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "replace")).hexdigest()[:16]
