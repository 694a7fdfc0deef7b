"""Images in memory as bytes, in the order in which convolutions run fastest: rows, columns, channels."""

from jaxtyping import Float, Int, UInt8
from torch import Tensor, device, dtype, uint8
from torch.nn.functional import interpolate

SMALLEST = 32
"""Images with fewer rows or columns are enlarged to this many, bilinearly: the encoder halves them three times."""

Inputs = Float[Tensor, "n channels height width"]
"""Pixels from -1 to 1, their channels last in memory."""


class Images:
    """Images on a device, of which batches are taken without a copy on the host.

    Attributes:
        pixels: `(n, height, width, channels)`, of bytes.
        dtype: of the numbers that they become.
    """

    def __init__(self, images: UInt8[Tensor, "n channels height width"], device: device, dtype: dtype) -> None:
        self.pixels = enlarge(images).permute(0, 2, 3, 1).contiguous().to(device)
        self.dtype = dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, indices: Int[Tensor, " n"] | slice) -> Inputs:
        """Some of them, as the encoder's input."""
        return scale(self.pixels[indices].to(self.dtype)).permute(0, 3, 1, 2)


def enlarge(images: UInt8[Tensor, "n channels height width"]) -> UInt8[Tensor, "n channels rows columns"]:
    """Images of at least `SMALLEST` rows and columns; those that have as many are left as they are."""
    height, width = images.shape[-2:]
    if min(height, width) >= SMALLEST:
        return images
    size = (max(height, SMALLEST), max(width, SMALLEST))
    larger = interpolate(images.float(), size=size, mode="bilinear", align_corners=False)
    return larger.round().to(uint8)


def scale(pixels: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """From 0..255 to -1..1."""
    return pixels / 127.5 - 1


def flatten(inputs: Inputs) -> Float[Tensor, "n numbers"]:
    """The numbers of each image, or of each convolutional map, in the order of memory: a view."""
    return inputs.permute(0, 2, 3, 1).flatten(1)


def unflatten(numbers: Float[Tensor, "n numbers"], shape: tuple[int, int, int]) -> Inputs:
    """Images of a shape (channels, rows, columns) from what `flatten` made of them: a view."""
    channels, rows, columns = shape
    return numbers.unflatten(-1, (rows, columns, channels)).permute(0, 3, 1, 2)
