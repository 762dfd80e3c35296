"""`finn-tui boards`, `deploy`, `execute`, `throughput`, `validate`, `go`: work on PYNQ machines."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import catalogue
from finn_tui.cli.common import (
    FAILED,
    Reporter,
    confirm,
    damaged,
    echo,
    guard,
    number,
    open_lab,
    print_json,
    run,
    shared_options,
    show_error,
    table,
)

if TYPE_CHECKING:
    from finn_tui.base.progress import OnProgress
    from finn_tui.board.connection import BoardConnection
    from finn_tui.board.results import Executed, Validation

    Job = Callable[[BoardConnection, Path, OnProgress], Awaitable[Any]]

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

T = TypeVar("T")
#: How often a passphrase may be wrong.
_MOST_TRIES = 3
PASSWORD_OPTION = click.option(
    "--ask-password", is_flag=True, help="Ask for the login's password; it is not kept."
)


@click.group()
def boards() -> None:
    """List, add, remove and test PYNQ machines.

    The board `simulated` always exists.
    """


@boards.command("list")
@shared_options(workspace=False)
def list_boards(as_json: bool) -> None:
    """List all boards."""
    by_name, broken = catalogue.load_boards()
    known = by_name.values()
    if as_json:
        listed = [{**asdict(board), "simulated": board.simulated} for board in known]
        print_json({"boards": listed, "damaged": damaged(broken)})
        return
    rows = [
        (
            board.name,
            "made by finn-tui" if board.simulated else f"{board.user}@{board.host}",
            board.driver,
            "SIMULATED" if board.simulated else "",
        )
        for board in known
    ]
    rows += [(name, f"damaged: {error.why}", "", "") for name, error in broken.items()]
    echo(table(("board", "where", "driver", ""), rows))


@boards.command("add")
@click.argument("name")
@click.option("--host", required=True, help="Address, or a name from ~/.ssh/config.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="SSH port.")
@click.option("--user", default="xilinx", show_default=True)
@click.option(
    "--folder", default="finn-tui", show_default=True, help="Folder for files on the board."
)
@click.option("--sudo/--no-sudo", default=True, show_default=True, help="Start drivers as root.")
@click.option(
    "--python", default="python3", show_default=True, help="Python on the board that has pynq."
)
@click.option("--driver", default="auto", type=click.Choice(catalogue.FLAVOURS), show_default=True)
@click.option("--key", default="", help="Private key file, if not a default one.")
@guard
def add(name: str, **entry: Any) -> None:
    """Name a PYNQ machine."""
    catalogue.add(catalogue.Board(name, **entry))
    echo(f"{name} added; `finn-tui boards test {name}` tries it", err=True)


@boards.command("remove")
@click.argument("name")
@guard
def remove(name: str) -> None:
    """Forget a PYNQ machine."""
    catalogue.remove(name)


@boards.command("test")
@click.argument("name")
@click.option("--trust", help="Fingerprint (SHA256:...) of the host key to remember.")
@PASSWORD_OPTION
@shared_options()
def test(name: str, trust: str | None, ask_password: bool, workspace: Path, as_json: bool) -> None:
    """Connect to a board and show what it is."""
    password = _password(ask_password)

    async def work(reporter: Reporter, passphrases: dict[str, str]) -> dict[str, Any]:
        from finn_tui.board.jobs import check

        lab = open_lab(workspace)
        async with lab.board(
            name, reporter, trust=trust or False, password=password, passphrases=passphrases
        ) as link:
            return await check(link, reporter)

    answer = _run_with_keys(work)
    if as_json:
        print_json(answer)
        return
    for key, value in answer.items():
        echo(f"{key:>12}  {value if value is not None else '-'}")


def _password(ask: bool) -> str | None:
    # Never on the command line or in a file: argv is there for every user of the machine to read.
    if not ask:
        return None
    password: str = click.prompt("password", hide_input=True, err=True)
    return password


def _run_with_keys(work: Callable[[Reporter, dict[str, str]], Coroutine[Any, Any, T]]) -> T:
    """Run work on a board; ask for the passphrases of encrypted keys as they are needed.

    Args:
        work: takes passphrases by the files of the keys.
    """
    passphrases: dict[str, str] = {}
    wrong = 0
    while True:
        try:
            with Reporter() as reporter:
                return run(work(reporter, passphrases))
        except FinnTuiError as error:
            from finn_tui.board.openssh_files import KeyEncrypted

            if not isinstance(error, KeyEncrypted) or not sys.stdin.isatty():
                raise
            key = str(error.key)
            if key in passphrases:
                wrong += 1
                if wrong >= _MOST_TRIES:
                    raise
                echo("The passphrase does not open the key.", err=True)
            passphrases[key] = click.prompt(f"passphrase of {key}", hide_input=True, err=True)


def _dataset_option() -> Decorator:
    from finn_tui.base.dataset_help import ACCEPTED

    return click.option(
        "--dataset",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE.npz",
        help="Your own data set instead of the run's. " + ACCEPTED,
    )


TRUST_OPTION = click.option(
    "--trust-driver", is_flag=True, help="Consent to run the package's own driver on the board."
)
YES_OPTION = click.option("--yes", is_flag=True, help="Do not ask about a missed clock.")


@dataclass(frozen=True)
class _Order:
    """What every board command is given: which run, where to, and how to answer."""

    name: str
    to: str | None
    ask_password: bool
    trust_driver: bool
    workspace: Path
    as_json: bool

    def _ask_about_driver(self, folder: Path) -> None:
        """Ask before code of somebody else's package runs on the board.

        Raises:
            UnagreedDriver: there is nobody to ask.
            click.Abort: the answer is no.
        """
        from finn_tui.lab import consent
        from finn_tui.lab.driver_consent import UnagreedDriver, check_driver

        try:
            check_driver(folder)
        except UnagreedDriver as error:
            if not self.trust_driver:
                if self.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
                    raise
                show_error(error)
                confirm("Run this code on the board?")
            consent.agree(error.digest, error.path)

    def ask_about_clock(self, *, yes: bool) -> None:
        """Ask before a bitstream that misses its clock is sent: it may compute wrongly.

        Args:
            yes: the user has said so already.

        Raises:
            FinnTuiError: there is nobody to ask.
            click.Abort: the answer is no.
        """
        from finn_tui.runs.documents import RunKind
        from finn_tui.runs.folder import missed_text

        missed = open_lab(self.workspace).find_run(self.name, RunKind.BUILD).clock_missed_ns()
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
        from finn_tui.runs.documents import RunKind

        built = open_lab(self.workspace).find_run(self.name, RunKind.BUILD)
        self._ask_about_driver(built.path)
        password = _password(self.ask_password)

        async def work(reporter: Reporter, passphrases: dict[str, str]) -> Any:
            lab = open_lab(self.workspace)
            folder = lab.find_run(self.name, RunKind.BUILD).path
            async with lab.board(
                self.to,
                reporter,
                password=password,
                sudo_password=password,
                passphrases=passphrases,
            ) as link:
                return await job(link, folder, reporter)

        return _run_with_keys(work)

    def dataset(self, chosen: Path | None) -> Path | None:
        """Return the user's own data set: the chosen one, or the workspace's for this model."""
        if chosen is not None:
            return chosen
        from finn_tui.runs.documents import RunKind

        lab = open_lab(self.workspace)
        return lab.workspace.dataset(lab.find_run(self.name, RunKind.BUILD).request.model)

    def show(self, document: Any, lines: list[str]) -> None:
        """Print the answer: a JSON document, or lines."""
        if self.as_json:
            print_json(document)
        else:
            echo("\n".join(lines))


def _board_command(*options: Decorator) -> Callable[[Callable[..., None]], click.Command]:
    """Return a command on RUN and a board; it is called with an ``_Order`` and its own options."""
    common: tuple[Decorator, ...] = (
        click.argument("name", metavar="RUN"),
        click.option("--to", help="The board (default: the workspace's, `simulated`)."),
        *options,
        PASSWORD_OPTION,
        TRUST_OPTION,
        shared_options(),
    )

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def command(
            name: str,
            to: str | None,
            ask_password: bool,
            trust_driver: bool,
            workspace: Path,
            as_json: bool,
            **own: Any,
        ) -> None:
            function(_Order(name, to, ask_password, trust_driver, workspace, as_json), **own)

        decorated: Callable[..., None] = command
        for option in reversed(common):
            decorated = option(decorated)
        return click.command()(decorated)

    return decorate


@_board_command(YES_OPTION)
def deploy(order: _Order, yes: bool) -> None:
    """Send a run's package to a board.

    Only changed files are sent.
    """
    from finn_tui.board.deploy import deploy as job

    order.ask_about_clock(yes=yes)
    done = order.do(job)
    order.show(done.as_dict(), [_deployed(done.as_dict())])


@_board_command(
    click.option("--image", "images", multiple=True, type=click.IntRange(0), help="Sample image.")
)
def execute(order: _Order, images: tuple[int, ...]) -> None:
    """Classify sample images on a board.

    Shows the class of each image and the expected one.
    """
    from finn_tui.board import jobs as work
    from finn_tui.board.deploy import deploy as send

    async def job(link: BoardConnection, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.execute(link, folder, on_progress, images=images or (0,))

    results = order.do(job)
    done = [item.as_dict() for item in results]
    order.show({"images": done}, [_executed(item) for item in done])
    _refuse_difference(next((item for item in results if item.differs), None), None)


@_board_command(click.option("--batch", type=click.IntRange(1), help="Images per batch."))
def throughput(order: _Order, batch: int | None) -> None:
    """Measure images per second on a board.

    The estimate is shown beside it.
    """
    from finn_tui.board import jobs as work
    from finn_tui.board.deploy import deploy as send

    async def job(link: BoardConnection, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.throughput(link, folder, on_progress, batch=batch)

    done = order.do(job).as_dict()
    order.show(done, [_throughput(done)])


@_board_command(
    click.option("--batch", default=100, type=click.IntRange(1), show_default=True),
    click.option("--limit", type=click.IntRange(1), help="Validate only the first N images."),
    _dataset_option(),
)
def validate(order: _Order, batch: int, limit: int | None, dataset: Path | None) -> None:
    """Measure the accuracy on a board.

    The whole test set is run, or its first images with --limit. The run's samples are compared with
    the software; without a test set that is all. Exit code 1 if the board differs from it.
    """
    from finn_tui.board import validation as work
    from finn_tui.board.deploy import deploy as send

    dataset = order.dataset(dataset)

    async def job(link: BoardConnection, folder: Path, on_progress: OnProgress) -> Any:
        await send(link, folder, on_progress)
        return await work.validate(
            link, folder, on_progress, batch=batch, limit=limit, dataset=dataset
        )

    done = order.do(job)
    note = [f"note        not validated: {done.note}"] if done.note else []
    order.show(done.as_dict(), [*_validation(done.as_dict()), *note])
    _refuse_difference(None, done)


@_board_command(
    click.option("--batch", type=click.IntRange(1), help="Images per batch, for the throughput."),
    click.option("--limit", type=click.IntRange(1), help="Validate only the first N images."),
    _dataset_option(),
    YES_OPTION,
)
def go(
    order: _Order, batch: int | None, limit: int | None, dataset: Path | None, yes: bool
) -> None:
    """Deploy, execute, measure and validate in one command.

    Without a test set the board is compared with the software on the run's samples. Exit code 1 if
    it differs.
    """
    from finn_tui.board import jobs as work

    order.ask_about_clock(yes=yes)
    dataset = order.dataset(dataset)

    async def job(link: BoardConnection, folder: Path, on_progress: OnProgress) -> Any:
        return await work.go(link, folder, on_progress, batch=batch, limit=limit, dataset=dataset)

    done = order.do(job)
    order.show(done.as_dict(), outcome_lines(done.as_dict()))
    for error in done.failures:
        show_error(error)
    if done.failures:
        raise SystemExit(FAILED)


def _refuse_difference(executed: Executed | None, validation: Validation | None) -> None:
    """End with a failure if the board computes something else than the software."""
    from finn_tui.board.results import differences

    error = differences(executed, validation)
    if error is not None:
        show_error(error)
        raise SystemExit(FAILED)


def outcome_lines(done: dict[str, Any]) -> list[str]:
    """Return what ``go`` did, a line each."""
    lines = [_deployed(done["deploy"])]
    if done["execute"]:
        lines.append(_executed(done["execute"]))
    lines.append(_throughput(done["throughput"]))
    if done["validate"]:
        lines += _validation(done["validate"])
    lines += [f"note        {note}" for note in done["notes"]]
    return lines


def _mark(done: dict[str, Any]) -> str:
    return "  SIMULATED" if done.get("simulated") else ""


def _deployed(done: dict[str, Any]) -> str:
    return (
        f"deploy      {len(done['sent'])} of {done['files']} files, "
        f"{done['bytes_sent'] / 1e3:,.0f} kB in {done['seconds']:.1f} s to {done['board']}"
    )


def _executed(done: dict[str, Any]) -> str:
    from finn_tui.board.results import executed_text

    return f"execute     {executed_text(done)}{_mark(done)}"


def _throughput(done: dict[str, Any]) -> str:
    estimate = done["estimate_images_per_s"]
    beside = f", estimate {number(estimate)}" if estimate else ""
    return (
        f"throughput  {number(done['images_per_s'])} images/s{beside} "
        f"(batch {done['batch']}, {done['clock_mhz']:g} MHz){_mark(done)}"
    )


def _validation(done: dict[str, Any]) -> list[str]:
    from finn_tui.board.comparison import text

    mark, lines = _mark(done), []
    if done["percent"] is not None:
        same = done["software_same"]
        beside = "" if same is None else f"; {same} of {done['images']} as in software"
        lines.append(
            f"validate    {done['percent']:.2f} % of {done['images']:,} images "
            f"({done['dataset']}){beside}{mark}"
        )
    elif done["mean_squared_error"] is not None:
        lines.append(
            f"validate    mean squared error {done['mean_squared_error']:.4g} of "
            f"{done['images']:,} samples ({done['dataset']}){mark}"
        )
    else:
        lines.append(f"validate    not validated{mark}")
    if done["comparison"] is not None and (
        done["software_same"] is None or done["comparison"]["differs"]
    ):
        lines.append(f"compare     {text(done['comparison'])}{mark}")
    return lines
