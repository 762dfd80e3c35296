"""Fixtures of these tests."""

from tests.board.fixtures import board_home, driver_python, lab, run_folder

__all__ = ["board_home", "driver_python", "lab", "run_folder"]
