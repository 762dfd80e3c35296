"""What FINN puts beside its driver: names of number types."""

from enum import Enum


class DataType(Enum):
    """Types of the test's tensors."""

    UINT8 = "UINT8"
