"""Run with the engine's Python: ``make_networks.py KIND PATH`` writes a large dataflow graph.

The graphs are as FINN's specialization leaves them, with the layers of ResNet-50 ("resnet50") or
of MobileNet v1 ("mobilenet-hls", "mobilenet-rtl": what multiplies, in HLS or RTL), with random
parameters and fewer channels and pixels; nothing is trained.
"""

import sys
from typing import Any

import numpy as np
from onnx import TensorProto, helper, save
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.util.basic import qonnx_make_model

DOMAIN = "finn.custom_op.fpgadataflow"
ACTIVATION, WEIGHT, SUM = "UINT4", "INT4", "INT20"


class Network:
    """A graph under construction; tensors are named by what made them, all are NHWC."""

    def __init__(self, side: int, backend: str) -> None:
        self.random = np.random.RandomState(7)
        self.backend = backend
        self.nodes: list[Any] = []
        self.shapes: dict[str, tuple[int, ...]] = {"in": (1, side, side, 3)}
        self.types = {"in": "UINT8"}
        self.parameters: dict[str, Any] = {}

    def add(
        self,
        op: str,
        sources: list[str],
        outs: list[tuple[tuple[int, ...], str]],
        parameter: tuple[tuple[int, ...], str] | None = None,
        **attributes: Any,
    ) -> list[str]:
        """Append a layer and name the tensors that it makes."""
        at = len(self.nodes)
        names = [f"t{at}_{index}" for index in range(len(outs))]
        for name, (shape, kind) in zip(names, outs, strict=True):
            self.shapes[name], self.types[name] = shape, kind
        inputs = list(sources)
        if parameter is not None:
            shape, kind = parameter
            name = f"p{at}"
            low, high = int(DataType[kind].min()), int(DataType[kind].max())
            # The steps of a threshold go up.
            values = np.sort(self.random.randint(low, high + 1, shape), axis=-1)
            self.parameters[name], self.types[name] = values.astype(np.float32), kind
            inputs.append(name)
        domain = f"{DOMAIN}.{op.rsplit('_', 1)[1]}"
        node = helper.make_node(
            op, inputs, names, domain=domain, backend="fpgadataflow", **attributes
        )
        self.nodes.append(node)
        return names

    def threshold(self, source: str) -> str:
        """To activations."""
        *vectors, channels = self.shapes[source]
        steps = 2 ** int(DataType[ACTIVATION].bitwidth()) - 1
        return self.add(
            "Thresholding_rtl",
            [source],
            [(self.shapes[source], ACTIVATION)],
            ((channels, steps), self.types[source]),
            NumChannels=channels,
            PE=1,
            numSteps=steps,
            inputDataType=self.types[source],
            weightDataType=self.types[source],
            outputDataType=ACTIVATION,
            numInputVectors=vectors,
        )[0]

    def matrix(self, source: str, rows: int) -> str:
        """A dense layer, for each vector of the source."""
        *vectors, columns = self.shapes[source]
        return self.add(
            f"MVAU_{self.backend}",
            [source],
            [((*vectors, rows), SUM)],
            ((columns, rows), WEIGHT),
            MW=columns,
            MH=rows,
            PE=1,
            SIMD=1,
            inputDataType=self.types[source],
            weightDataType=WEIGHT,
            outputDataType=SUM,
            accDataType=SUM,
            noActivation=1,
            numInputVectors=vectors,
        )[0]

    def windows(self, source: str, kernel: int, stride: int, depthwise: int = 0) -> str:
        """Padding and a sliding window; neither where there is nothing to do."""
        _, side, _, channels = self.shapes[source]
        kind = self.types[source]
        if kernel == stride == 1:
            return source
        if kernel > 1:
            side += kernel - 1
            (source,) = self.add(
                "FMPadding_rtl",
                [source],
                [((1, side, side, channels), kind)],
                ImgDim=[side - kernel + 1] * 2,
                Padding=[kernel // 2] * 4,
                NumChannels=channels,
                SIMD=1,
                inputDataType=kind,
            )
        out = (side - kernel) // stride + 1
        return self.add(
            "ConvolutionInputGenerator_rtl",
            [source],
            [((1, out, out, kernel * kernel * channels), kind)],
            ConvKernelDim=[kernel] * 2,
            IFMChannels=channels,
            IFMDim=[side] * 2,
            OFMDim=[out] * 2,
            SIMD=1,
            Stride=[stride] * 2,
            Dilation=[1, 1],
            inputDataType=kind,
            outputDataType=kind,
            depthwise=depthwise,
        )[0]

    def convolution(self, source: str, channels: int, kernel: int = 1, stride: int = 1) -> str:
        """Windows, dense layer, activation."""
        return self.threshold(self.matrix(self.windows(source, kernel, stride), channels))

    def depthwise(self, source: str, stride: int) -> str:
        """A 3x3 convolution of each channel by itself, and activation."""
        channels = self.shapes[source][-1]
        windows = self.windows(source, 3, stride, depthwise=1)
        side = self.shapes[windows][1]
        (sums,) = self.add(
            f"VVAU_{self.backend}",
            [windows],
            [((1, side, side, channels), SUM)],
            ((channels, 1, 3, 3), WEIGHT),
            PE=1,
            SIMD=1,
            Dim=[side] * 2,
            Channels=channels,
            Kernel=[3, 3],
            inputDataType=self.types[windows],
            weightDataType=WEIGHT,
            outputDataType=SUM,
            accDataType=SUM,
            noActivation=1,
        )
        return self.threshold(sums)

    def maximum(self, source: str) -> str:
        """Max pooling, 3x3 with stride 2."""
        channels, kind = self.shapes[source][-1], self.types[source]
        windows = self.windows(source, 3, 2, depthwise=1)
        side = self.shapes[windows][1]
        return self.add(
            "Pool_hls",
            [windows],
            [((1, side, side, channels), kind)],
            Channels=channels,
            PE=1,
            KernelSize=[3, 3],
            Function="MaxPool",
            OutImgDims=[side] * 2,
            InputDataType=kind,
            OutputDataType=kind,
            BatchSize=1,
        )[0]

    def bottleneck(self, source: str, inner: int, stride: int, project: bool) -> str:
        """A residual block of three convolutions, with one more where the shape changes."""
        shape, kind = self.shapes[source], self.types[source]
        main, side = self.add(
            "DuplicateStreams_hls",
            [source],
            [(shape, kind)] * 2,
            NumChannels=shape[-1],
            PE=1,
            NumOutputStreams=2,
            inputDataType=kind,
            numInputVectors=list(shape[:-1]),
        )
        if project:
            side = self.convolution(side, 4 * inner, stride=stride)
        main = self.convolution(main, inner)
        main = self.convolution(main, inner, 3, stride)
        main = self.convolution(main, 4 * inner)
        whole = self.shapes[main]
        (added,) = self.add(
            "ElementwiseAdd_hls",
            [main, side],
            [(whole, "UINT5")],
            PE=1,
            lhs_dtype=ACTIVATION,
            rhs_dtype=ACTIVATION,
            out_dtype="UINT5",
            lhs_shape=whole,
            rhs_shape=whole,
            out_shape=whole,
            lhs_style="input",
            rhs_style="input",
        )
        return self.threshold(added)

    def classes(self, source: str, labels: int) -> str:
        """Average over the image, a dense layer, and the largest."""
        _, side, _, channels = self.shapes[source]
        (pooled,) = self.add(
            "GlobalAccPool_hls",
            [source],
            [((1, 1, 1, channels), "UINT12")],
            NumChannels=channels,
            PE=1,
            inputDataType=self.types[source],
            numInputVectors=[1, side, side],
        )
        scores = self.matrix(pooled, labels)
        return self.add(
            "LabelSelect_hls",
            [scores],
            [((1, 1, 1, 1), "UINT8")],
            Labels=labels,
            PE=1,
            K=1,
            inputDataType=SUM,
            outputDataType="UINT8",
            numInputVectors=[1, 1, 1],
        )[0]

    def model(self, output: str) -> Any:
        """The graph as a model, layers named as FINN names them."""
        infos = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self.shapes.items()
        }
        between = [info for name, info in infos.items() if name not in ("in", output)]
        graph = helper.make_graph(
            self.nodes, "network", [infos["in"]], [infos[output]], value_info=between
        )
        model = ModelWrapper(qonnx_make_model(graph))
        for name, values in self.parameters.items():
            model.set_initializer(name, values)
        for name, kind in self.types.items():
            model.set_tensor_datatype(name, DataType[kind])
        return model.transform(GiveUniqueNodeNames())


def resnet50() -> Any:
    """54 dense layers: the 50 of the name, and four where a block's shape changes."""
    network = Network(64, "hls")
    at = network.maximum(network.convolution("in", 16, 7, 2))
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            at = network.bottleneck(at, 16 * 2**stage, stride, project=not block)
    return network.model(network.classes(at, 100))


def mobilenet(backend: str) -> Any:
    """13 pairs of a depthwise and a pointwise convolution, after a dense one."""
    network = Network(64, backend)
    at = network.convolution("in", 8, 3, 2)
    channels = (16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)
    for pair, wide in enumerate(channels):
        at = network.depthwise(at, 2 if pair in (1, 3, 5, 11) else 1)
        at = network.convolution(at, wide)
    return network.model(network.classes(at, 100))


if __name__ == "__main__":
    kind, path = sys.argv[1:]
    name, _, backend = kind.partition("-")
    save((resnet50() if name == "resnet50" else mobilenet(backend)).model, path)
