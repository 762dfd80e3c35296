"""The lines of Brevitas' CNV.py that say what a network's layers are; read, never executed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from finn_tui.base.errors import FinnTuiError

#: More than any network has; a longer text is no such file.
_MOST_CHARACTERS = 200_000
_MOST_LAYERS = 64
_MOST_SIZE = 8192


@dataclass(frozen=True)
class CnvLines:
    """What CNV.py's constants say.

    Attributes:
        channels, pool, padding: of each convolution.
        kernel: of all convolutions.
        fully_connected: output features of the hidden dense layers.
        fc_inputs: input features of all dense layers, as the file says them; None if it does not.
    """

    channels: tuple[int, ...]
    pool: tuple[bool, ...]
    padding: tuple[int, ...]
    kernel: int
    fully_connected: tuple[int, ...]
    fc_inputs: tuple[int | None, ...]


#: What Brevitas ships: the network CNV.
PUBLISHED = """
CNV_OUT_CH_POOL = [(64, False), (64, True), (128, False), (128, True), (256, False), (256, False)]
INTERMEDIATE_FC_FEATURES = [(256, 512), (512, 512)]
LAST_FC_IN_FEATURES = 512
KERNEL_SIZE = 3
"""


def read(text: str, where: str) -> CnvLines:
    """Read the constants CNV_OUT_CH_POOL, INTERMEDIATE_FC_FEATURES, KERNEL_SIZE and so on.

    Args:
        text: these lines, or a whole CNV.py.
        where: what the text is, for errors.

    Raises:
        FinnTuiError: a constant is missing or is something else than expected.
    """
    values = _constants(text, where)

    def check(name: str, value: Any, fits: Callable[[Any], bool], wanted: str) -> Any:
        if not fits(value):
            raise _wrong(where, f"{name} = {str(value)[:120]}", f"It must be {wanted}.")
        return value

    if "CNV_OUT_CH_POOL" not in values:
        raise _wrong(where, "there is no CNV_OUT_CH_POOL", "It lists the convolutions.")
    convolutions = check(
        "CNV_OUT_CH_POOL",
        values["CNV_OUT_CH_POOL"],
        lambda rows: (
            _is_rows(rows) and len(rows) >= 1 and all(_is_convolution(row) for row in rows)
        ),
        "a list of (channels, pool) or (channels, pool, padding)",
    )
    dense = check(
        "INTERMEDIATE_FC_FEATURES",
        values.get("INTERMEDIATE_FC_FEATURES", []),
        lambda rows: _is_rows(rows) and all(_is_dense(row) for row in rows),
        "a list of (input features, output features)",
    )
    last = values.get("LAST_FC_IN_FEATURES")
    if last is not None:
        check("LAST_FC_IN_FEATURES", last, _is_size, "a number of features")
    kernel = check("KERNEL_SIZE", values.get("KERNEL_SIZE", 3), _is_kernel, "1 to 11 pixels")
    check("POOL_SIZE", values.get("POOL_SIZE", 2), lambda size: size == 2, "2")
    scaling = values.get("LAST_FC_PER_OUT_CH_SCALING", False)
    check(
        "LAST_FC_PER_OUT_CH_SCALING",
        scaling,
        lambda value: value is False,
        "False: Brevitas' CNV has one scale for all classes",
    )
    return CnvLines(
        channels=tuple(row[0] for row in convolutions),
        pool=tuple(bool(row[1]) for row in convolutions),
        padding=tuple(row[2] if len(row) == 3 else 0 for row in convolutions),
        kernel=kernel,
        fully_connected=tuple(row[1] for row in dense),
        fc_inputs=(*(row[0] for row in dense), last),
    )


def _constants(text: str, where: str) -> dict[str, Any]:
    """Values of the assignments to names of capital letters."""
    if len(text) > _MOST_CHARACTERS:
        raise _wrong(where, f"it has {len(text):,} characters", "The lines are a few.")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        at = f"line {line}: " if line else ""
        raise _wrong(where, f"{at}it is no Python", str(error)) from error
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    values[target.id] = _value(node.value)
                except ValueError as error:
                    raise _wrong(
                        where, f"{target.id} (line {node.lineno}) is not a constant", str(error)
                    ) from error
    return values


def _value(node: ast.expr) -> Any:
    """A constant, a list or tuple of them, or a product like ``256*1``. Raises ``ValueError``."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _value(node.left), _value(node.right)
        if _is_size(left) and _is_size(right):
            return left * right
    raise ValueError(f"{ast.unparse(node)[:80]} is neither a number, a list nor a product")


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_LAYERS


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_SIZE


def _is_kernel(value: Any) -> bool:
    return _is_size(value) and value <= 11


def _is_convolution(row: Any) -> bool:
    if not isinstance(row, list) or len(row) not in (2, 3) or not _is_size(row[0]):
        return False
    padding = row[2] if len(row) == 3 else 0
    whole = isinstance(padding, int) and not isinstance(padding, bool)
    return isinstance(row[1], bool) and whole and 0 <= padding <= 10


def _is_dense(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 2 and all(_is_size(size) for size in row)


def _wrong(where: str, what: str, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{where}: {what}",
        why,
        "Paste the lines as the lab gives them: CNV_OUT_CH_POOL, INTERMEDIATE_FC_FEATURES, "
        "LAST_FC_IN_FEATURES, POOL_SIZE, KERNEL_SIZE.",
    )
