"""Run with the engine's Python: ``make_stages.py DATAFLOW PART FOLDER`` builds on from a graph.

Writes what FINN's own transformations make of a dataflow graph on the way to a bitstream:
``dwc``, ``fifo`` (width converters and FIFOs between the layers), ``iodma`` (DMAs at the ends) and
``parent`` (partitions, with their bodies in ``kernel_partitions/``).
"""

import sys
from pathlib import Path

from finn_tui.engine.server.finn import finn_env

finn_env.steps()  # FINN's settings, which its transformations ask for

from finn.transformation.fpgadataflow.create_dataflow_partition import CreateDataflowPartition  # noqa: E402
from finn.transformation.fpgadataflow.floorplan import Floorplan  # noqa: E402
from finn.transformation.fpgadataflow.insert_dwc import InsertDWC  # noqa: E402
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO  # noqa: E402
from finn.transformation.fpgadataflow.insert_iodma import InsertIODMA  # noqa: E402
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers  # noqa: E402
from qonnx.core.modelwrapper import ModelWrapper  # noqa: E402
from qonnx.custom_op.registry import getCustomOp  # noqa: E402
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames  # noqa: E402


def main(dataflow: str, part: str, folder: Path) -> None:
    def insert(model: ModelWrapper, *steps: object) -> ModelWrapper:
        for step in (*steps, SpecializeLayers(part), GiveUniqueNodeNames()):
            model = model.transform(step)
        return model

    model = ModelWrapper(dataflow)
    # A width that its neighbours do not have, so that converters are needed.
    node = next(n for n in model.graph.node if n.op_type.startswith("MVAU"))
    getCustomOp(node).set_nodeattr("PE", 2)
    model = insert(model, InsertDWC())
    model.save(str(folder / "dwc.onnx"))
    model = insert(model, InsertFIFO(create_shallow_fifos=True))
    model.save(str(folder / "fifo.onnx"))
    model = insert(model, InsertIODMA(64), InsertDWC())
    model = model.transform(GiveReadableTensorNames())
    model.save(str(folder / "iodma.onnx"))
    bodies = folder / "kernel_partitions"
    bodies.mkdir(exist_ok=True)
    model = model.transform(Floorplan()).transform(CreateDataflowPartition(str(bodies)))
    model.save(str(folder / "parent.onnx"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
