"""The command line of upstream FINN's driver, for the tests."""

import argparse

import numpy as np
from driver_base import FINNExampleOverlay
from qonnx.core.datatype import DataType

io_shape_dict = {
    "idt": [DataType["UINT8"]],
    "odt": [DataType["UINT8"]],
    "ishape_normal": [(1, 1, 28, 28)],
    "oshape_normal": [(1, 1)],
    "ishape_folded": [(1, 1, 28, 28, 1)],
    "oshape_folded": [(1, 1, 1)],
    "ishape_packed": [(1, 1, 28, 28, 1)],
    "oshape_packed": [(1, 1, 1)],
    "input_dma_name": ["idma0"],
    "output_dma_name": ["odma0"],
    "number_of_external_weights": 0,
    "num_inputs": 1,
    "num_outputs": 1,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exec_mode", default="execute")
    parser.add_argument("--platform", default="zynq-iodma")
    parser.add_argument("--batchsize", type=int, default=1)
    parser.add_argument("--bitfile", default="resizer.bit")
    parser.add_argument("--inputfile", nargs="*", default=["input.npy"])
    parser.add_argument("--outputfile", nargs="*", default=["output.npy"])
    parser.add_argument("--runtime_weight_dir", default="runtime_weights/")
    parser.add_argument("--device", type=int, default=0)  # later than 0.8
    given = parser.parse_args()
    from pynq.pl_server.device import Device

    driver = FINNExampleOverlay(
        bitfile_name=given.bitfile,
        platform=given.platform,
        io_shape_dict=io_shape_dict,
        batch_size=given.batchsize,
        runtime_weight_dir=given.runtime_weight_dir,
        device=Device.devices[given.device],
    )
    if given.exec_mode == "execute":
        np.save(given.outputfile[0], driver.execute(np.load(given.inputfile[0])))
        return
    with open("nw_metrics.txt", "w") as file:
        file.write(str(driver.throughput_test()))
    print("Results written to nw_metrics.txt")


if __name__ == "__main__":
    main()
