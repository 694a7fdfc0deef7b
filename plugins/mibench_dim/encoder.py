"""The encoder of Deep InfoMax (Hjelm et al., ICLR 2019, appendix; its authors' `basic32x32`), and files of it.

    image -> [conv 4x4, stride 2, batch norm, ReLU] x 3 -> linear, batch norm, ReLU -> linear -> Y

with 64, 128 and 256 channels, 1024 hidden units and 64 numbers of Y. Other images pass through the same layers: one of
96x96 leaves a last map of 256x12x12 in place of 256x4x4.
"""

import importlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from os import PathLike
from typing import IO, Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mibench.errors import DataError
from mibench_dim.images import Images, Inputs, enlarge, flatten
from mibench_dim.networks import initialise

importlib.import_module("torch.fx.experimental.symbolic_shapes")  # else the first trial pays for what torch loads late
_CHUNK = 500
_HEADER = "mibench-dim-encoder"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides an encoder's layers.

    Attributes:
        image: channels, rows and columns of its input.
        channels: of each convolution, at least two.
        hidden: units of the fully connected layer.
        dimension: of Y.
    """

    image: tuple[int, int, int]
    channels: tuple[int, ...] = (64, 128, 256)
    hidden: int = 1024
    dimension: int = 64

    @property
    def conv(self) -> int:
        """How many numbers the last convolutional map has."""
        halvings = 2 ** len(self.channels)
        return self.channels[-1] * (self.image[1] // halvings) * (self.image[2] // halvings)

    @property
    def locations(self) -> int:
        """How many locations the map has on which local mode works, the last but one."""
        halvings = 2 ** (len(self.channels) - 1)
        return (self.image[1] // halvings) * (self.image[2] // halvings)


@dataclass(frozen=True)
class Features:
    """What an encoder makes of images, layer by layer."""

    local: Float[Tensor, "n locations channels"]
    conv: Float[Tensor, "n conv"]
    fc: Float[Tensor, "n hidden"]
    y: Float[Tensor, "n dimension"]


class Encoder(nn.Module):
    """A convolutional encoder. Made on the CPU, its weights drawn from a generator."""

    def __init__(self, shape: Shape, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        with torch.device("meta"):
            widths = (shape.image[0], *shape.channels)
            self.convolutions = nn.ModuleList(map(_convolution, widths[:-1], widths[1:]))
            self.hidden = nn.Sequential(
                nn.Linear(shape.conv, shape.hidden, bias=False), nn.BatchNorm1d(shape.hidden), nn.ReLU()
            )
            self.output = nn.Linear(shape.hidden, shape.dimension)
        initialise(self, generator).to(memory_format=torch.channels_last)

    def forward(self, inputs: Inputs) -> Features:
        """All layers in one pass, in the input's precision also under autocast."""
        maps = [inputs]
        for convolution in self.convolutions:
            maps.append(convolution(maps[-1]))
        conv = flatten(maps[-1])
        fc = self.hidden(conv)
        local = maps[-2].permute(0, 2, 3, 1).flatten(1, 2)
        return Features(*(layer.to(inputs.dtype) for layer in (local, conv, fc, self.output(fc))))

    def encode(self, images: UInt8[Tensor, "n channels height width"]) -> Features:
        """The features of images as data sets hold them, by running averages of the norms; without a graph."""
        weight = self.output.weight
        chunks = [vars(chunk).values() for chunk in self.chunks(Images(images, weight.device, weight.dtype))]
        return Features(*(torch.cat(parts) for parts in zip(*chunks, strict=True)))

    def chunks(self, images: Images) -> Iterator[Features]:
        """The same of images in memory, some hundreds at a time; the encoder is left in evaluation mode."""
        self.eval()
        for start in range(0, len(images), _CHUNK):
            with torch.no_grad():
                yield self(images.take(slice(start, start + _CHUNK)))


def shape_of(
    images: UInt8[Tensor, "n channels height width"], channels: tuple[int, ...], hidden: int, dimension: int
) -> Shape:
    """The shape of an encoder of these images."""
    depth, height, width = enlarge(images[:1]).shape[1:]
    return Shape(image=(depth, height, width), channels=channels, hidden=hidden, dimension=dimension)


def save_encoder(encoder: Encoder, file: IO[bytes]) -> None:
    """Writes an encoder as safetensors, with its shape in the header."""
    from safetensors.torch import save

    weights = {name: weight.detach().cpu().contiguous() for name, weight in encoder.state_dict().items()}
    file.write(save(weights, {_HEADER: json.dumps(asdict(encoder.shape))}))


def load_encoder(path: str | PathLike[str]) -> Encoder:
    """Reads an encoder that `save_encoder` wrote, in evaluation mode on the CPU.

    Raises:
        DataError: the file is absent, damaged, or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            shape: dict[str, Any] = json.loads((file.metadata() or {})[_HEADER])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        shape |= {name: tuple(shape[name]) for name in ("image", "channels")}
        encoder = Encoder(Shape(**shape), torch.Generator())
        encoder.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path} holds no encoder of Deep InfoMax: {error}") from error
    return encoder.eval()


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
