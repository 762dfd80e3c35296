"""What every command on a run and a board has: options, login, consent, the connection."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    Reporter,
    confirm,
    echo,
    open_lab,
    print_json,
    run,
    shared_options,
    show_error,
)
from finn_tui.cli.secrets import PASSWORD_OPTION, Secrets, run_with_secrets

if TYPE_CHECKING:
    from finn_tui.base.progress import OnProgress
    from finn_tui.board.transport import Transport
    from finn_tui.runs.folder import RunFolder

    Job = Callable[[Transport, Path, OnProgress], Awaitable[Any]]
    #: Work on a board, whatever it is about.
    Work = Callable[[Transport, OnProgress], Awaitable[Any]]

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

T = TypeVar("T")


def dataset_option() -> Decorator:
    from finn_tui.base.dataset_help import ACCEPTED

    return click.option(
        "--dataset",
        metavar="NAME|DIR|FILE.npz",
        help="Another data set than the run's: mnist, fashion-mnist, cifar10, cifar100, a folder "
        "with the files of one, or your own. " + ACCEPTED,
    )


NO_DOWNLOAD_OPTION = click.option(
    "--no-download", is_flag=True, help="Do not fetch a data set that is not on this machine."
)


TRUST_OPTION = click.option(
    "--trust-driver", is_flag=True, help="Consent to run the package's own driver on the board."
)
YES_OPTION = click.option("--yes", is_flag=True, help="Do not ask about a missed clock.")

PASTE_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--paste", is_flag=True, help="For a board with only a terminal: print a line to paste."
    ),
    click.option(
        "--bind",
        metavar="ADDRESS[:PORT]",
        help="With --paste: this machine's address that the board reaches.",
    ),
    click.option(
        "--reach",
        metavar="ADDRESS[:PORT]",
        help="With --paste: the board reaches --bind under this address (a tunnel).",
    ),
)


RECORD_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--record",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the session to this file; --to replay:FILE replays it.",
    ),
    click.option(
        "--replay-speed",
        type=click.FloatRange(0),
        help="Of --to replay:FILE: 10 is ten times as fast, 0 without pauses (default: 1).",
    ),
)


@dataclass(frozen=True)
class BoardOrder:
    """What every board command is given: which run, where to, and how to answer."""

    name: str
    to: str | None
    ask_password: bool
    trust_driver: bool
    workspace: Path
    as_json: bool
    paste: bool = False
    bind: str | None = None
    reach: str | None = None
    record: Path | None = None
    replay_speed: float | None = None

    def ask_about_driver(self, folder: Path) -> None:
        """Ask before code of somebody else's package runs on the board.

        Raises:
            UnagreedDriver: there is nobody to ask.
            click.Abort: the answer is no.
        """
        from finn_tui.lab import consent
        from finn_tui.lab.boards.driver_consent import UnagreedDriver, check_driver

        try:
            check_driver(folder)
        except UnagreedDriver as error:
            if not self.trust_driver:
                if self.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
                    raise
                show_error(error)
                confirm("Run this code on the board?")
            consent.agree(error.digest, error.path)

    def check_board_kind(self, folder: Path) -> None:
        """Refuse a rehearsal on a real board, or the other way, before it is connected to."""
        from finn_tui.board import catalogue
        from finn_tui.board.package import package

        board = catalogue.find(self.board_name())
        try:
            what = package(folder)
        except FinnTuiError:
            # Said by what is done with it.
            return
        # Of a replay the recording says it.
        if not board.replay:
            catalogue.check_board_kind(board, folder.name, simulated=what.simulated)

    def run_folder(self) -> RunFolder:
        """The run that the user names, or the folder of a package that was given by its path."""
        from finn_tui.lab.boards.plain_packages import plain_package
        from finn_tui.runs.documents import RunKind
        from finn_tui.runs.folder import RunFolder

        path = plain_package(self.name)
        if path is not None:
            return RunFolder(path)
        return open_lab(self.workspace).find_run(self.name, RunKind.BUILD)

    def ask_about_clock(self, *, yes: bool) -> None:
        """Ask before a bitstream that misses its clock is sent: it may compute wrongly.

        Args:
            yes: the user has said so already.

        Raises:
            FinnTuiError: there is nobody to ask.
            click.Abort: the answer is no.
        """
        from finn_tui.runs.folder import missed_text

        missed = self.run_folder().clock_missed_ns()
        if missed is None or yes:
            return
        text = f"{missed_text(missed)}: the board may compute wrong results"
        if self.as_json or not sys.stdin.isatty():
            raise FinnTuiError(
                text,
                "FINN builds a bitstream all the same, and there is nobody here to ask.",
                "Give --yes to send it, or build with a longer clock period (--clock-ns).",
                kind="input",
            )
        confirm(f"{text}. Send it?")

    def do(self, job: Job) -> Any:
        """Connect to the board and do one job with the run."""
        path = self.run_folder().path
        self.check_board_kind(path)
        self.ask_about_driver(path)

        async def work(link: Transport, on_progress: OnProgress) -> Any:
            return await job(link, path, on_progress)

        try:
            with self.connecting() as connect:
                return connect(work)
        except KeyboardInterrupt:
            text = f"what was sent and measured is kept; the driver on {self.board_name()} ends"
            echo(f"{text} with the connection, and the same command goes on", err=True)
            raise

    @contextlib.contextmanager
    def connecting(self) -> Iterator[Callable[[Work], Any]]:
        """Give a function that connects to the board and does some work there; see ``Work``.

        Everything that is done within the block is one recording, if one is wished.
        """
        paste = self.paste or self._is_pasted()
        if not paste and (self.bind or self.reach):
            raise click.UsageError("--bind and --reach belong to --paste.")
        # Typed once, for every connection.
        secrets = Secrets()

        def connect(work: Work) -> Any:
            return self._do_pasted(work) if paste else self._do_connected(work, secrets)

        if self.record is None:
            yield connect
            return
        from finn_tui.board.catalogue import REPLAY
        from finn_tui.board.recording.recorder import recording

        with recording(self.record) as recorder:

            def connect_recorded(work: Work) -> Any:
                async def recorded(link: Transport, on_progress: OnProgress) -> Any:
                    return await work(recorder.link(link), on_progress)

                return connect(recorded)

            yield connect_recorded
        if recorder.problem is not None:
            show_error(recorder.problem)
        else:
            echo(f"recorded: --to {REPLAY}{self.record} replays it", err=True)

    def board_name(self) -> str:
        """The board's name as the user gave it, or the workspace's."""
        return self.to or (
            "pasted" if self.paste else open_lab(self.workspace).workspace.settings.to
        )

    def _do_connected(self, work: Work, typed: Secrets) -> Any:
        async def connected(reporter: Reporter, secrets: Secrets) -> Any:
            from finn_tui.board.recording.pace import Pace

            lab = open_lab(self.workspace)
            pace = None if self.replay_speed is None else Pace(self.replay_speed)
            async with lab.board(self.to, reporter, **secrets.arguments(), pace=pace) as link:
                return await work(link, reporter)

        return run_with_secrets(connected, ask=self.ask_password, secrets=typed)

    def _is_pasted(self) -> bool:
        """Whether boards.toml says that the board is reached by a pasted line."""
        from finn_tui.board import catalogue

        return self.to is not None and catalogue.find(self.to).paste

    def _do_pasted(self, work: Work) -> Any:
        """Do the work on a board into whose terminal the user pastes a line."""
        from finn_tui.board import catalogue
        from finn_tui.board.paste.session import addresses_here, listening, with_pasted

        if self.bind is None:
            raise click.UsageError(
                "--paste needs --bind ADDRESS: where this machine listens for the board. "
                f"Its addresses: {', '.join(addresses_here())}."
            )
        where = listening(self.bind, self.reach)
        known = catalogue.find(self.to) if self.to else None

        def show(line: str) -> None:
            echo("Paste this line into the board's terminal:\n", err=True)
            echo(f"{line}\n", err=True)

        async def pasted(reporter: Reporter) -> Any:
            async def on_board(link: Transport) -> Any:
                return await work(link, reporter)

            return await with_pasted(known, where, on_board, show, reporter)

        with Reporter() as reporter:
            return run(pasted(reporter))

    def prepare(self, chosen: str | None = None, *, download: bool = True) -> Path | None:
        """Bring together what is needed on this machine: a data set, and the network in software.

        Args:
            chosen: the data set that the user names.
            download: whether it may be fetched.

        Returns:
            the data set, see ``lab.board_data.dataset_for``.
        """
        from finn_tui.lab import board_data

        self.check_board_kind(self.run_folder().path)

        async def work(reporter: Reporter) -> Path | None:
            async with open_lab(self.workspace) as lab:
                built = self.run_folder()
                await board_data.write_network(lab, built, reporter)
                return await board_data.dataset_for(
                    lab.workspace, built, chosen, download=download, on_progress=reporter
                )

        with Reporter() as reporter:
            return run(work(reporter))

    def show(self, document: Any, lines: list[str]) -> None:
        """Print the answer: a JSON document, or lines."""
        if self.as_json:
            print_json(document)
        else:
            echo("\n".join(lines))


def board_command(
    *options: Decorator, several: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """Return a command on RUN and a board; called with a ``BoardOrder`` and its options.

    Args:
        options: its own.
        several: whether it takes several runs; then it is called with all their ``names``, too.
    """
    argument = click.argument("name", metavar="RUN|PACKAGE")
    if several:
        argument = click.argument("names", metavar="RUN|PACKAGE...", nargs=-1, required=True)
    common: tuple[Decorator, ...] = (
        argument,
        click.option(
            "--to", help="The board (default: the workspace's, `simulated`), or replay:FILE."
        ),
        *options,
        PASSWORD_OPTION,
        TRUST_OPTION,
        *PASTE_OPTIONS,
        *RECORD_OPTIONS,
        shared_options(),
    )

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def command(
            to: str | None,
            ask_password: bool,
            trust_driver: bool,
            paste: bool,
            bind: str | None,
            reach: str | None,
            record: Path | None,
            replay_speed: float | None,
            workspace: Path,
            as_json: bool,
            name: str = "",
            names: tuple[str, ...] = (),
            **own: Any,
        ) -> None:
            if several:
                own["names"] = names
            order = BoardOrder(
                names[0] if several else name,
                to,
                ask_password,
                trust_driver,
                workspace,
                as_json,
                paste,
                bind,
                reach,
                record,
                replay_speed,
            )
            function(order, **own)

        decorated: Callable[..., None] = command
        for option in reversed(common):
            decorated = option(decorated)
        return click.command()(decorated)

    return decorate
