"""The server runs in pythons that we do not choose: its sources must allow that."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import ROOT
from tests.sources import syntax_tree

ENGINE = ROOT / "finn_tui" / "engine"
SOURCES = sorted([ENGINE / "protocol.py", *(ENGINE / "server").glob("**/*.py")])
#: What stands in FINN's environment, whichever FINN it is.
OF_FINN = {"finn", "qonnx", "onnx", "numpy", "torch", "brevitas", "brevitas_examples", "sklearn"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_syntax_is_that_of_python_38(path: Path) -> None:
    tree = syntax_tree(path, (3, 8))
    for node in ast.walk(tree):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        # These parse in 3.8 but fail when they are evaluated there.
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"removeprefix", "removesuffix"}, where
        annotations = [getattr(node, name, None) for name in ("annotation", "returns")]
        for annotation in annotations:
            for part in ast.walk(annotation) if isinstance(annotation, ast.AST) else ():
                text = ast.unparse(part)
                lower = text.startswith(("list[", "dict[", "tuple[", "set[", "type["))
                union = isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr)
                assert not lower and not union, f"{where} {text}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_only_the_standard_library_is_imported_at_the_top(path: Path) -> None:
    tree = syntax_tree(path)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            own = name.startswith(("finn_tui.engine.protocol", "finn_tui.engine.server"))
            own = own or name == "finn_tui.engine"
            known = name.split(".")[0] in sys.stdlib_module_names | OF_FINN
            assert own or known, f"{path.name} imports {name}"


def test_the_server_starts_without_finn_and_says_so() -> None:
    command = [sys.executable, "-m", "finn_tui.engine.server", "serve"]
    line = b'{"id": 1, "method": "info", "params": {}}\n'
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert b"hello" in process.stdout.readline()
        process.stdin.write(line)
        process.stdin.flush()
        answer = process.stdout.readline()
        process.stdin.close()
    assert b'"kind":"engine"' in answer and b"engine install" in answer


def test_wrong_use_ends_with_2() -> None:
    command = [sys.executable, "-m", "finn_tui.engine.server", "dance"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"usage" in done.stderr
