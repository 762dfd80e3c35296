"""Brevitas networks made from a definition (see ``definition``), with hardware-true padding.

Layers, quantizers and names of the parameters are those of Brevitas' bnn_pynq examples, so that
checkpoints of these load here. One thing differs: FINN stores bipolar activations (-1, +1) as bits
0 and 1, and its hardware pads with bit 0, which means -1. A padded pixel is -1 here too, in
training and evaluation; the export has ordinary padding.

Only imported where torch and Brevitas are installed.
"""

import contextlib
from typing import Any, ContextManager, Dict, Iterator, List, Tuple

import torch
from brevitas.core.restrict_val import RestrictValueType
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant
from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.training import definition as definitions

_CONV_EPS = 1e-4  # of batch normalization in bnn_pynq's CNV


class PaddedConv2d(QuantConv2d):  # type: ignore[misc]
    """A quantized convolution whose padded pixels are worth ``padding_value``; ``bipolar`` says
    whether it pads activations of 1 bit."""

    padding_value = 0.0
    bipolar = False

    def inner_forward_impl(self, x: Any, quant_weight: Any, quant_bias: Any) -> Any:
        """Convolve, as Brevitas' own layer does but for the value of padded pixels."""
        if not self.padding_value or not any(self.padding):
            return super().inner_forward_impl(x, quant_weight, quant_bias)
        high, wide = self.padding
        padded = torch.nn.functional.pad(x, (wide, wide, high, high), value=self.padding_value)
        return torch.nn.functional.conv2d(
            padded, quant_weight, quant_bias, self.stride, 0, self.dilation, self.groups
        )


class _Network(torch.nn.Module):  # type: ignore[misc]
    """What the families have in common.

    Attributes:
        definition: the complete definition that it was built from.
    """

    def __init__(self, definition: Dict[str, Any]) -> None:
        super().__init__()
        self.definition = definition

    def _initialize(self) -> None:
        for module in self._matrix_layers():
            torch.nn.init.uniform_(module.weight.data, -1, 1)

    def _matrix_layers(self) -> Iterator[Any]:
        return (m for m in self.modules() if isinstance(m, (QuantConv2d, QuantLinear)))

    def clip_weights(self, min_val: float, max_val: float) -> None:
        """Keep weights where their quantizer has a gradient; to call after each optimizer step."""
        for module in self._matrix_layers():
            module.weight.data.clamp_(min_val, max_val)


class Mlp(_Network):
    """Dense layers, as bnn_pynq's TFC, SFC and LFC."""

    def __init__(self, definition: Dict[str, Any]) -> None:
        super().__init__(definition)
        dropout, features = definition["dropout"], _product(definition["input"])
        self.features = torch.nn.ModuleList(
            [
                QuantIdentity(act_quant=CommonActQuant, bit_width=definition["input_bits"]),
                torch.nn.Dropout(p=dropout),
            ]
        )
        for wide in definition["fully_connected"]:
            self.features.append(_linear(features, wide, definition))
            self.features.append(torch.nn.BatchNorm1d(num_features=wide))
            self.features.append(_activation(definition))
            self.features.append(torch.nn.Dropout(p=dropout))
            features = wide
        self.features.append(_linear(features, definition["classes"], definition))
        self.features.append(TensorNorm())
        self._initialize()

    def forward(self, x: Any) -> Any:
        """Scores of the classes. ``x``: pixels / 255, [batch, channels, height, width]."""
        x = 2.0 * x.reshape(x.shape[0], -1) - torch.tensor([1.0], device=x.device)
        for module in self.features:
            x = module(x)
        return x


class Conv(_Network):
    """Convolutions, max pooling and dense layers, as bnn_pynq's CNV and the lab's VGG9."""

    def __init__(self, definition: Dict[str, Any]) -> None:
        super().__init__(definition)
        self.conv_features = torch.nn.ModuleList(
            [
                QuantIdentity(  # Q1.7 for 8 bits
                    act_quant=CommonActQuant,
                    bit_width=definition["input_bits"],
                    min_val=-1.0,
                    max_val=1.0 - 2.0 ** (1 - definition["input_bits"]),
                    narrow_range=False,
                    restrict_scaling_type=RestrictValueType.POWER_OF_TWO,
                )
            ]
        )
        channels = definition["input"][0]
        for at, wide in enumerate(definition["channels"]):
            convolution = PaddedConv2d(
                kernel_size=definition["kernel"],
                in_channels=channels,
                out_channels=wide,
                padding=definition["padding"][at],
                bias=False,
                weight_quant=CommonWeightQuant,
                weight_bit_width=definition["weight_bits"],
            )
            # The input's type has a 0, unless it has one bit only.
            if at or definition["input_bits"] == 1:
                convolution.padding_value = float(definition["padding_value"])
                bits = definition["activation_bits"] if at else definition["input_bits"]
                convolution.bipolar = bits == 1
            self.conv_features.append(convolution)
            self.conv_features.append(torch.nn.BatchNorm2d(wide, eps=_CONV_EPS))
            self.conv_features.append(_activation(definition))
            if definition["pool"][at]:
                self.conv_features.append(torch.nn.MaxPool2d(kernel_size=2))
            channels = wide
        features = _product(self._flattened())
        self.linear_features = torch.nn.ModuleList()
        for wide in definition["fully_connected"]:
            self.linear_features.append(_linear(features, wide, definition))
            self.linear_features.append(torch.nn.BatchNorm1d(wide, eps=_CONV_EPS))
            self.linear_features.append(_activation(definition))
            features = wide
        self.linear_features.append(_linear(features, definition["classes"], definition))
        self.linear_features.append(TensorNorm())
        self._initialize()

    def _flattened(self) -> List[int]:
        """Shape of one sample behind the convolutions."""
        x = torch.zeros([1, *self.definition["input"]])
        shapes = [list(x.shape[1:])]
        try:
            with torch.no_grad():
                for module in self.conv_features:
                    x = module.eval()(x)
                    shapes.append(list(x.shape[1:]))
        except RuntimeError as error:
            raise EngineError(
                "The network's shapes do not work out",
                "%s. The shapes up to there: %s"
                % (str(error).splitlines()[0], " -> ".join("x".join(map(str, s)) for s in shapes)),
                "Give a convolution padding 1, or leave out a pooling",
            ) from error
        finally:
            self.conv_features.train()
        return shapes[-1]

    def forward(self, x: Any) -> Any:
        """Scores of the classes. ``x``: pixels / 255, [batch, channels, height, width]."""
        x = 2.0 * x - torch.tensor([1.0], device=x.device)
        for module in self.conv_features:
            x = module(x)
        x = x.view(x.shape[0], -1)
        for module in self.linear_features:
            x = module(x)
        return x


def build(definition: Dict[str, Any]) -> Any:
    """A network with random weights, in training mode; see ``definition.complete`` for the keys.

    It takes pixels / 255 and gives scores of the classes (logits). ``clip_weights(-1, 1)`` belongs
    after each optimizer step.

    Raises:
        EngineError: the definition is not valid, or its shapes do not work out.
    """
    finn_env.torch_ready()
    full = definitions.complete(definition)
    return (Conv if full["family"] == "conv" else Mlp)(full)


def _pads(convolution: Any) -> Tuple[int, ...]:
    padding = convolution.padding
    return (1,) if isinstance(padding, str) and padding == "same" else tuple(padding or ())


def ordinary_padding(net: Any) -> ContextManager[None]:
    """Let a network pad with zeros as long as this is open: what FINN reads and turns into -1."""
    return _padding(net, 0.0)


def hardware_padding(net: Any) -> ContextManager[None]:
    """Let a network pad bipolar activations with -1 as long as this is open, as the hardware."""
    return _padding(net, -1.0)


@contextlib.contextmanager
def _padding(net: Any, value: float) -> Iterator[None]:
    """Give padded pixels of bipolar activations a value for as long as this is open."""
    convolutions = [m for m in net.modules() if isinstance(m, PaddedConv2d) and m.bipolar]
    values = [module.padding_value for module in convolutions]
    try:
        for module in convolutions:
            module.padding_value = value
        yield
    finally:
        for module, before in zip(convolutions, values):
            module.padding_value = before


def describe(net: Any) -> List[Dict[str, Any]]:
    """The layers of a network: ``name``, ``op``, shapes of ``input`` and ``output``, ``weights``.

    ``weights`` counts those of matrix layers (0 for others); ``padding`` and ``padding_value`` are
    those of convolutions (None for others).
    """
    rows: List[Dict[str, Any]] = []

    def note(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            matrix = isinstance(module, (QuantConv2d, QuantLinear))
            conv = isinstance(module, QuantConv2d)
            rows.append(
                {
                    "name": name,
                    "op": type(module).__name__.replace("PaddedConv2d", "QuantConv2d"),
                    "input": list(inputs[0].shape[1:]),
                    "output": list(output.shape[1:]),
                    "weights": int(module.weight.numel()) if matrix else 0,
                    "padding": list(_pads(module)) if conv else None,
                    "padding_value": getattr(module, "padding_value", 0.0) if conv else None,
                }
            )

        return hook

    kinds = (QuantConv2d, QuantLinear, torch.nn.MaxPool2d)
    hooks = [
        m.register_forward_hook(note(n)) for n, m in net.named_modules() if isinstance(m, kinds)
    ]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros([1, *net.definition["input"]]))
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return rows


def _product(shape: List[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _activation(definition: Dict[str, Any]) -> Any:
    return QuantIdentity(act_quant=CommonActQuant, bit_width=definition["activation_bits"])


def _linear(features: int, wide: int, definition: Dict[str, Any]) -> Any:
    return QuantLinear(
        in_features=features,
        out_features=wide,
        bias=False,
        weight_quant=CommonWeightQuant,
        weight_bit_width=definition["weight_bits"],
    )
