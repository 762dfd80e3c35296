"""Brevitas networks and where their weights come from.

"auto" takes a checkpoint if one is given, else the published weights if they can be fetched at
once, else trains on the spot where the preset says on what, else keeps random weights and says so.
"""

import contextlib
import copy
import hashlib
import importlib
import os
import re
import shutil
import tempfile
import threading
import urllib.request
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.finn import finn_api, finn_env
from finn_tui.engine.server.training import definition as definitions
from finn_tui.engine.server.training import digits, examples, weight_files

Progress = Callable[[str, Optional[float]], None]

# How long to wait for a first answer from the place of the published weights, and for all of them.
_REACH_SECONDS = 4.0
_FETCH_SECONDS = 60.0

# The recipe for 28x28 digits; see ``train``.
EPOCHS = 40
BATCH = 100
LEARNING_RATE = 0.06


def network(name: str) -> Tuple[Any, Any]:
    """The network ``name`` of ``brevitas_examples.bnn_pynq`` with random weights, and its cfg."""
    finn_env.torch_ready()
    models = importlib.import_module("brevitas_examples.bnn_pynq.models")
    try:
        net, cfg = models.model_with_cfg(name, pretrained=False)
    except AssertionError as error:
        raise EngineError(
            "Brevitas has no example network %r" % name, str(error), "Use a preset's own name"
        ) from error
    return net, cfg


def _of_definition(definition: Dict[str, Any]) -> Any:
    finn_env.torch_ready()
    networks = importlib.import_module("finn_tui.engine.server.training.networks")
    return networks.build(definition)


def obtain(source: Dict[str, Any], progress: Progress) -> Tuple[Any, Dict[str, Any]]:
    """The network of a "brevitas" source with weights, in evaluation mode.

    Returns it with ``{"kind", "note"}``. Raises ``EngineError`` if what was asked for explicitly
    (a checkpoint, published weights, training) cannot be had; "auto" goes on to the next.
    """
    wanted = source.get("weights") or {}
    kind = wanted.get("kind") or "auto"
    path = wanted.get("path")
    seed = int(wanted.get("seed") or 0)
    if kind not in ("auto", "checkpoint", "pretrained", "trained", "random"):
        raise EngineError(
            "There are no weights of kind %r" % kind,
            "",
            "Use auto, checkpoint, pretrained, trained or random",
        )
    if kind == "checkpoint" and not path:
        raise EngineError("No checkpoint was given", "", "Give the path of a .pth file")
    torch = finn_env.torch_ready()
    torch.manual_seed(seed)
    net, cfg = _of_source(source)
    dataset = (source.get("train") or {}).get("dataset")
    if path and kind in ("auto", "checkpoint"):
        net, note = _from_checkpoint(net, str(path))
        weights_note: Dict[str, Any] = {"kind": "checkpoint", "note": note}
    elif kind in ("auto", "pretrained") and _load_published(
        net, cfg, kind == "pretrained", progress
    ):
        weights_note = {
            "kind": "pretrained",
            "note": "published with Brevitas for %s" % _dataset(cfg),
        }
    elif kind == "trained" or (kind == "auto" and dataset):
        train(net, dataset or "", seed, progress)
        weights_note = {"kind": "trained", "note": "trained here on %s, seed %d" % (dataset, seed)}
    else:
        weights_note = {
            "kind": "random",
            "note": "random weights, seed %d: classes mean nothing" % seed,
        }
        _settle(net, source["input"], seed)
    net.eval()
    return net, weights_note


def _dataset(cfg: Any) -> str:
    return str(cfg.get("MODEL", "DATASET", fallback="its dataset"))


def _of_source(source: Dict[str, Any]) -> Tuple[Any, Any]:
    """A source's network with random weights, and Brevitas' cfg of it (None for a definition)."""
    if source.get("example") is not None:
        return examples.build(str(source["example"])), None
    if source.get("definition") is not None:
        return _of_definition(source["definition"]), None
    return network(str(source.get("network")))


def _from_checkpoint(net: Any, path: str) -> Tuple[Any, str]:
    """A network with the weights of a file, padded as it was trained; and a note on it."""
    found = weight_files.read(path)
    note = os.path.basename(path)
    wanted = getattr(net, "definition", None)
    if wanted is not None and wanted["padding_value"]:
        if found.definition is None:
            # Other trainers pad with zeros, whatever the network's definition here says.
            trained, told = 0, "it does not say how it was trained; Brevitas' trainer pads with 0"
        else:
            trained = definitions.complete(found.definition)["padding_value"]
            told = "it was trained with padding %d" % trained
        if trained != wanted["padding_value"] and any(wanted["padding"]):
            net = _of_definition(dict(wanted, padding_value=trained))
            note += " (%s)" % told
    weight_files.put(net, found, path)
    return net, note


def _load_published(net: Any, cfg: Any, wanted: bool, progress: Progress) -> bool:
    """Load Brevitas' published weights; False if they are out of reach and not ``wanted``."""
    torch = finn_env.torch_ready()
    url = cfg.get("MODEL", "PRETRAINED_URL", fallback="") if cfg is not None else ""
    name = url.rsplit("/", 1)[-1]
    cached = os.path.join(torch.hub.get_dir(), "checkpoints", name)
    if not url:
        problem: Optional[str] = "Brevitas publishes none for it"
    elif os.path.isfile(cached):
        problem = None
    else:
        progress("looking for the published weights", None)
        problem = _fetch(url, cached)
    if problem is None:
        weight_files.put(net, weight_files.read(cached), cached)
        return True
    if wanted:
        raise EngineError(
            "The published weights cannot be had",
            problem,
            "Download %s elsewhere and give it as a checkpoint" % (url or "them"),
            kind="engine",
        )
    return False


def _fetch(url: str, target: str) -> Optional[str]:
    """Download ``url`` to ``target``; returns what went wrong, or None.

    In a thread, because resolving a name takes no timeout: where there is no network the answer
    must come after seconds, whatever the resolver does.
    """
    outcome: List[Optional[str]] = []
    first = threading.Event()

    def work() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_REACH_SECONDS) as answer:
                first.set()
                data = answer.read()
            # torch's rule for such files: the name ends in the first digits of the SHA-256.
            digest = re.search(r"-([0-9a-f]{8,})\.", url)
            if digest and not hashlib.sha256(data).hexdigest().startswith(digest.group(1)):
                raise ValueError("what arrived is not the file that its name promises")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target + ".part", "wb") as stream:
                stream.write(data)
            os.replace(target + ".part", target)
            outcome.append(None)
        except (OSError, ValueError) as error:
            outcome.append("%s: %s" % (url, error))
        finally:
            first.set()

    thread = threading.Thread(target=work, name="fetch-weights", daemon=True)
    thread.start()
    if not first.wait(_REACH_SECONDS):
        return "%s: no answer within %d s" % (url, _REACH_SECONDS)
    thread.join(_FETCH_SECONDS)
    return outcome[0] if outcome else "%s: not finished within %d s" % (url, _FETCH_SECONDS)


def _settle(net: Any, shape: List[int], seed: int) -> None:
    """Give batch normalisation the statistics of some input, so that random weights react to it.

    Untouched, its mean of 0 and variance of 1 let every image end in the same class.
    """
    torch = finn_env.torch_ready()
    images = digits.photographs(tuple(shape[1:]), 64)
    net.train()
    with torch.no_grad():
        for _ in range(2):
            net(as_input(images))


def as_input(images: Any) -> Any:
    """uint8 images as the tensor that training, evaluation and hardware see: value / 255."""
    torch = finn_env.torch_ready()
    numpy = importlib.import_module("numpy")
    return torch.from_numpy(images.astype(numpy.float32) / numpy.float32(255.0))


def train(net: Any, dataset: str, seed: int, progress: Progress) -> None:
    """Train ``net`` on 28x28 digits: cross-entropy, Adam with a cosine schedule, clipped weights.

    Deterministic with the seed. Some seven seconds on one core.
    """
    if dataset != "digits28":
        raise EngineError(
            "There is nothing to train this network on",
            "The engine brings digits28 only, not %r" % dataset,
            "Give a checkpoint, or use random weights",
        )
    torch = finn_env.torch_ready()
    numpy = importlib.import_module("numpy")
    images, labels = digits.digits28()[:2]
    torch.manual_seed(seed)
    random = numpy.random.RandomState(seed)
    batches = (len(images) + BATCH - 1) // BATCH
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * batches)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the network is tiny, and sums in one order are the same every time
    try:
        net.train()
        for epoch in range(EPOCHS):
            order = random.permutation(len(images))
            total = 0.0
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                batch = _shifted(numpy, images[chosen], random)
                loss = torch.nn.functional.cross_entropy(
                    net(as_input(batch)), torch.from_numpy(labels[chosen].astype(numpy.int64))
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                net.clip_weights(-1, 1)
                total += float(loss) / batches
            progress(
                "training on %s: epoch %d of %d, loss %.3f" % (dataset, epoch + 1, EPOCHS, total),
                (epoch + 1.0) / EPOCHS,
            )
    finally:
        torch.set_num_threads(threads)
        net.eval()


def _shifted(numpy: Any, images: Any, random: Any) -> Any:
    """Each image moved by up to one pixel in both directions."""
    moves = random.randint(-1, 2, size=(len(images), 2))
    return numpy.stack([numpy.roll(i, tuple(m), (1, 2)) for i, m in zip(images, moves)])


def scores(net: Any, images: Any) -> Any:
    """What the Brevitas network says of each uint8 image: (N, classes).

    Among equal scores the first class counts (``argmax``), as in FINN's LabelSelect: with one-bit
    weights the scores are small whole numbers and ties are common.
    """
    torch = finn_env.torch_ready()
    with torch.no_grad():
        parts = [net(as_input(images[i : i + 100])).numpy() for i in range(0, len(images), 100)]
    return importlib.import_module("numpy").concatenate(parts)


def pads_as_hardware(net: Any) -> bool:
    """Whether a network's padded pixels of bipolar activations are -1."""
    definition = getattr(net, "definition", None) or {}
    return definition.get("padding_value") == -1


@contextlib.contextmanager
def _zero_padding(net: Any) -> Iterator[None]:
    """Let a network pad with zeros for its export: FINN reads these, and makes -1 of them."""
    if not pads_as_hardware(net):
        yield
        return
    networks = importlib.import_module("finn_tui.engine.server.training.networks")
    with networks.ordinary_padding(net):
        yield


def export(net: Any, shape: List[int]) -> Any:
    """A network as a QONNX model in memory (torch may write its weights to a second file)."""
    torch = finn_env.torch_ready()
    exporters = finn_api.exporters()
    folder = tempfile.mkdtemp(prefix="export-", dir=finn_env.scratch())
    path = os.path.join(folder, "export.onnx")
    try:
        for exporter in exporters:
            last = exporter is exporters[-1]
            # Brevitas leaves a network in export mode after a failure: each try gets its own.
            attempt = net if last else copy.deepcopy(net)
            try:
                with _zero_padding(attempt):
                    exporter(attempt, torch.zeros(shape), path)
                break
            except Exception:
                # What an exporter raises for an option that it does not know depends on the
                # release; the last one must work.
                if last:
                    raise
        infer = importlib.import_module("qonnx.transformation.infer_shapes")
        return graphs.load(path).transform(infer.InferShapes())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
