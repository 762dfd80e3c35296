"""Run with the engine's Python: networks from definitions beside Brevitas' own, as JSON."""

import json
from typing import Any

import torch
from brevitas_examples.bnn_pynq.models import model_with_cfg

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.preparing import execution, padding
from finn_tui.engine.server.training import networks, weights

TFC = {
    "family": "mlp",
    "input": [1, 28, 28],
    "input_bits": 2,
    "weight_bits": 1,
    "activation_bits": 2,
    "fully_connected": [64, 64, 64],
    "classes": 10,
}
CNV = {
    "family": "conv",
    "input": [3, 32, 32],
    "input_bits": 8,
    "weight_bits": 1,
    "activation_bits": 1,
    "channels": [64, 64, 128, 128, 256, 256],
    "pool": [False, True, False, True, False, False],
    "padding": [0] * 6,
    "fully_connected": [512, 512],
    "classes": 10,
}
SMALL = {**CNV, "channels": [8, 8], "pool": [False, True], "padding": [1, 1], "input": [3, 8, 8]}


def difference_to_brevitas(name: str, definition: dict[str, Any]) -> float:
    """The largest difference of the outputs, with Brevitas' parameters in both."""
    theirs, _ = model_with_cfg(name, pretrained=False)
    images = torch.rand([4, *definition["input"]])
    theirs.train()(images)  # statistics of batch normalization that are not those of the start
    ours = networks.build(definition)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    with torch.no_grad():
        return float((theirs.eval()(images) - ours.eval()(images)).abs().max())


def edge_of_second_convolution(value: int) -> list[float]:
    """What the corner of the second convolution adds up, where all is +1 but the padding."""
    net = networks.build({**SMALL, "padding_value": value}).eval()
    layer = dict(net.named_modules())["conv_features.4"]
    layer.weight.data.fill_(1.0)
    with torch.no_grad():
        padded = layer(torch.ones([1, 8, 8, 8]))
        with networks.ordinary_padding(net):
            ordinary = layer(torch.ones([1, 8, 8, 8]))
    return [float(padded[0, 0, 0, 0]), float(ordinary[0, 0, 0, 0])]


def exported(value: int) -> list[float]:
    """How far the export is from Brevitas, padded as the hardware does and as it is written."""
    net = networks.build({**SMALL, "padding_value": value}).eval()
    images = torch.rand([1, *SMALL["input"]])  # type: ignore[misc]
    model = weights.export(net, [1, 3, 8, 8])
    with torch.no_grad():
        wanted = net(images).numpy()
    graphs = (padding.as_hardware(model), model)
    return [
        float(abs(execution.runner(each)([images.numpy()])[0] - wanted).max()) for each in graphs
    ]


def refused(definition: Any) -> str:
    """What is said of a definition that cannot be built."""
    try:
        networks.build(definition)
    except EngineError as error:
        return f"{error.what}. {error.why}"
    return "built"


if __name__ == "__main__":
    clipped = networks.build(TFC)
    clipped.features[2].weight.data.fill_(7.0)
    clipped.clip_weights(-1, 1)
    print(
        json.dumps(
            {
                "tfc": difference_to_brevitas("tfc_1w2a", TFC),
                "cnv": difference_to_brevitas("cnv_1w1a", CNV),
                "minus": edge_of_second_convolution(-1),
                "zero": edge_of_second_convolution(0),
                "export": exported(-1),
                "zero_export": exported(0),
                "default": networks.build(SMALL).definition["padding_value"],
                "ternary": networks.build({**SMALL, "activation_bits": 2}).definition[
                    "padding_value"
                ],
                "clipped": float(clipped.features[2].weight.max()),
                "layers": networks.describe(networks.build(SMALL)),
                "shapes": refused({**SMALL, "padding": [0, 0], "input": [3, 4, 4]}),
                "classes": refused({**SMALL, "classes": True}),
                "key": refused({**SMALL, "clases": 3}),
                "lists": refused({**SMALL, "pool": [True]}),
                "text": refused("conv"),
            }
        )
    )
