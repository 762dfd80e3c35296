"""All facts as one document: what ``python engine.pyz doctor [PART ...]`` prints."""

import json
import os
import sys
from typing import Any, Dict, List

from finn_tui.engine.server import tools
from finn_tui.engine.server.doctor import amd, containers, environment, finn, machine, probes

#: Grows when a part is removed or means something else.
FORMAT = 1
#: Vivado's own start from a cold network disk takes up to a minute; nothing takes longer.
SECONDS = 75.0

PARTS: Dict[str, probes.Probe] = {
    "system": machine.system,
    "python": machine.python,
    "environment": environment.variables,
    "startup": environment.startup,
    "installations": amd.installations,
    "folders": amd.folders,
    "tools": tools.tools,
    "vivado": amd.vivado,
    "licence": amd.licence,
    "build_dir": machine.build_dir,
    "places": machine.places,
    "memory": machine.memory,
    "locale": machine.locales,
    "limits": machine.limits,
    "clock": machine.clock,
    "programs": machine.programs,
    "docker": containers.docker,
    "podman": containers.podman,
    "apptainer": containers.apptainer,
    "finn": finn.finn,
}


def facts(names: List[str]) -> Dict[str, Any]:
    """The parts of those names, all of them without names."""
    wanted = {name: probe for name, probe in PARTS.items() if not names or name in names}
    return {"format": FORMAT, **probes.bounded(probes.gather(wanted, SECONDS))}


def main(names: List[str]) -> int:
    """Print the document as one line and end, whatever probe still waits for an answer."""
    # Programs and libraries that print to the real stdout must not come into the document.
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.stderr.write("unknown part %r; known: %s\n" % (unknown[0], ", ".join(PARTS)))
        return 2
    out.write(json.dumps(facts(names), ensure_ascii=True) + "\n")
    out.flush()
    os._exit(0)
