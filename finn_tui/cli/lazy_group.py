"""A click group whose commands are imported when they run."""

from __future__ import annotations

import contextlib
import errno
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from finn_tui.base.text import for_terminal
from finn_tui.cli.commands import COMMANDS, GROUPS, OPEN
from finn_tui.cli.terminal import open_missing_streams

_FULL = """error: not everything could be written: {why}
  The output, or a file that the command writes, is on a disk that is full.
  Free space there, or write elsewhere; then run the command again.
"""
#: What a disk says, whichever file it is, and what it means.
_DISK_ERRORS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EIO: """error: a file could not be read or written: {why}
  Its disk is faulty or was taken away, or the terminal of the output is gone.
  Look at the disk (`dmesg`), or use another one; then run the command again.
""",
}


class LazyGroup(click.Group):
    """The commands of the table, or a workspace's path in their place, which opens the app."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the command line; arguments as click's."""
        with _harmless_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; arguments as click's."""
        with _harmless_errors():
            return super().invoke(ctx)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; a defect's traceback reaches the terminal as harmless text."""
        open_missing_streams()
        sys.excepthook = _show_traceback
        try:
            return super().main(*args, **extra)
        except OSError as error:
            text = _DISK_ERRORS.get(error.errno or 0)
            if text is None:
                raise
            with contextlib.suppress(OSError):
                sys.stderr.write(text.format(why=error.strerror))
            raise SystemExit(1) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the listed commands in the order of ``--help``."""
        return [name for group in GROUPS.values() for name in group]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command.

        Args:
            ctx: the context of the group.
            cmd_name: the name that was typed.

        Returns:
            The command, or None if there is none of this name.
        """
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(
            importlib.import_module(f"finn_tui.cli.{module}"), attribute
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups of commands from the table, without importing them.

        Args:
            ctx: the context of the group.
            formatter: takes the text.
        """
        width = max(len(name) for name in self.list_commands(ctx))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), e.summary) for name, e in group.items()])

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete a command's name without importing the commands.

        Args:
            ctx: the context of the group.
            incomplete: what was typed so far.

        Returns:
            Commands and options that begin with it; folders where there are none.
        """
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=COMMANDS[name].summary)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        words = [*commands, *click.Command.shell_complete(self, ctx, incomplete)]
        return words or [CompletionItem(incomplete, type="dir")]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``open`` before a workspace's path.

        Args:
            ctx: the context of the group.
            args: the words of the command line.

        Returns:
            What click leaves of them.
        """
        opens_here = not args and not ctx.resilient_parsing  # a shell that completes asks for words
        if opens_here or (args and _is_workspace(args[0])):
            args = [OPEN, *args]
        return super().parse_args(ctx, args)


@contextlib.contextmanager
def _harmless_errors() -> Iterator[None]:
    """Click's own errors repeat what was typed, as file names with escape sequences."""
    try:
        yield
    except click.ClickException as error:
        text = for_terminal(error.format_message())
        error.format_message = lambda: text  # type: ignore[method-assign]
        raise


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    import traceback

    sys.stderr.write(for_terminal("".join(traceback.format_exception(kind, error, trace))))


def _is_workspace(word: str) -> bool:
    if word.startswith("-"):
        # Options of the app, such as --model; the group itself has only these.
        return word not in ("-h", "--help", "--version")
    return word not in COMMANDS and ("/" in word or Path(word).is_dir())
