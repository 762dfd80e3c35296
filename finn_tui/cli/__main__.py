"""``python -m finn_tui.cli`` is ``finn-tui``."""

from finn_tui.cli import main

if __name__ == "__main__":
    main(prog_name="finn-tui")
