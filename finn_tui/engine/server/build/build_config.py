"""What FINN's builder is asked for: its environment and its configuration."""

import importlib
import inspect
import os
import shutil
import sys
from typing import Any, Callable, Dict, List

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_api, finn_env
from finn_tui.engine.server.runs import runfiles

OUTPUTS = ("ESTIMATE_REPORTS", "STITCHED_IP", "BITFILE", "PYNQ_DRIVER", "DEPLOYMENT_PACKAGE")

#: More would only make the stand-ins wait for each other.
REHEARSAL_WORKERS = 4


def environment(run: Dict[str, Any], folder: str) -> Dict[str, str]:
    """The variables that FINN, its Tcl scripts and AMD's tools read, for the builder's process."""
    env = dict(os.environ)
    build = os.path.join(folder, "finn_build_dir")
    env["FINN_BUILD_DIR"] = build
    env["FINN_HOST_BUILD_DIR"] = build  # upstream FINN's name for it
    env.setdefault("XILINX_LOCAL_USER_DATA", "no")
    if needs_simulator(run):
        # In-process simulation finds Vivado's libraries only if the process begins with this.
        own = env["LD_LIBRARY_PATH"].split(os.pathsep) if env.get("LD_LIBRARY_PATH") else []
        env["LD_LIBRARY_PATH"] = os.pathsep.join(_libraries(env) + own)
    if run.get("rehearsal") is None:
        return env
    place = os.path.join(folder, "rehearsal")
    vivado = os.path.join(place, "Vivado", "2022.2")
    tools = os.path.join(vivado, "bin")
    env["FINN_TUI_REHEARSAL"] = place
    env["FINN_TUI_REHEARSAL_PYTHON"] = sys.executable
    env["XILINX_VIVADO"] = env["VIVADO_PATH"] = env["HLS_PATH"] = vivado
    env["FINN_TOOL_DIR_OVERRIDE"] = tools
    env["PATH"] = tools + os.pathsep + env.get("PATH", "")
    # A rehearsal leaves nothing behind outside of its folder.
    env["FINN_SETTINGS"] = os.path.join(build, "settings.yaml")
    env.setdefault("NUM_DEFAULT_WORKERS", str(min(REHEARSAL_WORKERS, os.cpu_count() or 1)))
    return env


def _libraries(env: Dict[str, str]) -> List[str]:
    """Where Vivado's simulator has its libraries, as FINN's own command line sets them.

    Not the system's folder, which it puts before them: a Python of its own (pyenv) would load the
    system's libpython from there and break in odd places.
    """
    vivado, hls = env.get("XILINX_VIVADO"), env.get("XILINX_HLS")
    places = []
    if vivado:
        places.append(os.path.join(vivado, "lib", "lnx64.o"))
    if hls:
        places.append(os.path.join(hls, "lnx64", "tools", "fpo_v7_1"))
    return places


def prepare_finn(run: Dict[str, Any]) -> None:
    """What FINN's command line does before a build, as far as it matters here.

    Raises ``EngineError`` if something is missing that a real build needs.
    """
    try:
        paths = importlib.import_module("finn.interface.interface_utils")
    except ImportError:
        paths = None  # upstream FINN's environment is set by whoever starts its container
    if paths is not None:
        # FINN's Tcl scripts name these folders by variable.
        os.environ["FINN_RTLLIB"] = paths.resolve_module_path("finn-rtllib")
        os.environ["FINN_CUSTOM_HLS"] = paths.resolve_module_path("custom_hls")
    if run.get("rehearsal") is not None:
        return
    if paths is not None:
        _check_dependencies()
        finn_api.start_method()
    else:
        _check_checkout()
    if needs_simulator(run):
        check_simulator()


def _check_dependencies() -> None:
    """finn-plus brings its HLS library and board files by a command of its own."""
    folder = str(importlib.import_module("finn.util.settings").get_settings().finn_deps)
    if not os.path.isdir(os.path.join(folder, "finn-hlslib")):
        raise EngineError(
            "FINN's own dependencies are not there",
            "It compiles layers against finn-hlslib, which is not in %s." % folder,
            "Run `%s deps update` once, on a machine with network"
            % os.path.join(os.path.dirname(sys.executable), "finn"),
            kind="tools",
        )


def _check_checkout() -> None:
    """A checkout of upstream FINN fetches what it builds with by a script of its own."""
    root = finn_env.source_root()
    missing = finn_api.missing_dependencies(root)
    if missing:
        raise EngineError(
            "FINN's own dependencies are not there",
            "%s/deps has no %s." % (root, ", ".join(missing)),
            "Run fetch-repos.sh in %s once, on a machine with network" % root,
            kind="tools",
        )


def needs_simulator(run: Dict[str, Any]) -> bool:
    """Whether FIFO depths are to be found by RTL simulation, which needs Vivado's own."""
    return run.get("rehearsal") is None and run.get("fifo", "simulate") == "simulate"


def check_simulator() -> None:
    """Raise ``EngineError`` unless RTL can be simulated here, by XSI or by Verilator."""
    if finn_api.simulator() == "verilator":
        _check_verilator()
        return
    xsi = importlib.import_module("finn.xsi")
    if not hasattr(xsi, "ensure_available"):
        return  # upstream FINN finds out by itself
    try:
        xsi.ensure_available()
    except Exception as error:  # FINN's own check: a Vivado that lacks, a compiler that fails
        raise EngineError(
            "FINN's RTL simulation is not available",
            "FIFO depths are found by simulating the design with Vivado's simulator: %s" % error,
            "Run `%s -m finn.xsi.setup` and read what it says, or build with minimal FIFOs"
            % sys.executable,
            kind="tools",
        ) from error


def _check_verilator() -> None:
    """FINN up to 0.10.1 simulates with Verilator, through a fork of pyverilator."""
    lacking = []
    if shutil.which("verilator") is None:
        lacking.append("the program verilator")
    if not finn_api.has_module("pyverilator.util.axi_utils"):
        lacking.append("FINN's fork of the package pyverilator")
    if lacking:
        raise EngineError(
            "FINN's RTL simulation is not available",
            "FIFO depths are found by simulating the design; %s needs %s."
            % ("this FINN", " and ".join(lacking)),
            "Build in FINN's container, which has both, or build with minimal FIFOs",
            kind="tools",
        )


def make(configs: Any, run: Dict[str, Any], folder: str, steps: List[Callable[..., Any]]) -> Any:
    """FINN's ``DataflowBuildConfig`` for a run; ``configs`` is the module that defines it.

    Raises ``EngineError`` for a board that the installed FINN cannot make a bitfile for.
    """
    folding = os.path.join(folder, "folding.json")
    runfiles.write_json(folding, run["folding"])
    wanted: Dict[str, Any] = {
        "output_dir": os.path.join(folder, "build"),
        "synth_clk_period_ns": float(run["clock_ns"]),
        "board": run["board"],
        "fpga_part": run["part"],
        "folding_config_file": folding,
        "generate_outputs": [getattr(configs.DataflowOutputType, name) for name in OUTPUTS],
        "shell_flow_type": _shell(configs, run),
        "auto_fifo_depths": True,
        "save_intermediate_models": True,
        "enable_build_pdb_debug": False,  # upstream's default would wait at a prompt for ever
        "validation_dataset": run.get("dataset"),
        "steps": steps,
    }
    if run.get("rehearsal") is not None or run.get("fifo") == "minimal":
        wanted.update(finn_api.minimal_fifos(configs))
    known = inspect.signature(configs.DataflowBuildConfig).parameters
    return configs.DataflowBuildConfig(**{k: v for k, v in wanted.items() if k in known})


def _shell(configs: Any, run: Dict[str, Any]) -> Any:
    basic = importlib.import_module("finn.util.basic")
    board = run["board"]
    if board in basic.pynq_part_map:
        return configs.ShellFlowType.VIVADO_ZYNQ
    if board in basic.alveo_part_map and run.get("rehearsal") is None:
        return configs.ShellFlowType.VITIS_ALVEO
    if board in basic.alveo_part_map:
        raise EngineError(
            "A build for %s cannot be rehearsed" % board,
            "It is an Alveo board, built by Vitis; the stand-ins know Vivado's Zynq flow.",
            "Rehearse for one of %s" % ", ".join(sorted(basic.pynq_part_map)),
        )
    raise EngineError(
        "FINN cannot make a bitfile for %s" % board,
        "It has no shell for this board (%s); estimates work, building does not."
        % finn_env.flavour()["version"],
        "Choose one of %s" % ", ".join(sorted(basic.pynq_part_map)),
    )


def complete_fifo_depths(model: Any) -> None:
    """Give each input of a layer its FIFO depth.

    FINN's HLS and RTL backends declare one depth for layers of two inputs (ElementwiseAdd), and its
    InsertFIFO looks for the second where a network's own second input ends.
    """
    registry = importlib.import_module("qonnx.custom_op.registry")
    for node in model.graph.node:
        inputs = [name for name in node.input if model.get_initializer(name) is None]
        if len(inputs) < 2 or not node.domain.startswith("finn.custom_op.fpgadataflow"):
            continue
        op = registry.getCustomOp(node)
        if "inFIFODepths" not in op.get_nodeattr_types():
            continue
        depths = [int(depth) for depth in op.get_nodeattr("inFIFODepths")]
        if 0 < len(depths) < len(inputs):
            op.set_nodeattr("inFIFODepths", depths + depths[-1:] * (len(inputs) - len(depths)))
