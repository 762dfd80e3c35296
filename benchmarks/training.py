"""Images per second of our trainer against Brevitas' own loop, on the same network and batch.

``python benchmarks/training.py [--network vgg9-w1a1] [--images 600]`` runs in the engine's
environment and prints one JSON line with both rates and their ratio. The data set is made, in the
real format (CIFAR's Python files, or IDX). Brevitas' loop is that of
``brevitas_examples.bnn_pynq.trainer``: its Trainer where torchvision is installed is that loop over
a DataLoader of one PIL image after the other; here the same loop runs over a DataLoader whose
items are made with PIL, as torchvision makes them. The two take turns, so that what else the
machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Start the comparison in the engine's Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="vgg9-w1a1", help="preset")
    parser.add_argument("--images", type=int, default=600, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for torch's own")
    parser.add_argument("--workers", type=int, default=0, help="of Brevitas' DataLoader")
    parser.add_argument("--compare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compare:
        print(json.dumps(compare(options, json.loads(options.compare))))
        return
    from finn_tui.engine.catalogue import find
    from finn_tui.lab.models.presets import presets
    from finn_tui.lab.models.trainable import of_preset

    engine = find()
    if engine is None:
        sys.exit("no engine is installed: finn-tui engine install")
    definition = of_preset(presets()[options.network]).definition
    command = [*engine.command, "-W", "ignore", __file__, *sys.argv[1:]]
    command += ["--compare", json.dumps(definition)]
    sys.exit(subprocess.run(command, check=False).returncode)


def compare(options: Any, definition: dict[str, Any]) -> dict[str, Any]:
    """Measure both trainers in turns."""
    sys.path.insert(0, str(ROOT))
    import torch

    from finn_tui.engine.server.finn import finn_env
    from finn_tui.engine.server.training import datasets
    from finn_tui.engine.server.training.job import usual_threads
    from tests.engine import dataset_files

    finn_env.torch_ready()
    folder = Path(tempfile.mkdtemp(prefix="finn-tui-bench-"))
    count = max(options.images, 2 * options.batch)
    channels = definition["input"][0]
    if channels == 1:
        dataset_files.write_idx(folder, train=count, test=10)
    elif definition["classes"] == 100:
        dataset_files.write_cifar100(folder, train=count, test=10)
    else:
        dataset_files.write_cifar10(folder, count=count, batches=1)
    data = datasets.load(str(folder))
    ours, theirs = _Ours(data, definition, options), _Brevitas(data, definition, options)
    threads = options.threads or usual_threads(ours.training.net)
    torch.set_num_threads(threads)
    for one in (ours, theirs):
        one.round(2)  # memory is allocated, kernels are chosen
    batches = count // options.batch
    seconds: dict[str, list[float]] = {"ours": [], "brevitas": []}
    for _ in range(options.rounds):
        for name, one in (("ours", ours), ("brevitas", theirs)):
            start = time.perf_counter()
            one.round(batches)
            seconds[name].append(time.perf_counter() - start)
    rates = {name: batches * options.batch / min(times) for name, times in seconds.items()}
    return {
        "network": options.network,
        "batch": options.batch,
        "images": batches * options.batch,
        "threads": threads,
        "workers": options.workers,
        "ours_images_per_s": round(rates["ours"], 1),
        "brevitas_images_per_s": round(rates["brevitas"], 1),
        "ratio": round(rates["ours"] / rates["brevitas"], 3),
        "seconds": {name: [round(one, 3) for one in times] for name, times in seconds.items()},
    }


class _Ours:
    """Our trainer's own step, over its own batches."""

    def __init__(self, data: Any, definition: dict[str, Any], options: Any) -> None:
        from finn_tui.engine.server.training import initial, trainer

        augmentation = "crop-flip" if data.family != "idx" else "none"
        recipe = trainer.Recipe(
            batch=options.batch, loss="hinge", schedule="fixed", augmentation=augmentation
        )
        net = initial.network(definition, 1)
        self.training = trainer.Trainer(
            net, data, recipe, tempfile.gettempdir(), lambda name, **values: None, definition
        )

    def round(self, batches: int) -> None:
        """Do so many steps."""
        import torch

        training = self.training
        order = torch.randperm(len(training.labels))
        training.net.train()
        for batch in range(batches):
            images, labels = training.make_batch(1, batch, order)
            training.step(images, labels, training.recipe.lr)


class _Brevitas:
    """The loop of Brevitas' Trainer.train_model with its loss, meters and DataLoader."""

    def __init__(self, data: Any, definition: dict[str, Any], options: Any) -> None:
        import torch
        from brevitas_examples.bnn_pynq.models.losses import SqrHingeLoss

        from finn_tui.engine.server.training import initial

        self.model = initial.network(definition, 1)
        self.criterion = SqrHingeLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.02, weight_decay=0)
        self.classes = definition["classes"]
        self.loader = torch.utils.data.DataLoader(
            _PilImages(data), batch_size=options.batch, shuffle=True, num_workers=options.workers
        )

    def round(self, batches: int) -> None:
        """Do so many steps."""
        import torch

        self.model.train()
        self.criterion.train()
        done = 0
        while done < batches:
            for index, (images, target) in enumerate(self.loader):
                onehot = torch.Tensor(target.size(0), self.classes)
                onehot.fill_(-1)
                onehot.scatter_(1, target.unsqueeze(1), 1)
                output = self.model(images)
                loss = self.criterion(output, onehot)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.model.clip_weights(-1, 1)
                if index % 10 == 0:
                    _, predicted = output.detach().topk(5, 1, True, True)
                    predicted.t().eq(target.view(1, -1)).float().sum(0)
                    loss.item()
                done += 1
                if done >= batches:
                    return


class _PilImages:
    """A data set of one PIL image after the other with bnn_pynq's transforms."""

    def __init__(self, data: Any) -> None:
        self.images = data.train_images.transpose(0, 2, 3, 1)
        self.labels = data.train_labels
        self.augmented = data.family != "idx"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        import numpy
        import torch
        from PIL import Image, ImageOps

        array = self.images[index]
        image = Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0])
        if self.augmented:
            image = ImageOps.expand(image, border=4, fill=0)
            top, left = (int(torch.randint(0, 9, (1,))) for _ in range(2))
            image = image.crop((left, top, left + 32, top + 32))
            if torch.rand(1) < 0.5:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(numpy.array(image, numpy.uint8, copy=True))
        if tensor.ndim == 2:
            tensor = tensor[:, :, None]
        return tensor.permute(2, 0, 1).contiguous().float().div(255), int(self.labels[index])


if __name__ == "__main__":
    main()
