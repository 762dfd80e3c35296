"""Runs on the board: ``sudo`` in a terminal of its own, its password typed without echo.

Standard library only, Python 3.8 syntax; it travels as an argument of ``python -c``. The first line
of standard input is the password (empty without one); all that follows is the command's, as are
standard output and error. sudo asks on its terminal, so the password is in no argument, and sudoers
with ``requiretty`` are content.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import sys
import termios

PROMPT = b"finn-tui-password:"


def first_line() -> bytes:
    """The password; not a byte more is taken."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            sys.exit(1)
        line += piece
    return line


def quiet_terminal() -> tuple[int, int]:
    """A terminal that echoes nothing: its two ends."""
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    return master, slave


def start(command: list[str], slave: int) -> int:
    """Start it with the terminal as its own."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, ("%s: %s\n" % (command[0], error.strerror)).encode())
        os._exit(127)
    return pid


def main() -> int:
    """Run the command of the arguments and return its exit status."""
    password = first_line()
    command = sys.argv[1:]
    if os.geteuid() == 0 and shutil.which(command[0]) is None:
        # An image whose Jupyter server is root's may have no sudo.
        os.execvp(command[command.index("--") + 1], command[command.index("--") + 1 :])
    master, slave = quiet_terminal()
    pid = start(command, slave)
    said, asked = b"", False
    while True:
        ready, _, _ = select.select([master], [], [], 0.3)
        if ready:
            said += os.read(master, 4096)
            if PROMPT in said:
                before, _, said = said.partition(PROMPT)
                os.write(2, before)
                if asked:
                    os.write(2, b"sudo: incorrect password attempt\n")
                    # sudo ends with its terminal.
                    return 1
                os.write(master, password)
                asked = True
            elif not PROMPT.startswith(said[-len(PROMPT) :]):
                os.write(2, said)
                said = b""
            continue
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            os.write(2, said)
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main())
