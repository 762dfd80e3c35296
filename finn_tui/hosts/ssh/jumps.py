"""The jump hosts that the user's OpenSSH configuration names (ProxyJump)."""

from __future__ import annotations

from typing import Any

import asyncssh

from finn_tui.base.text import clean
from finn_tui.hosts.machine import Machine, split_address
from finn_tui.hosts.ssh.errors import refused


def jump_hosts(machine: Machine, config: list[str], options: dict[str, Any]) -> list[Machine]:
    """The jump hosts of a machine, the first one first; those of theirs are not among them.

    Args:
        machine: to be reached.
        config: paths of the SSH configuration, see ``usable_config``.
        options: of the connection; conditions in the configuration depend on them.

    Raises:
        FinnTuiError: what is written there is no jump host.
    """
    try:
        read = asyncssh.SSHClientConnectionOptions(config=config, host=machine.address, **options)
    except (
        Exception
    ):  # The boundary to asyncssh's parsers; who connects meets the same and says it.
        return []
    text = read.tunnel
    if not isinstance(text, str) or not text:
        return []
    return [_jump_host(machine, each.strip()) for each in text.split(",")]


def _jump_host(machine: Machine, text: str) -> Machine:
    """Parse ``[ssh://][USER@]HOST[:PORT]``."""
    parts = split_address(text.removeprefix("ssh://").rstrip("/"))
    if parts is None:
        raise refused(machine, f"Its ProxyJump {clean(text)!r} names no host.")
    user, host, port = parts
    jump_for = machine.jump_for or machine.name
    return Machine(host, machine.word, host, port, user, jump_for=jump_for)
