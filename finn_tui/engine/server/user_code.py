"""Running a user's own Python file: only with the content that the user has agreed to."""

import hashlib
import os
import sys
import traceback
from typing import Any, Dict

from finn_tui.engine.protocol import EngineError


def run(wanted: Dict[str, Any], what: str) -> Dict[str, Any]:
    """The variables of a user's file; it may import what lies beside it.

    Args:
        wanted: ``path``, and ``sha256`` of the content that was agreed to.
        what: what the file is, for errors ("steps").

    Raises ``EngineError``: it cannot be read, was not agreed to, or stops with an error.
    """
    path = str(wanted.get("path"))
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise EngineError(
            "The %s of %s cannot be read" % (what, path), str(error), "Check the path"
        ) from error
    if hashlib.sha256(content).hexdigest() != wanted.get("sha256"):
        raise EngineError(
            "%s is not the file that was agreed to" % os.path.basename(path),
            "Its content has changed, or nobody has agreed to run it",
            "Read it, and start again to agree to its present content",
        )
    return _run(path, content, what)


def _run(path: str, content: bytes, what: str) -> Dict[str, Any]:
    folder = os.path.dirname(os.path.abspath(path))
    variables: Dict[str, Any] = {"__name__": "finn_tui_user_%s" % what, "__file__": path}
    sys.path.insert(0, folder)
    try:
        exec(compile(content, path, "exec"), variables)  # agreed to by its hash
    except (Exception, SystemExit) as error:
        # A user's code raises anything; it is said as what it is.
        raise EngineError(
            "%s stopped while it was read" % os.path.basename(path),
            "%s: %s" % (type(error).__name__, error),
            "Mend the file; its functions may be called later, its top level must only define",
            detail=traceback.format_exc(),
        ) from error
    finally:
        sys.path.remove(folder)
    return variables
