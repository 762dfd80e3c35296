"""The command line: thin, one function a sub-command, each calling what the screens call."""

from __future__ import annotations

from pathlib import Path

import click

from finn_tui.cli.common import WORKSPACE_OPTION, guard, open_workspace

# Modules by command, imported when used: `finn-tui runs` must not wait for the app's imports.
_MODULES = {
    "demo": "demo",
    "engine": "engines",
    "prepare": "models",
    "graph": "models",
    "estimate": "models",
    "solve": "solve",
    "pareto": "solve",
    "compare": "compare",
    "migrate": "migrate",
    "calibrate": "calibrate",
    "build": "builds",
    "runs": "runs",
    "logs": "builds",
    "cancel": "builds",
    "attach": "builds",
    "boards": "boards",
    "deploy": "boards",
    "execute": "boards",
    "throughput": "boards",
    "validate": "boards",
    "go": "boards",
    "experiments": "builds",
    "inspect": "inspect",
}


class _Group(click.Group):
    """Sub-commands, or a workspace's path in their place, which opens the app on it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        import importlib

        if cmd_name == "open":
            return open_app
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        loaded = importlib.import_module(f"finn_tui.cli.{module}")
        command: click.Command = getattr(loaded, cmd_name.replace("-", "_"))
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        leading = [arg for arg in args if arg in ("--help", "--version")]
        if not leading and (not args or self._is_workspace(ctx, args[0])):
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def _is_workspace(self, ctx: click.Context, word: str) -> bool:
        if word.startswith("-"):
            return True
        return self.get_command(ctx, word) is None and ("/" in word or Path(word).is_dir())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="finn-tui")
def main() -> None:
    """The terminal cockpit for FINN.

    Without a command, `finn-tui [WORKSPACE]` opens the app on a folder (default: this one).

    \b
    Begin with:
      finn-tui demo                     the lab's TFC, with stand-ins for tools and board
      finn-tui estimate cnv-w1a1        what a folding costs and gives
    """


@click.command("open")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="Preset, .onnx file or model of the workspace to open.")
@WORKSPACE_OPTION
@guard
def open_app(folder: Path | None, workspace: Path, model: str | None) -> None:
    """Open the app on a workspace."""
    from finn_tui.lab.session import Lab
    from finn_tui.ui.app import run_app

    opened = open_workspace(folder or workspace, tolerant=True)
    run_app(Lab(opened), model or opened.settings.model or None)
