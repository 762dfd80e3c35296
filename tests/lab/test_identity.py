"""A model is its content: another file's numbers are never given, whatever the files are called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.engine.client import Engine
from finn_tui.lab.foldings import saved_foldings
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.models import identity, model_request
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from tests import data


class RecordedEngine(Engine):
    """An engine that prepares TFC from a file with "tfc" in it and CNV from any other."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.on_prepare: Callable[[], object] = lambda: None

    async def call(self, method: str, params: Any = None, on_event: Any = None) -> Any:
        self.calls.append(method)
        if method == "prepare":
            source, out = params["source"], Path(params["out"])
            text = Path(source["path"]).read_text() if "path" in source else source["network"]
            out.joinpath("dataflow.onnx").write_text(text)
            self.on_prepare()
            info: dict[str, Any] = data.prepared("tfc-w1a1")["model"]
            info = {"warnings": [], **info}
            return {**info, "part": params["part"], "board": params["board"], "fingerprint": text}
        if method == "converters":
            return data.prepared("tfc-w1a1")["prices"]
        text = Path(params["path"]).read_text()
        document = data.prepared("tfc-w1a1" if "tfc" in text else "cnv-w1a1")
        for table in document["tables"] if method == "tables" else ():
            on_event("table", table)
        return {**document["design"], "fingerprint": text}


class RecordedLab(Workbench):
    """A lab with that engine."""

    def __init__(self, root: Path) -> None:
        super().__init__(Workspace.open(root))
        self.recorded = RecordedEngine()

    async def engine(self, on_progress: OnProgress = ignore) -> Engine:
        return self.recorded

    async def close(self) -> None:
        pass


TFC, CNV = 4, 9


def layers(opened: Opened) -> int:
    """How many matrix layers it has: what tells TFC from CNV."""
    return sum(layer.op.startswith("MVAU") for layer in opened.design.layers)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedLab:
    """A lab on an empty workspace."""
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    data.home(tmp_path / "home")
    return RecordedLab(tmp_path / "workspace")


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A network file."""
    path = tmp_path / "net.onnx"
    path.write_text("tfc")
    return path


def other_of(path: Path, text: str) -> Path:
    """A file of the same stem in another folder."""
    other = path.parent / "other" / path.name
    other.parent.mkdir(exist_ok=True)
    other.write_text(text)
    return other


async def test_two_files_of_one_stem_are_two_models(lab: RecordedLab, net: Path) -> None:
    other = other_of(net, "cnv")
    first, second = await lab.open(str(net)), await lab.open(str(other))
    assert (layers(first), layers(second)) == (TFC, CNV)
    digits = identity.content(second.model.info["source"])[:6]
    assert (first.model.name, first.model.title) == ("net", "net")
    assert (second.model.name, second.model.title) == (f"net-{digits}", f"net ({digits})")
    assert first.model.id != second.model.id
    assert lab.workspace.models() == ["net", f"net-{digits}"]
    calls = len(lab.recorded.calls)
    for name, count in (
        (str(net), TFC),
        (str(other), CNV),
        ("net", TFC),
        (f"net-{digits}", CNV),
        (f"net ({digits})", CNV),
    ):
        assert layers(await lab.open(name)) == count, name
    assert len(lab.recorded.calls) == calls, "both stay prepared"


async def test_a_file_named_as_a_preset_is_not_the_preset(lab: RecordedLab, tmp_path: Path) -> None:
    own = tmp_path / "tfc-w1a1.onnx"
    own.write_text("cnv")
    opened = await lab.open(str(own))
    assert layers(opened) == CNV and opened.model.name.startswith("tfc-w1a1-")
    preset = await lab.open("tfc-w1a1")
    assert (layers(preset), preset.model.name) == (TFC, "tfc-w1a1")
    assert preset.model.preset is not None
    assert layers(await lab.open(str(own))) == CNV
    assert layers(await lab.open(opened.model.name)) == CNV


async def test_a_file_edited_in_place_is_prepared_again(lab: RecordedLab, net: Path) -> None:
    import os

    before = net.stat()
    assert layers(await lab.open(str(net))) == TFC
    net.write_text("cnv")
    # Its date says nothing: `cp -p` and git set an old one.
    os.utime(net, ns=(before.st_atime_ns, before.st_mtime_ns))
    for name in (str(net), "net"):
        opened = await lab.open(name)
        assert (layers(opened), opened.model.name) == (CNV, "net")
    assert lab.recorded.calls.count("prepare") == 2


async def test_the_same_content_elsewhere_is_the_same_model(lab: RecordedLab, net: Path) -> None:
    first = await lab.open(str(net))
    copied = await lab.open(str(other_of(net, "tfc")))
    assert copied.model.id == first.model.id and copied.model.name == "net"
    assert lab.recorded.calls.count("prepare") == 1
    net.unlink()
    assert layers(await lab.open("net")) == TFC, "what is prepared needs its file no longer"


async def test_handling_and_finn_and_part_are_part_of_the_identity(
    lab: RecordedLab, net: Path
) -> None:
    source = {"kind": "onnx", "path": str(net), "preprocess": "auto", "topk": 1}
    assert identity.content(source) != identity.content({**source, "topk": 5})
    assert identity.content(source) != identity.content({**source, "preprocess": "none"})
    model = (await lab.open(str(net))).model
    for finn, part in (
        ({**model.info["finn"], "version": "9"}, data.PART),
        (model.info["finn"], "xc7z010clg400-1"),
    ):
        assert identity.model_id(model.content, finn, part) != model.id


def test_weights_beside_an_onnx_file_are_content(tmp_path: Path) -> None:
    entry = b"\n\x08location\x12\x08net.data"
    (tmp_path / "net.onnx").write_bytes(b"graph j" + bytes([len(entry)]) + entry)
    source = {"kind": "onnx", "path": str(tmp_path / "net.onnx")}
    contents = set()
    for text in ("one", "two"):
        (tmp_path / "net.data").write_text(text)
        contents.add(identity.content(source))
    assert len(contents) == 2


async def test_a_file_that_changes_while_it_is_prepared_is_an_error(
    lab: RecordedLab, net: Path
) -> None:
    lab.recorded.on_prepare = lambda: net.write_text("cnv")
    with pytest.raises(FinnTuiError, match="changed while it was prepared"):
        await lab.open(str(net))
    lab.recorded.on_prepare = lambda: None
    assert layers(await lab.open(str(net))) == CNV


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _edit(path: Path) -> None:
    text = path.read_text()
    assert "0, " in text or "TFC" in text.upper()
    path.write_text(text.replace("0, ", "7, ", 1))


@pytest.mark.parametrize("damage", [_cut, _edit, lambda path: path.write_text("[]"), Path.unlink])
@pytest.mark.parametrize("name", ["tables.json", "design.json", "model.json"])
async def test_damaged_caches_are_made_again(
    lab: RecordedLab, net: Path, name: str, damage: Callable[[Path], None]
) -> None:
    opened = await lab.open(str(net))
    good = opened.model.folder.joinpath("tables.json").read_bytes()
    damage(opened.model.folder / name)
    again = await lab.open(str(net))
    assert again.editor.estimate.total == opened.editor.estimate.total
    assert again.model.folder.joinpath("tables.json").read_bytes() == good


async def test_a_damaged_dataflow_graph_is_prepared_again(lab: RecordedLab, net: Path) -> None:
    opened = await lab.open(str(net))
    _cut(opened.model.dataflow)
    await lab.open(str(net))
    assert opened.model.dataflow.read_text() == "tfc"
    assert lab.recorded.calls.count("prepare") == 2


async def test_tables_of_another_graph_are_not_taken(lab: RecordedLab, net: Path) -> None:
    first, second = await lab.open(str(net)), await lab.open(str(other_of(net, "cnv")))
    for name in ("tables.json", "design.json"):
        shutil.copy(first.model.folder / name, second.model.folder / name)
    assert layers(await lab.open(second.model.name)) == CNV


async def test_a_build_says_which_model_it_is_of(lab: RecordedLab, net: Path) -> None:
    from finn_tui.lab.builds import build_request

    opened = await lab.open(str(net))
    assert build_request.source_of(opened.model) == {
        "weights": dict(opened.model.weights),
        "model_folder": str(opened.model.folder),
        "model_id": opened.model.id,
        "content": opened.model.content,
        "title": "net",
    }


async def test_a_name_that_leaves_the_workspace_is_no_model(lab: RecordedLab, net: Path) -> None:
    await lab.open(str(net))
    with pytest.raises(FinnTuiError, match="there is no model called"):
        model_request.resolve(lab.workspace, "../models/net")


def test_contents_of_one_name_are_told_apart_where_they_stand_together() -> None:
    a, b, c = "a" * 64, "b" * 64, "c" * 64
    assert identity.titles({"1": ("net", a), "2": ("net", a), "3": (f"net-{b[:6]}", b)}) == {
        "1": "net",
        "2": "net",
        "3": "net (bbbbbb)",
    }
    # The same file, edited between two builds; and a run of a version that kept no hash.
    assert identity.titles({"1": ("net", a), "2": ("net", c), "3": ("net", "")}) == {
        "1": "net (aaaaaa)",
        "2": "net (cccccc)",
        "3": "net",
    }


async def test_a_folding_says_for_which_content_it_was_saved(lab: RecordedLab, net: Path) -> None:
    opened = await lab.open(str(net))
    path = saved_foldings.save(lab.workspace, opened, "mine")
    assert lab.read_folding(opened, "mine")[1] == []
    assert list(lab.workspace.foldings()) == ["mine"]
    net.write_text("tfc of another training")
    other = await lab.open(str(net))
    notes = lab.read_folding(other, "mine")[1]
    assert len(notes) == 1 and "mine was saved for net, whose content is" in notes[0]
    # A file that somebody put there since is nobody's.
    path.write_text(path.read_text() + "\n")
    assert lab.read_folding(other, "mine")[1] == []


async def test_a_file_that_was_edited_into_a_known_content_is_that_model(
    lab: RecordedLab, net: Path
) -> None:
    await lab.open(str(net))
    other = await lab.open(str(other_of(net, "cnv")))
    net.write_text("cnv")
    for name in ("net", str(net)):
        assert (await lab.open(name)).model.name == other.model.name
    assert lab.recorded.calls.count("prepare") == 2


async def test_a_preparation_that_fails_leaves_no_folder(lab: RecordedLab, net: Path) -> None:
    def fail() -> None:
        raise FinnTuiError("FINN says no")

    lab.recorded.on_prepare = fail
    with pytest.raises(FinnTuiError, match="FINN says no"):
        await lab.open(str(net))
    folders = [path for path in lab.workspace.models_dir.iterdir() if path.is_dir()]
    assert not folders


@pytest.mark.parametrize(
    ("stem", "made"),
    [
        ("netz ü 1", "netz-u-1"),
        ("Größe", "Grosse"),
        ("  blanks  ", "blanks"),
        ("ネット", "network"),
        ("-rf", "rf"),
        ("a\nb\x1b[31m", "a-b-31m"),
        (".hidden", "hidden"),
        ("x" * 200, "x" * 80),
    ],
)
async def test_a_file_of_an_odd_name_gets_a_plain_one_or_the_user_s(
    lab: RecordedLab, tmp_path: Path, stem: str, made: str
) -> None:
    path = tmp_path / "odd" / f"{stem}.onnx"
    path.parent.mkdir()
    path.write_text("tfc")
    assert (await lab.open(str(path))).model.name == made
    lab.model_name = "mine"
    assert (await lab.open(str(path))).model.name == "mine"
    # From now on by that name, the file's own or the path.
    lab.model_name = None
    for name in ("mine", made):
        assert (await lab.open(name)).model.name == name
    assert lab.recorded.calls.count("prepare") == 2


async def test_a_name_that_cannot_be_used_is_refused(lab: RecordedLab, net: Path) -> None:
    for name in ("", "a b", "../x", "ü", "-x", "x" * 300):
        lab.model_name = name
        with pytest.raises(FinnTuiError, match="cannot be a name"):
            await lab.open(str(net))
    lab.model_name = "mine"
    with pytest.raises(FinnTuiError, match="has a name already"):
        await lab.open("tfc-w1a1")
