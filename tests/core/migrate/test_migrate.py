"""Foldings of other FINNs: under other names the same folding; what cannot be is said."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.base.text import unprintable
from finn_tui.core.design import Design, Value
from finn_tui.core.estimate.estimate import CostTable, estimate
from finn_tui.core.folding import finn_json
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import Folding, IllegalFolding
from finn_tui.core.migrate.migrate import Migration, migrate
from tests import data
from tests.core.designs import conv_like, design_from, divisors, layer, table
from tests.core.folding.test_model import edited
from tests.runs.real_logs import LOGS

#: What older FINNs called the ops of these designs.
OLDER = {
    "MVAU_hls": ("StreamingFCLayer_Batch", "MatrixVectorActivation", "MVAU_rtl", "MVAU"),
    "ConvolutionInputGenerator_rtl": (
        "ConvolutionInputGenerator",
        "ConvolutionInputGenerator1D",
        "ConvolutionInputGenerator_hls",
    ),
    "Thresholding_rtl": ("Thresholding_Batch", "Thresholding_hls"),
    "Pool_hls": ("Pool_Batch", "Pool"),
    "LabelSelect_hls": ("LabelSelect_Batch",),
}

Designed = tuple[Design, dict[str, CostTable]]


@cache
def recorded(name: str) -> Designed:
    """A recorded model of a preset."""
    document = data.prepared(name)
    tables = {item["layer"]: CostTable.from_json(item) for item in document["tables"]}
    return Design.from_json(name, document["design"]), tables


def renamed(document: dict[str, Any], choices: dict[str, str]) -> dict[str, Any]:
    """A folding file with other names of the op types, numbered anew in the graph's order."""
    counts: dict[str, int] = {}
    older: dict[str, Any] = {"Defaults": {}}
    for name, entry in document.items():
        if name != "Defaults":
            op = re.sub(r"_\d+$", "", name)
            new = choices.get(op, op)
            older[f"{new}_{counts.get(new, 0)}"] = dict(entry)
            counts[new] = counts.get(new, 0) + 1
    return older


@st.composite
def old_files(draw: st.DrawFn) -> tuple[Designed, Folding, dict[str, Any]]:
    """A folding, and the file that an older FINN could have written of it."""
    design, tables, folding = draw(edited())
    depth = draw(st.integers(2, 512))
    folding = folding.with_setting("MVAU_hls_0", "inFIFODepths", [depth])
    document = renamed(
        finn_json.to_json(design, folding),
        {op: draw(st.sampled_from((op, *older))) for op, older in OLDER.items()},
    )
    if draw(st.booleans()):
        for entry in document.values():
            if "inFIFODepths" in entry:
                entry["inFIFODepth"] = entry.pop("inFIFODepths")[0]
    # FINN's own insertions stand between the layers.
    items = list(document.items())
    for at in sorted(draw(st.sets(st.integers(1, len(items)), max_size=4)), reverse=True):
        items.insert(at, (f"StreamingFIFO_{at}", {"impl_style": "rtl"}))
    return (design, tables), folding, dict(items)


@given(old_files())
def test_under_older_names_it_is_the_same_folding(
    case: tuple[Designed, Folding, dict[str, Any]],
) -> None:
    (design, tables), folding, document = case
    migration = migrate(design, tables, json.loads(json.dumps(document)))
    assert migration.folding == folding, migration.entries
    assert not migration.of("unmatched") and not migration.unnamed and migration.complete
    assert {entry.name for entry in migration.of("inserted")} == {
        name for name in document if name.startswith("StreamingFIFO")
    }


@given(edited(), st.lists(st.integers(2, 4096), min_size=8, max_size=8), st.integers(0, 6))
def test_depths_of_fifo_entries_become_those_that_the_layers_ask_for(
    case: tuple[Design, dict[str, CostTable], Folding], sizes: list[int], converter: int
) -> None:
    design, tables, folding = case
    document: dict[str, Any] = {}
    wanted: dict[str, dict[str, list[int]]] = {layer.name: {} for layer in design.layers}
    names = [layer.name for layer in design.layers]
    for at, name in enumerate([*names, None]):
        document[f"StreamingFIFO_{at}"] = {"depth": sizes[at]}
        into = sizes[at]
        if at == converter + 1 and name is not None:
            # Behind a converter stands a FIFO of its own.
            document["StreamingDataWidthConverter_Batch_0"] = {"impl_style": "hls"}
            document["StreamingFIFO_77"] = {"depth": 7}
            into = 7
        if at:
            wanted[names[at - 1]]["outFIFODepths"] = [sizes[at]]
        if name is not None:
            wanted[name]["inFIFODepths"] = [into]
            document[name] = dict(folding.values[name])
    migration = migrate(design, tables, document)
    assert migration.folding.values == folding.values
    assert migration.folding.settings == wanted
    document["MVAU_hls_0"]["inFIFODepths"] = [3]
    again = migrate(design, tables, document).folding.settings
    assert again["MVAU_hls_0"]["inFIFODepths"] == [3]


@settings(max_examples=25)
@given(old_files(), st.randoms())
def test_the_order_of_the_file_is_a_help_and_no_need(
    case: tuple[Designed, Folding, dict[str, Any]], random: Any
) -> None:
    (design, tables), folding, document = case
    items = list(document.items())
    random.shuffle(items)
    migration = migrate(design, tables, dict(items))
    # Nodes of one op type are numbered in the order of the graph, however the file is sorted.
    assert migration.folding.values["MVAU_hls_0"] == folding.values["MVAU_hls_0"]
    assert migration.folding.values["MVAU_hls_1"] == folding.values["MVAU_hls_1"]
    assert migration.folding.values["LabelSelect_hls_0"] == folding.values["LabelSelect_hls_0"]


@pytest.mark.parametrize(
    ("template", "order"),
    [
        # The first matrix stands before the thresholds, the others behind them.
        ("MatrixVectorActivation_{index}", (1, -1, 3, 0, 2)),
        # A partition numbers its own layers from 0, so that two of them are called 0.
        ("StreamingDataflowPartition_{part}_MVAU_hls_{inside}", (2, 0, -1, 3, 1)),
    ],
)
def test_entries_of_one_op_go_to_the_layers_in_the_order_of_their_numbers(
    template: str, order: tuple[int, ...]
) -> None:
    design, tables = recorded("tfc-w1a1")
    sizes = [(7, 4), (8, 8), (16, 2), (2, 16)]
    document: dict[str, Any] = {"Defaults": {}}
    for index in order:
        if index < 0:
            document["Thresholding_rtl_0"] = {"PE": 7}
            continue
        name = template.format(index=index, part=1 + index // 2, inside=index % 2)
        document[name] = {"SIMD": sizes[index][0], "PE": sizes[index][1]}
    values = migrate(design, tables, document).folding.values
    folded = [(values[f"MVAU_hls_{at}"]["SIMD"], values[f"MVAU_hls_{at}"]["PE"]) for at in range(4)]
    # 10 outputs can be computed 1, 2, 5 or 10 at a time: 16 becomes 10.
    assert folded == [*sizes[:3], (2, 10)]


def read(name: str, file: str) -> tuple[Designed, Migration, dict[str, Any]]:
    path = LOGS / file
    design, tables = recorded(name)
    document = json.loads(path.read_text())
    return (design, tables), migrate(design, tables, document), document


EXAMPLES = "Xilinx_finn-examples/build/bnn-pynq/folding_config"
PUBLISHED = [
    *(
        (f"{EXAMPLES}/tfc-{bits}_folding_config.json", "tfc-w1a1", 64)
        for bits in ("w1a1", "w1a2", "w2a2")
    ),
    ("Xilinx_finn/src/finn/qnn-data/build_dataflow/folding_config.json", "tfc-w1a1", 64),
    ("Xilinx_finn/tutorials/fpga_flow/folding_config.json", "tfc-w1a1", 64),
    (f"{EXAMPLES}/cnv-w1a1_folding_config.json", "cnv-w1a1", 32768),
    *(
        (f"{EXAMPLES}/cnv-{bits}_folding_config.json", "cnv-w1a1", 115200)
        for bits in ("w1a2", "w2a2")
    ),
    ("Xilinx_finn/notebooks/advanced/cnv-w2a2_folding_config.json", "cnv-w1a1", 115200),
]


@pytest.mark.parametrize(("file", "name", "ii"), PUBLISHED)
def test_published_foldings_of_the_presets_networks(file: str, name: str, ii: int) -> None:
    (design, tables), migration, document = read(name, file)
    assert migration.matched == len(document) - 1 and migration.complete
    assert estimate(design, tables, migration.folding.values, 10.0).ii_cycles == ii
    # Every matrix has what the file says, whatever it is called there.
    given = [entry for node, entry in document.items() if "SIMD" in entry and "PE" in entry]
    ours = [migration.folding.values[layer.name] for layer in design.layers if layer.kind == "MVAU"]
    assert [(one["PE"], one["SIMD"]) for one in ours] == [
        (entry["PE"], entry["SIMD"]) for entry in given
    ]
    again, _ = finn_json.from_json(design, tables, finn_json.to_json(design, migration.folding))
    assert again == migration.folding


def test_pooling_in_one_piece_and_in_two() -> None:
    """FINN pools CNV with one op in 0.10, and with a sliding window and Pool in finn-plus."""
    _, migration, _ = read("cnv-w1a1", f"{EXAMPLES}/cnv-w1a1_folding_config.json")
    windows = [entry.layer for entry in migration.entries if entry.name.startswith("Convolution")]
    assert windows == [f"ConvolutionInputGenerator_rtl_{at}" for at in (0, 1, 3, 4, 6, 7)]
    assert migration.unnamed == (
        "ConvolutionInputGenerator_rtl_2",
        "Pool_hls_0",
        "ConvolutionInputGenerator_rtl_5",
        "Pool_hls_1",
    )
    assert migration.foreign
    # The file says nothing of the pooling that was one op: it is folded like what feeds it.
    assert migration.filled == (
        ("ConvolutionInputGenerator_rtl_2", "SIMD", 64, 32),
        ("Pool_hls_0", "PE", 64, 32),
        ("ConvolutionInputGenerator_rtl_5", "SIMD", 128, 16),
        ("Pool_hls_1", "PE", 128, 16),
    )


def test_another_class_count_is_said_and_the_nearest_value_taken() -> None:
    _, migration, _ = read(
        "cnv-w1a1",
        "pgreksic_FINN_Export_AXI_Lite_Missing/dev_feedback/output_stitched_ip/final_hw_config.json",
    )
    assert (
        migration.matched == 17 and len(migration.of("inserted")) == 18 and not migration.complete
    )
    last = next(entry for entry in migration.entries if entry.layer == "MVAU_hls_8")
    assert last.renamed == (("mem_mode = decoupled", "mem_mode = internal_decoupled"),)
    (refused,) = last.refused
    assert (refused.name, refused.value, refused.legal, refused.taken) == (
        "PE",
        7,
        (1, 2, 5, 10),
        5,
    )
    assert migration.folding.values["MVAU_hls_8"]["PE"] == 5


def test_every_folding_file_there_is_can_be_looked_at() -> None:
    files = [p for p in LOGS.rglob("*.json") if re.search(r"folding_config|hw_config", p.name)]
    assert len(files) > 20
    for path in files:
        for name in ("tfc-w1a1", "cnv-w1a1"):
            design, tables = recorded(name)
            migration = migrate(design, tables, json.loads(path.read_text()))
            foldings.check(design, tables, migration.folding)
            layers = [entry.layer for entry in migration.entries if entry.layer]
            assert len(layers) == len(set(layers))
            assert all(entry.why for entry in migration.of("unmatched"))


def test_what_has_no_place_is_said() -> None:
    design, tables = conv_like()
    migration = migrate(
        design,
        tables,
        {
            "Defaults": {"ram_style": ["block", ["StreamingFCLayer_Batch"]]},
            "StreamingFCLayer_Batch_0": {"PE": 3, "SIMD": 24, "mem_mode": "decoupled"},
            "StreamingFCLayer_Batch_1": {"ram_style": "auto", "resType": "lut"},
            "AddStreams_Batch_0": {"PE": 1},
            "my layer": {"PE": 1},
        },
    )
    by_name = {entry.name: entry for entry in migration.entries}
    assert [entry.layer for entry in migration.entries[:2]] == ["MVAU_hls_0", "MVAU_hls_1"]
    assert migration.folding.values["MVAU_hls_0"]["ram_style"] == "block"
    assert migration.folding.values["MVAU_hls_1"]["ram_style"] == "auto"
    assert migration.folding.settings["MVAU_hls_0"] == {"mem_mode": "internal_decoupled"}
    assert [(r.name, r.taken) for r in by_name["StreamingFCLayer_Batch_0"].refused] == [("PE", 4)]
    assert "has no resType" in by_name["StreamingFCLayer_Batch_1"].refused[0].why
    assert by_name["AddStreams_Batch_0"].why == "made-up has no AddStreams"
    assert by_name["my layer"].why == "not a name of a FINN node"


def test_more_layers_than_the_model_has_are_those_of_another_network() -> None:
    design, tables = conv_like()
    migration = migrate(design, tables, {f"MVAU_hls_{at}": {"PE": 1} for at in range(3)})
    (left,) = migration.of("unmatched")
    assert "others fit them better" in left.why
    assert "it may be of another network" in migration.summary and not migration.complete


@pytest.mark.parametrize("document", [[1, 2], {"MVAU_hls_0": 3}, "text", None])
def test_what_is_no_folding_is_refused(document: object) -> None:
    design, tables = conv_like()
    with pytest.raises(IllegalFolding, match="not a folding configuration"):
        migrate(design, tables, document)


def made_from(document: dict[str, Any]) -> Designed:
    """A chain of layers with the names and the order of a folding file."""
    layers, tables = [], []
    names = [name for name in document if not name.startswith(("Defaults", "Streaming"))]
    for at, name in enumerate(names):
        knobs: dict[str, Sequence[Value]] = {
            knob: divisors(4 * value)
            for knob, value in document[name].items()
            if knob in ("PE", "SIMD")
        }
        entry = layer(name, re.sub(r"_\d+$", "", name), knobs, f"t{at}", f"t{at + 1}")
        layers.append(entry)
        tables.append(table(entry, lambda values: 1000 // values.get("PE", 1)))
    return design_from(layers, tables, [])


def test_mobilenet_with_thresholds_of_their_own_and_without() -> None:
    """The published MobileNet files name the same network in RTL and in HLS, and their thresholds
    as layers or not."""
    folder = LOGS / "Xilinx_finn-examples/build/mobilenet-v1/folding_config"
    apart, inside = (
        json.loads((folder / f"{board}_folding_config.json").read_text())
        for board in ("ZCU104", "U250")
    )
    design, tables = made_from(apart)
    migration = migrate(design, tables, inside)
    assert migration.matched == 59 and not migration.of("unmatched")
    assert all(name.startswith("Thresholding") for name in migration.unnamed)
    assert len(migration.unnamed) == 27
    # The n-th of each kind is the n-th there, whatever its language.
    for kind in ("MVAU", "VVAU", "ConvolutionInputGenerator", "FMPadding"):
        with_thresholds = [
            entry.layer for entry in migration.entries if entry.name.startswith(kind)
        ]
        ours = [item.name for item in design.layers if item.name.startswith(kind)]
        assert with_thresholds == ours
    design, tables = made_from(inside)
    migration = migrate(design, tables, apart)
    assert migration.matched == 59 and len(migration.of("unmatched")) == 27
    assert all("thresholds inside" in entry.why for entry in migration.of("unmatched"))


def test_values_that_do_not_divide_a_layer_are_of_another_network() -> None:
    design, tables = recorded("cnv-w1a1")
    own: dict[str, dict[str, Any]] = {item.name: {} for item in design.layers}
    matrix = next(item for item in design.layers if item.kind == "MVAU")
    size = matrix.attrs["MH"]
    migration = migrate(design, tables, {**own, matrix.name: {"PE": size}})
    assert migration.misfits == ()
    other = migrate(design, tables, {**own, matrix.name: {"PE": size + 3}})
    assert len(other.misfits) == 1 and "ANOTHER NETWORK" in other.summary


def test_values_that_are_not_legal_speak_against_a_pair() -> None:
    design, tables = recorded("tfc-w1a1")
    # Three entries for four matrix layers: 784 inputs cannot be folded by 64.
    folded = [(64, 4), (32, 8), (64, 5)]
    document: dict[str, Any] = {"Defaults": {}, "Thresholding_Batch_0": {"PE": 7}}
    for index, (simd, pe) in enumerate(folded):
        document[f"MatrixVectorActivation_{index}"] = {"SIMD": simd, "PE": pe}
    migration = migrate(design, tables, document)
    layers = [entry.layer for entry in migration.entries if entry.name.startswith("Matrix")]
    assert layers == ["MVAU_hls_1", "MVAU_hls_2", "MVAU_hls_3"]
    assert migration.complete


NUMBERS = st.sampled_from([0, -1, 10**4000, 2**31, 2**63, 1.5, math.inf, -math.inf, math.nan, True])
TEXTS = st.sampled_from(["", "2", "\u0662", "\ud800", "\x1b[31m", "two\nlines", "x" * 9999, "all"])
ANY = st.recursive(
    NUMBERS | TEXTS | st.none() | st.integers(0, 70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["PE", "SIMD", "ram_style", "mem_mode", "inFIFODepths", "outFIFODepths", "resType", ""]
)


@given(
    st.dictionaries(
        st.sampled_from(["MVAU_hls_0", "MVAU_0", "StreamingFIFO_0", "Defaults", "", "x" * 9999]),
        st.dictionaries(NAMES | TEXTS, ANY, max_size=3) | ANY,
        max_size=3,
    )
)
@settings(max_examples=300)
def test_any_document_is_read_or_refused_in_a_few_words(document: object) -> None:
    """Whatever stands in a file: no other error, no endless text, none that does not show."""
    design, tables = conv_like()
    for read in (finn_json.from_json, migrate):
        try:
            read(design, tables, document)
        except IllegalFolding as error:
            assert len(str(error)) < 4000
            assert not unprintable(str(error).replace("\n", ""))
            assert "two\nlines" not in str(error)
