"""What can go wrong on the way to a machine over SSH, as errors that say what to do."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import asyncssh

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.ssh.openssh_files import known_hosts_file
from finn_tui.hosts.transport import LoginRefused, Unreachable

#: For the connection, and then for the login on it.
CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 20.0


_GIVE_PASSWORD = {
    "board": "give the password when asked (--ask-password)",
    "host": "start the command in a terminal, which asks for the password",
}
#: What asyncssh says of a connection that is no more, when something is to be opened on it.
_CLOSED = "SSH connection closed"
_LOST = (
    TimeoutError,
    ConnectionError,
    asyncssh.ConnectionLost,
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
)


class HostKeyUnknown(FinnTuiError):
    """The machine's key was never seen.

    Attributes:
        fingerprint: ``SHA256:...``, to be compared with the machine's own and passed as ``trust``.
    """

    def __init__(self, machine: Machine, fingerprint: str) -> None:
        """For a machine that showed a key of that fingerprint."""
        self.fingerprint = fingerprint
        name = machine.jump_for or machine.name
        super().__init__(
            f"{machine.label} is not known yet",
            f"It shows the host key {fingerprint}. Whoever answers at this address could show one.",
            "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the "
            f"{machine.word}'s own console, then `finn-tui {machine.word}s test {name} "
            f"--trust {fingerprint}`.",
            kind=machine.login_kind,
        )


class HostKeyChanged(FinnTuiError):
    """The machine's key is another one than before.

    Attributes:
        fingerprint: of the key that it shows now.
    """

    def __init__(self, machine: Machine, fingerprint: str) -> None:
        """For a machine that showed a key of that fingerprint."""
        self.fingerprint = fingerprint
        test = f"finn-tui {machine.word}s test {machine.jump_for or machine.name}"
        files = f"{known_hosts_file()} or ~/.ssh/known_hosts"
        anew = (
            "its SD card was written anew" if machine.word == "board" else "it was installed anew"
        )
        super().__init__(
            f"{machine.label} has another host key than before",
            f"It shows {fingerprint} now. Either {anew}, or the address went "
            f"to another machine, or somebody stands between you and the {machine.word}. "
            "Nothing was sent.",
            f"If you know why it changed, remove its line from {files}; then `{test}` shows the "
            "new key and asks.",
            kind=machine.login_kind,
        )


def refused(machine: Machine, why: str) -> FinnTuiError:
    """What to say when SSH gave up for a reason of its own."""
    return FinnTuiError(
        f"the SSH connection to {machine.name} failed",
        why,
        f"Try `ssh {machine.login}` to see more.",
        kind=machine.word,
    )


@contextlib.contextmanager
def translated(machine: Machine, *, via_jump_host: bool = False) -> Iterator[None]:
    """What SSH and sockets raise, as errors that say what to do.

    Args:
        machine: at the other end.
        via_jump_host: a jump host is asked for the way to it.
    """
    where = machine.where
    power = "power, network cable and address" if machine.word == "board" else "network and address"
    try:
        yield
    except FinnTuiError:
        raise
    except ConnectionRefusedError as error:
        raise Unreachable(
            f"{where} refuses the connection",
            "Something answers at this address, but no SSH server on that port.",
            f"Check host and port in {machine.catalogue}, and that the {machine.word} has finished "
            "booting.",
            kind=machine.word,
        ) from error
    except socket.gaierror as error:
        raise Unreachable(
            f"the name {machine.address} cannot be resolved",
            str(error),
            f"Use the {machine.word}'s address, or add the name to ~/.ssh/config or /etc/hosts.",
            kind=machine.word,
        ) from error
    except _LOST as error:
        silent = isinstance(error, TimeoutError)
        raise Unreachable(
            f"{where} does not answer" if silent else f"the line to {where} broke",
            str(error) or f"No answer within {CONNECT_SECONDS:g} to {LOGIN_SECONDS:g} s.",
            f"Check {power}; then run the same command again: what was "
            "already sent is not sent twice.",
            kind=machine.word,
        ) from error
    except asyncssh.PermissionDenied as error:
        raise LoginRefused(
            machine,
            str(error),
            f"Copy your key with `ssh-copy-id {machine.login}`, or {_GIVE_PASSWORD[machine.word]}.",
        ) from error
    except asyncssh.SFTPError as error:
        raise FinnTuiError(
            f"a file operation on {where} failed",
            error.reason,
            f"The {machine.word}'s disk may be full or the folder not writable; "
            "look at `df -h` there.",
            kind=machine.word,
        ) from error
    except OSError as error:
        raise Unreachable(
            f"{where} cannot be reached",
            str(error),
            f"Check {power}; `ssh {machine.login}` shows more.",
            kind=machine.word,
        ) from error
    except asyncssh.ChannelOpenError as error:
        if error.reason == _CLOSED:
            raise Unreachable(
                f"the line to {where} broke",
                error.reason,
                f"Check {power}; then run the same command again.",
                kind=machine.word,
            ) from error
        if not via_jump_host:
            raise refused(machine, str(error)) from error
        raise Unreachable(
            f"{where} cannot be reached through the jump host",
            str(error),
            f"Check host and port, and that the {machine.word} has finished booting.",
            kind=machine.word,
        ) from error
    except asyncssh.Error as error:
        raise refused(machine, str(error)) from error
