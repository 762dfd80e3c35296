"""The command line of upstream FINN's validation, for the tests; it downloads nothing."""

import argparse
import gzip
import os

import numpy as np
from driver import io_shape_dict
from driver_base import FINNExampleOverlay


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batchsize", type=int, default=100)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--platform", default="zynq-iodma")
    parser.add_argument("--bitfile", default="resizer.bit")
    parser.add_argument("--dataset_root", default="/tmp")
    given = parser.parse_args()
    if given.dataset != "mnist":
        raise Exception("Unrecognized dataset")

    def content(name, head):
        with gzip.open(os.path.join(given.dataset_root, name)) as file:
            return np.frombuffer(file.read()[head:], np.uint8)

    images = content("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = content("t10k-labels-idx1-ubyte.gz", 8)
    size = given.batchsize
    driver = FINNExampleOverlay(
        bitfile_name=given.bitfile,
        platform=given.platform,
        io_shape_dict=io_shape_dict,
        batch_size=size,
    )
    right = 0
    batches = len(labels) // size
    for at in range(batches):
        some = slice(at * size, (at + 1) * size)
        right += int((driver.execute(images[some]).reshape(-1) == labels[some]).sum())
        wrong = (at + 1) * size - right
        print("batch %d / %d : total OK %d NOK %d" % (at + 1, batches, right, wrong))
    print("Final accuracy: %f" % (100.0 * right / len(labels)))


if __name__ == "__main__":
    main()
