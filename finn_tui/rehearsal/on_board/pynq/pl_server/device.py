"""SIMULATED: the devices of this board, under the name by which FINN's newer drivers import it."""

from ..overlay import Device

__all__ = ["Device"]
