"""What FINN inserts between layers, priced by FINN's own methods: width converters and FIFOs.

The ops are made as ``InsertDWC`` and ``InsertFIFO`` make them and specialised by FINN's own
``SpecializeLayers``, so that the implementation which is priced is the one that FINN would choose.
"""

import importlib
from typing import Any, Dict, List, Optional, Sequence, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import knobs, tables
from finn_tui.engine.server.finn import finn_api, finn_env

Pair = Tuple[int, int]
Op = Tuple[Any, Any]
#: Resources of a row, in the order that ``Prices.from_json`` reads.
COLUMNS = ("LUT", "BRAM_18K", "URAM", "DSP")


def _make(op_type: str, shape: List[int], part: str, attributes: Dict[str, Any]) -> Op:
    """The node and the instance of one op, as FINN would build it for a part."""
    onnx = importlib.import_module("onnx")
    wrapper = importlib.import_module("qonnx.core.modelwrapper")
    datatypes = importlib.import_module("qonnx.core.datatype")
    registry = importlib.import_module("qonnx.custom_op.registry")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node(
        finn_api.inserted_op(op_type),
        ["in"],
        ["out"],
        domain="finn.custom_op.fpgadataflow",
        backend="fpgadataflow",
        dataType="BINARY",
        **attributes,
    )
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("in", kind, shape)],
        [helper.make_tensor_value_info("out", kind, shape)],
    )
    model = wrapper.ModelWrapper(finn_api.make_model(graph))
    for tensor in ("in", "out"):
        model.set_tensor_datatype(tensor, datatypes.DataType["BINARY"])
    model = finn_api.specialized(model, part)
    converter = model.graph.node[0]
    inst = registry.getCustomOp(converter)
    tables.cache_attributes(inst)
    return converter, inst


def price(inst: Any, part: str) -> List[Any]:
    """FINN's estimate of one op, in the order of ``COLUMNS``."""
    use = finn_api.with_part(inst.node_res_estimation, part)()
    return [graphs.plain(use.get(column, 0)) for column in COLUMNS]


class Converters:
    """Prices of data width converters by (width in, width out), in bits."""

    def __init__(self, part: str) -> None:
        self._part = part
        # FINN may choose differently where one width is no multiple of the other.
        self._ops: Dict[bool, Op] = {}
        self.op_type = ""

    def price(self, pair: Pair) -> Optional[List[Any]]:
        """The row of a pair; None where FINN makes no such converter."""
        inside, outside = pair
        even = max(pair) % min(pair) == 0
        words = inside * outside
        shape = [1, words]
        if even not in self._ops:
            attributes: Dict[str, Any] = {"inWidth": inside, "outWidth": outside}
            shapes = {"shape": shape}
            if finn_api.layers_are_split():
                shapes = {"inShape": shape, "outShape": shape}
            attributes.update(shapes)
            self._ops[even] = _make("StreamingDataWidthConverter", shape, self._part, attributes)
        node, inst = self._ops[even]
        self.op_type = node.op_type
        for name in ("shape", "inShape", "outShape"):
            if name in inst.get_nodeattr_types():
                inst.set_nodeattr(name, shape)
        inst.set_nodeattr("inWidth", inside)
        inst.set_nodeattr("outWidth", outside)
        try:
            if knobs.is_hls(node) and hasattr(inst, "get_ap_int_max_w"):
                inst.get_ap_int_max_w()
            return [inside, outside, *price(inst, self._part)]
        except Exception:
            # FINN refuses by assertions and bare exceptions; what it refuses has no price.
            return None


class Fifos:
    """Prices of FIFOs by (width in bits, depth in words)."""

    def __init__(self, part: str) -> None:
        self._part = part
        attributes = {"depth": 2, "folded_shape": [1, 8], "normal_shape": [1, 8]}
        if not finn_api.layers_are_split():
            attributes.pop("normal_shape")
        self.node, self._inst = _make("StreamingFIFO", [1, 8], part, attributes)
        self._uram = finn_env.has_uram(part)

    def price(self, pair: Pair) -> Optional[List[Any]]:
        """The row of a pair; None where FINN makes no such FIFO."""
        width, depth = pair
        self._inst.set_nodeattr("folded_shape", [1, width])
        if "normal_shape" in self._inst.get_nodeattr_types():
            self._inst.set_nodeattr("normal_shape", [1, width])
        self._inst.set_nodeattr("depth", depth)
        try:
            row = price(self._inst, self._part)
            if row[COLUMNS.index("URAM")] and not self._uram:
                # FINN's estimate does not look at the part; Vivado takes BRAM where there is no
                # UltraRAM (finn.util.resource_models says so), which FINN prices as "block".
                self._inst.set_nodeattr("ram_style", "block")
                try:
                    row = price(self._inst, self._part)
                finally:
                    self._inst.set_nodeattr("ram_style", "auto")
                # Some FINNs (see finn_api.lacks) count UltraRAM even so, where there is none.
                row[COLUMNS.index("URAM")] = 0
            return [width, depth, *row]
        except Exception:
            # As for converters.
            return None

    def own_depth(self) -> int:
        """The FIFO depth that an op asks for which sets none, as a converter does."""
        for name in ("inFIFODepths", "inFIFODepth"):
            entry = finn_api.layer_class().get_nodeattr_types(self._inst).get(name)
            if entry is not None:
                default = entry[2]
                return int(default[0] if isinstance(default, (list, tuple)) else default)
        return 2


def _pairs(value: Any, name: str) -> Sequence[Pair]:
    try:
        pairs = [(int(a), int(b)) for a, b in value]
    except (TypeError, ValueError) as error:
        raise EngineError(
            "%r must be a list of pairs" % name, str(error), kind="protocol"
        ) from error
    if any(a < 1 or b < 0 for a, b in pairs):
        raise EngineError("%r has a width below 1" % name, kind="protocol")
    return pairs


def prices(part: str, dwc: Any, fifo: Any) -> Dict[str, Any]:
    """The answer to ``converters``.

    ``{"dwc": [[in, out, LUT, BRAM_18K, URAM, DSP]], "fifo": [[width, depth, LUT, ..]], "depth":
    FIFO depth of a converter's sides, "ops": {"dwc": op type, "fifo": op type}}``; pairs that
    FINN cannot make are left out.
    """
    finn_env.setup()
    finn_env.load_ops()
    converters, fifos = Converters(part), Fifos(part)
    found_dwc = [converters.price(pair) for pair in _pairs(dwc, "dwc") if pair[0] != pair[1]]
    found_fifo = [fifos.price(pair) for pair in _pairs(fifo, "fifo")]
    ops = {"fifo": fifos.node.op_type}
    if converters.op_type:
        ops["dwc"] = converters.op_type
    return {
        "dwc": [row for row in found_dwc if row is not None],
        "fifo": [row for row in found_fifo if row is not None],
        "depth": fifos.own_depth(),
        "ops": ops,
    }
