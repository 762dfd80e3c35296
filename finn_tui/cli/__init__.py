"""The command line: thin, one function a command, each calling what the screens call."""

from __future__ import annotations

import click

from finn_tui.cli.lazy_group import LazyGroup


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="finn-tui")
def main() -> None:
    """The terminal cockpit for FINN.

    Without a command, `finn-tui [WORKSPACE]` opens the app on a folder (default: this one).

    \b
    Begin with:
      finn-tui demo                     the lab's TFC, with stand-ins for tools and board
      finn-tui estimate cnv-w1a1        what a folding costs and gives
    """
