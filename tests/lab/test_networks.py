"""Networks that students define in a preset, and the lines of the lab's CNV.py."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models import cnv_py, remedies
from finn_tui.lab.models.handling import ConsentRequired, require_agreed
from finn_tui.lab.models.model_request import resolve
from finn_tui.lab.models.presets import copy_preset, load_presets, presets, read_preset
from finn_tui.lab.workspace import Workspace

LAB = """
CNV_OUT_CH_POOL = [(64, False, 1), (64, True, 1), (128, False, 1), (128, True, 1), (256, False, 1),
                   (256, True, 0), (256, False, 0)]
INTERMEDIATE_FC_FEATURES = [(256*1, 128)]
LAST_FC_IN_FEATURES = 128
LAST_FC_PER_OUT_CH_SCALING = False
POOL_SIZE = 2
KERNEL_SIZE = 3
"""
PASTED = f"""
name = "mine"
title = "pasted from the lab"
[network]
family = "conv"
input = [3, 32, 32]
classes = 100
weight_bits = 1
activation_bits = 1
cnv_py = '''{LAB}'''
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_the_labs_lines_define_the_network_that_ships(tmp_path: Path) -> None:
    pasted = read_preset(write(tmp_path, PASTED))
    shipped = presets()["vgg9-w1a1"]
    assert pasted.network is not None and shipped.network is not None
    assert pasted.network.definition() == shipped.network.definition()
    assert pasted.source == shipped.source


def test_every_preset_that_ships_defines_its_network() -> None:
    known = presets()
    families = [
        f"{family}-{bits}"
        for family in ("tfc", "sfc", "lfc", "cnv")
        for bits in ("w1a1", "w1a2", "w2a2")
    ]
    assert {*families, "vgg9-w1a1"} <= set(known)
    for name in (*families, "vgg9-w1a1"):
        network = known[name].network
        assert network is not None, name
        _, bits = name.split("-")
        assert bits == f"w{network.weight_bits}a{network.activation_bits}"
        assert list(known[name].source["input"][1:]) == list(network.input)


def test_a_preset_of_the_workspace_is_a_model_there(tmp_path: Path) -> None:
    write(tmp_path / "presets", PASTED)
    workspace = Workspace.open(tmp_path)
    request = resolve(workspace, "mine")
    assert request.preset is not None and request.source["definition"]["padding_value"] == -1
    assert "mine" not in presets()


def test_a_preset_of_the_workspace_replaces_one_that_is_broken_elsewhere(tmp_path: Path) -> None:
    text = PASTED.replace('"mine"', '"tfc-w1a1"')
    write(tmp_path / "presets", text.replace("classes", "clases"))
    known, broken = load_presets(tmp_path)
    assert "clases" in str(broken["mine"]) and "tfc-w1a1" in known


def test_a_preset_file_is_a_model_wherever_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere", PASTED)
    assert resolve(Workspace.open(tmp_path), str(path)).name == "mine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("classes = 100", "classes = 1", "network.classes = 1 is not valid"),
        ("classes = 100\n", "", "[network] has no classes"),
        ('"conv"', '"mlp"', "mlp has no channels"),
        ("[network]", "[network]\nchannels = [3]", "has cnv_py and channels"),
        ("(256*1, 128)", "(256*9, 128)", "dense layer 1 takes 2304 features and gets 256"),
        ("(256, False, 0)", "(256, True, 0)", "pooling behind convolution 7 gets 256x1x1"),
        ("(64, False, 1)", "(64, 'no', 1)", "must be a list of (channels, pool)"),
        ("CNV_OUT_CH_POOL", "OTHER", "there is no CNV_OUT_CH_POOL"),
        ("[(256*1, 128)]", "open('x')", "is not a constant"),
        ("POOL_SIZE = 2", "POOL_SIZE = 4", "POOL_SIZE = 4"),
        ("KERNEL_SIZE = 3", "KERNEL_SIZE = ", "it is no Python"),
        ("input = [3, 32, 32]", "input = [3, 32]", "network.input = [3, 32] is not valid"),
        (
            "activation_bits = 1",
            "activation_bits = 2\npadding_value = -1",
            "padding_value = -1 with activation_bits = 2",
        ),
    ],
)
def test_a_network_that_does_not_work_out_is_explained(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = write(tmp_path, PASTED.replace(old, new))
    with pytest.raises(FinnTuiError) as caught:
        read_preset(path)
    assert message in str(caught.value) and "mine.toml" in caught.value.what


def test_neither_network_nor_source_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "mine"\ntitle = ""\n')
    with pytest.raises(FinnTuiError, match="neither"):
        read_preset(path)


def test_padding_of_bipolar_activations_is_minus_1_unless_it_is_asked_for(tmp_path: Path) -> None:
    def value(text: str) -> int:
        network = read_preset(write(tmp_path, text)).network
        assert network is not None
        return network.padding_value

    assert value(PASTED) == -1
    assert value(PASTED.replace("activation_bits = 1", "activation_bits = 2")) == 0
    assert value(PASTED.replace("[network]", "[network]\npadding_value = 0")) == 0


def test_a_whole_cnv_py_is_read_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n{LAB}\nclass CNV: pass\n"
    assert cnv_py.read(text, "CNV.py").channels == (64, 64, 128, 128, 256, 256, 256)
    assert not marker.exists()
    assert cnv_py.read(cnv_py.PUBLISHED, "x").fc_inputs == (256, 512, 512)


def test_the_shipped_files_say_what_their_definitions_do() -> None:
    path = presets()["vgg9-w1a1"].path
    assert tomllib.loads(path.read_text())["network"]["padding_value"] == -1


def test_the_remedies_are_commands_that_make_another_network(tmp_path: Path) -> None:
    zero = PASTED.replace("[network]", "[network]\npadding_value = 0")
    preset = read_preset(write(tmp_path / "presets", zero))
    lines = dict(remedies.commands(preset))
    made = []
    for line in lines.values():
        copy, train = line.split(" && ")
        words = copy.split()
        assert words[:4] == ["finn-tui", "presets", "copy", "mine"]
        changes = tomllib.loads("\n".join(word for word in words if "=" in word))
        path = copy_preset(preset, words[4], tmp_path, changes)
        assert train == f"finn-tui train {words[4]}"
        made.append(read_preset(path).network)
    assert [(net.activation_bits, net.padding_value) for net in made if net] == [(1, -1), (2, 0)]
    # A network of ours needs its training only.
    assert remedies.commands(presets()["vgg9-w1a1"])[0][1] == "finn-tui train vgg9-w1a1"
    assert "presets copy" in remedies.commands(None)[0][1]


def test_a_copy_that_does_not_work_out_is_not_written(tmp_path: Path) -> None:
    for changes in ({"activation_bits": 9}, {"bits": 1}, {"padding": [0] * 7}):
        with pytest.raises(FinnTuiError):
            copy_preset(presets()["vgg9-w1a1"], "mine", tmp_path, changes)
    assert not (tmp_path / "presets" / "mine.toml").exists()


INI = """[MODEL]
ARCH: CNV
PRETRAINED_URL: ""
EVAL_LOG: ""
DATASET: CIFAR100
IN_CHANNELS: 3
NUM_CLASSES: 100

[QUANT]
WEIGHT_BIT_WIDTH: 1
ACT_BIT_WIDTH: 1
IN_BIT_WIDTH: 8
"""


def test_the_labs_ini_with_its_cnv_py_is_the_network_that_ships(tmp_path: Path) -> None:
    (tmp_path / "cfg").mkdir()
    (tmp_path / "models").mkdir()
    path = tmp_path / "cfg" / "vgg_1w1a.ini"
    path.write_text(INI)
    workspace = Workspace.open(tmp_path)
    published = resolve(workspace, str(path))
    assert published.source["definition"]["fully_connected"] == [512, 512]
    (tmp_path / "models" / "CNV.py").write_text(f"import torch\n{LAB}\nclass CNV: pass\n")
    request = resolve(workspace, str(path))
    assert request.name == "vgg_1w1a" and request.preset is not None
    assert request.preset.dataset == "cifar100"
    assert request.source == presets()["vgg9-w1a1"].source
    copied = read_preset(copy_preset(request.preset, "own", tmp_path))
    assert (copied.network, copied.dataset) == (presets()["vgg9-w1a1"].network, "cifar100")


def test_an_ini_of_dense_layers(tmp_path: Path) -> None:
    path = tmp_path / "lfc_1w2a.ini"
    text = (
        INI.replace("CNV", "FC")
        .replace("CIFAR100", "MNIST")
        .replace("IN_CHANNELS: 3", "IN_CHANNELS: 1\nOUT_FEATURES = [1024, 1024, 1024]")
        .replace("CLASSES: 100", "CLASSES: 10")
    )
    path.write_text(text.replace("ACT_BIT_WIDTH: 1", "ACT_BIT_WIDTH: 2").replace(": 8", ": 2"))
    assert read_preset(path).network == presets()["lfc-w1a2"].network


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ARCH: CNV", "ARCH: RESNET18", "ARCH = RESNET18"),
        ("ARCH: CNV", "ARCH: FC", "[MODEL] has no OUT_FEATURES"),
        ("NUM_CLASSES: 100", "NUM_CLASSES: many", "NUM_CLASSES = many"),
        ("[QUANT]", "[QUANTS]", "[QUANT] has no WEIGHT_BIT_WIDTH"),
        ("[MODEL]", "", "it is no .ini file"),
        ("IN_CHANNELS: 3", "IN_CHANNELS: 3" + "0" * 5000, "IN_CHANNELS = 3000"),
        ("ARCH: CNV", "ARCH: FC\nOUT_FEATURES: [[1]]", "OUT_FEATURES = [[1]]"),
    ],
)
def test_an_ini_that_is_wrong_is_explained(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "net.ini"
    path.write_text(INI.replace(old, new))
    with pytest.raises(FinnTuiError) as caught:
        read_preset(path)
    assert message in str(caught.value) and "net.ini" in caught.value.what


def test_a_python_file_is_a_network_once_its_content_is_agreed_to(tmp_path: Path) -> None:
    path = tmp_path / "mynet.py"
    path.write_text("model = None\n")
    request = resolve(Workspace.open(tmp_path), str(path))
    assert (request.name, request.source["kind"]) == ("mynet", "module")
    with pytest.raises(ConsentRequired, match=r"mynet\.py"):
        require_agreed(request.source, None)
    asked: list[str] = []

    def agree(_path: Path, text: str) -> bool:
        asked.append(text)
        return True

    require_agreed(request.source, agree)
    require_agreed(request.source, None)
    assert asked == ["model = None\n"]
    path.write_text("model = 3\n")
    changed = resolve(Workspace.open(tmp_path), str(path))
    assert changed.content != request.content
    with pytest.raises(ConsentRequired):
        require_agreed(changed.source, None)
