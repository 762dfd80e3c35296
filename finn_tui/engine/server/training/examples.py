"""Small networks of the kinds that FINN's default flow does not convert, in Brevitas.

Their presets show which flow such a network takes; the weights are random.
"""

import importlib
from typing import Any, Callable, Dict

from finn_tui.engine.protocol import EngineError


def build(name: str) -> Any:
    """The example network ``name``. Raises ``EngineError`` if there is none."""
    if name not in _NETWORKS:
        raise EngineError(
            "There is no example network %r" % name, "", "Use %s" % ", ".join(_NETWORKS)
        )
    return _NETWORKS[name](_Parts())


class _Parts:
    """Brevitas' layers, of 4 bits but for the input."""

    def __init__(self) -> None:
        self.nn = importlib.import_module("torch.nn")
        self.qnn = importlib.import_module("brevitas.nn")
        self._quant = importlib.import_module("brevitas.quant")

    def pixels(self) -> Any:
        """The quantizer of an input of pixels / 255."""
        return self.qnn.QuantIdentity(
            act_quant=self._quant.Uint8ActPerTensorFloat,
            scaling_impl_type="const",
            min_val=0.0,
            max_val=1.0,
        )

    def convolution(self, inputs: int, outputs: int, kernel: int = 3, **more: Any) -> Any:
        """A convolution that keeps the size, normalization and activation."""
        return self.nn.Sequential(
            self.qnn.QuantConv2d(
                inputs,
                outputs,
                kernel,
                padding=kernel // 2,
                bias=False,
                weight_bit_width=4,
                **more,
            ),
            self.nn.BatchNorm2d(outputs),
            self.activation(),
        )

    def activation(self) -> Any:
        """ReLU of 4 bits."""
        return self.qnn.QuantReLU(bit_width=4)

    def dense(self, inputs: int, classes: int) -> Any:
        """The last layer."""
        return self.qnn.QuantLinear(inputs, classes, bias=False, weight_bit_width=4)


def _residual(parts: _Parts) -> Any:
    """Two residual blocks, the branches brought to one scale by one common quantizer."""
    nn, qnn = parts.nn, parts.qnn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.first = parts.convolution(channels, channels)
            self.second = qnn.QuantConv2d(
                channels, channels, 3, padding=1, bias=False, weight_bit_width=4
            )
            self.norm = nn.BatchNorm2d(channels)
            self.common = qnn.QuantIdentity(bit_width=4)
            self.activation = parts.activation()

        def forward(self, value: Any) -> Any:
            branch = self.common(self.norm(self.second(self.first(value))))
            return self.activation(self.common(value) + branch)

    return nn.Sequential(
        parts.pixels(),
        parts.convolution(3, 8),
        Block(8),
        parts.convolution(8, 16, stride=2),
        Block(16),
        nn.AvgPool2d(4),
        nn.Flatten(),
        parts.dense(16, 10),
    )


def _depthwise(parts: _Parts) -> Any:
    """Pairs of a depthwise and a pointwise convolution, as in MobileNet."""
    return parts.nn.Sequential(
        parts.pixels(),
        parts.convolution(3, 8, stride=2),
        parts.convolution(8, 8, groups=8),
        parts.convolution(8, 16, 1),
        parts.convolution(16, 16, groups=16, stride=2),
        parts.convolution(16, 32, 1),
        parts.nn.AvgPool2d(2),
        parts.nn.Flatten(),
        parts.dense(32, 10),
    )


def _deconvolution(parts: _Parts) -> Any:
    """An autoencoder: a strided convolution, and a transposed one that doubles the size."""
    return parts.nn.Sequential(
        parts.pixels(),
        parts.convolution(1, 8, stride=2),
        parts.qnn.QuantConvTranspose2d(
            8, 8, 4, stride=2, padding=1, bias=False, weight_bit_width=4
        ),
        parts.activation(),
        parts.qnn.QuantConv2d(8, 1, 1, bias=False, weight_bit_width=4),
    )


_NETWORKS: Dict[str, Callable[[_Parts], Any]] = {
    "residual": _residual,
    "depthwise": _depthwise,
    "deconvolution": _deconvolution,
}
