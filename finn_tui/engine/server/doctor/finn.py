"""The FINN in this Python: what it is, and whether what it builds with is there."""

import importlib
import importlib.util
import os
from typing import Any, Dict, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.doctor import probes
from finn_tui.engine.server.finn import finn_api, finn_env


def finn() -> Dict[str, Any]:
    """Flavour, version, sources and dependencies; ``installed`` is false where there is none."""
    if importlib.util.find_spec("finn") is None:
        return {"installed": False}
    try:
        finn_env.setup()
        answer: Dict[str, Any] = dict(finn_env.flavour(), installed=True)
        root = finn_env.source_root()
        deps = _dependencies(root)
        answer.update(
            root=root,
            dependencies=deps,
            missing=[name for name in finn_api.DEPENDENCIES if not _is_there(deps, name)],
            board_files=probes.entries(os.path.join(deps, "board_files")) if deps else [],
            simulator=finn_api.simulator(),
        )
    except EngineError as error:
        return {"installed": True, "problem": "%s. %s" % (error.what, error.why)}
    finally:
        finn_env.cleanup()
    return answer


def _dependencies(root: Optional[str]) -> Optional[str]:
    """The folder of what FINN fetches: ``deps`` of a checkout, ``finn_deps`` of finn-plus."""
    if root is not None:
        return os.path.join(root, "deps")
    try:
        settings = importlib.import_module("finn.util.settings")
    except ImportError:
        return None
    return str(settings.get_settings().finn_deps)


def _is_there(deps: Optional[str], name: str) -> bool:
    return deps is not None and os.path.isdir(os.path.join(deps, name))
