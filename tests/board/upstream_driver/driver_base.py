"""A driver for the tests that has the interface of upstream FINN's, from 0.8 on."""

import time

import numpy as np
from pynq import Overlay, allocate
from pynq.ps import Clocks

CONTROL, ADDRESS_LOW, ADDRESS_HIGH, BATCH = 0x00, 0x10, 0x14, 0x1C


class FINNExampleOverlay(Overlay):
    """One input and one output of bytes, moved by DMA engines."""

    def __init__(
        self,
        bitfile_name,
        platform,
        io_shape_dict,
        batch_size=1,
        fclk_mhz=100.0,
        device=None,
        download=True,
        runtime_weight_dir="runtime_weights/",
    ):
        super().__init__(bitfile_name, download=download, device=device)
        self._io_shape_dict = io_shape_dict
        self.platform = platform
        self.runtime_weight_dir = runtime_weight_dir
        self.fclk_mhz = fclk_mhz
        self.idma = [getattr(self, name) for name in io_shape_dict["input_dma_name"]]
        self.odma = [getattr(self, name) for name in io_shape_dict["output_dma_name"]]
        self.batch_size = batch_size
        if fclk_mhz > 0:
            Clocks.fclk0_mhz = fclk_mhz

    num_inputs = num_outputs = 1

    def _shape(self, key, ind):
        return (self.batch_size, *self._io_shape_dict[key][ind][1:])

    def ishape_normal(self, ind=0):
        return self._shape("ishape_normal", ind)

    def oshape_normal(self, ind=0):
        return self._shape("oshape_normal", ind)

    def ishape_packed(self, ind=0):
        return self._shape("ishape_packed", ind)

    def oshape_packed(self, ind=0):
        return self._shape("oshape_packed", ind)

    def idt(self, ind=0):
        return self._io_shape_dict["idt"][ind]

    @property
    def batch_size(self):
        return self._batch_size

    @batch_size.setter
    def batch_size(self, value):
        self._batch_size = value
        self.ibuf_packed_device = [allocate(self.ishape_packed(), np.uint8, cacheable=True)]
        self.obuf_packed_device = [allocate(self.oshape_packed(), np.uint8, cacheable=True)]

    def copy_input_data_to_device(self, data, ind=0):
        np.copyto(self.ibuf_packed_device[ind], data)
        self.ibuf_packed_device[ind].flush()

    def copy_output_data_from_device(self, data, ind=0):
        self.obuf_packed_device[ind].invalidate()
        np.copyto(data, self.obuf_packed_device[ind])

    def execute_on_buffers(self, asynch=False, batch_size=None):
        for engines, buffers in (
            (self.odma, self.obuf_packed_device),
            (self.idma, self.ibuf_packed_device),
        ):
            for engine, buffer in zip(engines, buffers):
                engine.write(ADDRESS_LOW, buffer.device_address & 0xFFFFFFFF)
                engine.write(ADDRESS_HIGH, buffer.device_address >> 32)
                engine.write(BATCH, batch_size or self.batch_size)
                engine.write(CONTROL, 1)
        if not asynch:
            self.wait_until_finished()

    def wait_until_finished(self):
        while self.odma[0].read(CONTROL) & 0x2 == 0:
            pass

    def execute(self, input_npy):
        image = input_npy[0] if isinstance(input_npy, list) else input_npy
        assert image.shape == self.ishape_normal()
        self.copy_input_data_to_device(image.astype(np.uint8).reshape(self.ishape_packed()))
        self.execute_on_buffers()
        output = np.empty(self.oshape_packed(), np.uint8)
        self.copy_output_data_from_device(output)
        return output.reshape(self.oshape_normal()).astype(np.float32)

    def throughput_test(self):
        began = time.time()
        self.execute_on_buffers()
        seconds = time.time() - began
        return {
            "runtime[ms]": seconds * 1000,
            "throughput[images/s]": self.batch_size / seconds,
            "fclk[mhz]": Clocks.fclk0_mhz,
            "batch_size": self.batch_size,
        }
