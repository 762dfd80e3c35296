"""A user's own Python file of build steps, in the form of FINN's ``DataflowBuildConfig``.

The file holds a list of step names and callables (``steps``, ``build_steps``, or the ``steps`` of a
``DataflowBuildConfig``). It is code of the user's: it runs only if the request names the hash of
the content that the user has agreed to.
"""

import os
from typing import Any, Callable, Dict, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import user_code

Step = Tuple[str, Callable[[Any, Any], Any]]

_NAMES = ("steps", "build_steps", "STEPS", "BUILD_STEPS")
#: The steps from here on make hardware; preparing ends before them.
_LATER = (
    "step_generate_estimate_reports",
    "step_hw_codegen",
    "step_hls_codegen",
    "step_hw_ipgen",
    "step_hls_ipgen",
    "step_generate_hardware",
    "step_set_fifo_depths",
    "step_create_stitched_ip",
    "step_measure_rtlsim_performance",
    "step_out_of_context_synthesis",
    "step_prepare_synthesis",
    "step_synthesize_bitfile",
    "step_make_driver",
    "step_make_pynq_driver",
    "step_deployment_package",
    "step_assign_ddr_weight_offsets",
    "step_transpose_decomposition",
)


def load(wanted: Optional[Dict[str, Any]], builder: Any) -> Optional[List[Step]]:
    """The steps of a request's ``steps`` ({"path", "sha256"}); None where there are none.

    ``builder`` is FINN's ``build_dataflow_steps``. Raises ``EngineError`` for a file that was not
    agreed to, is broken, or names steps that FINN does not have.
    """
    if wanted is None:
        return None
    path = str(wanted.get("path"))
    entries = _entries(user_code.run(wanted, "steps"), path)
    lookup = builder.build_dataflow_step_lookup
    steps: List[Step] = []
    for entry in entries:
        name = entry if isinstance(entry, str) else getattr(entry, "__name__", str(entry))
        if name in _LATER:
            break
        if callable(entry):
            steps.append((name, entry))
        elif name in lookup:
            steps.append((name, lookup[name]))
        else:
            raise EngineError(
                "FINN has no step %s" % name,
                "%s names it" % os.path.basename(path),
                "It has %s; others must be functions of the file" % ", ".join(sorted(lookup)),
            )
    if not steps:
        raise EngineError(
            "%s has no step before hardware is made" % os.path.basename(path),
            "Its list is %s" % ", ".join(str(entry) for entry in entries),
            "List the steps from the network on, such as step_qonnx_to_finn",
        )
    return steps


def _entries(variables: Dict[str, Any], path: str) -> List[Any]:
    for name in _NAMES:
        entries = variables.get(name)
        if isinstance(entries, (list, tuple)):
            return list(entries)
    for value in variables.values():
        entries = getattr(value, "steps", None)
        if isinstance(entries, (list, tuple)) and not isinstance(value, type):
            return list(entries)
    raise EngineError(
        "%s has no list of steps" % os.path.basename(path),
        "None of %s is a list, and no DataflowBuildConfig has steps" % ", ".join(_NAMES),
        'Write steps = ["step_qonnx_to_finn", my_step, "step_convert_to_hw", ...]',
    )
