"""Fixtures of these tests."""

from tests.board.fixtures import board_home, driver_python, run_folder

__all__ = ["board_home", "driver_python", "run_folder"]
