"""The connection to a board: over SSH, over its Jupyter server, or to the simulated one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

import asyncssh

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.board.catalogue import SIMULATED, Board
from finn_tui.board.recording.pace import Pace
from finn_tui.board.transport import Transport
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.ssh import login
from finn_tui.hosts.ssh.connection import SshConnection
from finn_tui.hosts.ssh.questions import Secrets
from finn_tui.rehearsal import board as rehearsal_board


class BoardConnection(SshConnection):
    """The transport over SSH and SFTP; see ``Transport``."""

    def __init__(
        self, board: Board, connection: asyncssh.SSHClientConnection, sudo_password: str | None
    ) -> None:
        super().__init__(board.machine, connection)
        self.board = board
        self.sudo_password = sudo_password


@contextlib.asynccontextmanager
async def connect(
    board: Board,
    on_progress: OnProgress = ignore,
    *,
    trust: bool | str = False,
    password: str | None = None,
    sudo_password: str | None = None,
    passphrases: Mapping[str, str] = MappingProxyType({}),
    pace: Pace | None = None,
) -> AsyncIterator[Transport]:
    """Connect to a board; for the simulated one, start it first and end it afterwards.

    Args:
        board: from the catalogue.
        on_progress: told what is waited for.
        trust: what to do with a host key that was never seen; see ``hosts.ssh.login``.
        password: for logging in, if keys do not do; kept in memory only.
        sudo_password: for ``sudo`` on the board.
        passphrases: of encrypted keys, by their files; kept in memory only.
        pace: of a replay; None for what the board's entry says.

    Raises:
        HostKeyUnknown, HostKeyChanged, KeyEncrypted: see there.
        FinnTuiError: no answer, refused, not let in; kind "board".
    """
    if board.paste:
        raise FinnTuiError(
            f"{board.name} is reached by a line pasted into its terminal only",
            "There is no address to connect to.",
            "Give --paste --bind ADDRESS with deploy, execute, throughput, validate or go; in the "
            "app, d asks for the address.",
            kind="input",
        )
    if board.replay:
        from finn_tui.board.recording.replay import connect as replay

        async with replay(board, on_progress, pace) as replayed:
            yield replayed
        return
    if board.url:
        # httpx and websockets are for those only who reach a board so.
        from finn_tui.board.jupyter.connection import connect as connect_to_jupyter

        async with connect_to_jupyter(
            board, on_progress, secret=password, sudo_password=sudo_password
        ) as jupyter:
            yield jupyter
        return
    if board.name != SIMULATED:
        secrets = Secrets(password=password, passphrases=passphrases)
        async with login.connect(
            board.machine, on_progress, trust=trust, secrets=secrets
        ) as connection:
            yield BoardConnection(board, connection, sudo_password)
        return
    async with rehearsal_board.running(on_progress) as endpoint:
        machine = Machine(
            SIMULATED,
            "board",
            endpoint.host,
            endpoint.port,
            endpoint.user,
            str(endpoint.client_key),
        )
        async with login.connect_known(machine, endpoint.host_key) as connection:
            yield BoardConnection(board, connection, None)
