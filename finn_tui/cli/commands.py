"""The table of commands: where each one lives, its group in ``--help`` and its one line there.

``finn-tui --help`` is printed from this table alone, so that it does not import what commands need.
A test compares each line with the command's own docstring.
"""

from __future__ import annotations

from typing import NamedTuple


class CommandEntry(NamedTuple):
    """A command that is imported when it runs.

    Attributes:
        target: ``module:attribute`` of the click command, below ``finn_tui.cli``.
        summary: the first line of the command's docstring.
    """

    target: str
    summary: str


#: The command that a workspace's path stands for; not listed in ``--help``.
OPEN = "open"

#: Groups of ``--help`` in the order of the work, each with its commands.
GROUPS: dict[str, dict[str, CommandEntry]] = {
    "Start": {
        "demo": CommandEntry("demo:demo", "Open TFC-w1a1 with a simulated board."),
        "doctor": CommandEntry(
            "doctor:doctor", "Check what builds need on a machine, each with its fix."
        ),
        "config": CommandEntry(
            "config:config", "Show, find and edit the settings and the user's files."
        ),
    },
    "Networks": {
        "prepare": CommandEntry("models:prepare", "Convert a network to a dataflow graph."),
        "export": CommandEntry("networks:export", "Write a network as a QONNX file."),
        "presets": CommandEntry("networks:presets_group", "List, show and copy networks by name."),
        "graph": CommandEntry("models:graph", "Show nodes, shapes and types of a stage."),
        "train": CommandEntry("train:train", "Train a network and follow the training."),
        "evaluate": CommandEntry(
            "train:evaluate", "Measure the accuracy of a network in software."
        ),
    },
    "Foldings": {
        "estimate": CommandEntry("models:estimate", "Show cycles, fps and resources of a folding."),
        "solve": CommandEntry("solve:solve", "Find the best folding for a target, with a proof."),
        "pareto": CommandEntry("solve:pareto", "List the best foldings of fps against resources."),
        "compare": CommandEntry("compare:compare", "Compare two foldings layer by layer."),
        "migrate": CommandEntry("migrate:migrate", "Convert another FINN's folding file."),
        "calibrate": CommandEntry("calibrate:calibrate", "Compare FINN's estimates with builds."),
    },
    "Builds": {
        "build": CommandEntry("builds:build", "Build a folded model and follow the build."),
        "sweep": CommandEntry("sweep:sweep", "Build, deploy and validate a series of foldings."),
        "runs": CommandEntry("runs:runs", "List runs; show, resume, clean and tag them."),
        "attach": CommandEntry("builds:attach", "Follow a running build to its end."),
        "logs": CommandEntry("builds:logs", "Print a run's log, or one of FINN, HLS and Vivado."),
        "cancel": CommandEntry("builds:cancel", "Stop a build and all its tools."),
        "inspect": CommandEntry("inspect:inspect", "Read any log, report or build directory."),
        "experiments": CommandEntry("builds:experiments", "Print the table of runs and results."),
    },
    "Boards": {
        "boards": CommandEntry("boards:boards", "List, add, remove and test PYNQ machines."),
        "deploy": CommandEntry("measure:deploy", "Send a run's package to a board."),
        "execute": CommandEntry(
            "measure:execute", "Compute single images on a board and compare with the software."
        ),
        "throughput": CommandEntry("measure:throughput", "Measure images per second on a board."),
        "validate": CommandEntry("measure:validate", "Measure the accuracy on a board."),
        "go": CommandEntry("measure:go", "Deploy, execute, measure and validate in one command."),
    },
    "Course": {
        "explain": CommandEntry("explain:explain", "Explain how a folded layer computes."),
        "lab": CommandEntry("lab:lab", "Show how far the lab course is, step by step."),
        "report": CommandEntry("report:report", "Write the report and the zip to hand in."),
    },
    "Hosts": {
        "hosts": CommandEntry("hosts:hosts", "List, add, remove and test machines for builds."),
    },
    "Engines": {
        "engine": CommandEntry("engines:engine", "Install, list and remove FINN environments."),
    },
}

#: All commands by name, with the one that has no name of its own.
COMMANDS: dict[str, CommandEntry] = {
    **{name: entry for group in GROUPS.values() for name, entry in group.items()},
    OPEN: CommandEntry("app:open_app", "Open the app on a workspace."),
}
