"""What the encoder ascends: an estimator's surrogate of I(x; Y), with x the image or a layer of the encoder's own.

- `image`: the input. Only Y moves with the encoder: Circumstance I of the MIGE paper, where a score of the joint (x, Y)
  is needed in the Y block alone.
- `conv`: the last convolutional map, flattened, as the global critics of Deep InfoMax see it. Both move.
- `local`: each location of the last map but one, averaged; `mode=local`.

`auto` takes the conv map for estimators that train a critic, as Deep InfoMax published JSD and InfoNCE, and the image
for those that do not, as the MIGE paper's Algorithm 1. Which it was is in the name of the measurement
`x_dimension/WHICH`.

In local mode JSD and InfoNCE are the published ones, with one critic for all locations that ascends along with the
encoder (`mibench_dim.local`). Every other estimator is a replica of itself at each location, their mean the objective.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Context, Estimator, Population, Problem
from mibench.errors import UnfitError
from mibench.specs import EstimatorSpec
from mibench_dim import local
from mibench_dim.channel import Channel
from mibench_dim.encoder import Features, Shape
from mibench_dim.images import Inputs, flatten
from mibench_dim.plugin import SETTINGS

Source: TypeAlias = Literal["image", "conv", "local"]
Pair: TypeAlias = tuple[Float[Tensor, "replicas n dx"], Float[Tensor, "replicas n dy"]]

_SHARED: Mapping[str, Callable[[local.Scores], Tensor]] = MappingProxyType(
    {"mibench_variational.jsd:Jsd": local.jensen_shannon, "mibench_variational.infonce:InfoNCE": local.infonce}
)


class Objective(ABC):
    """What the encoder ascends, on pairs (x, Y).

    Args:
        source: which x it sees.
        shape: the encoder's.
    """

    _channel: Channel | None = None

    def __init__(self, source: Source, shape: Shape) -> None:
        self.source: Source = source
        self.dimension = dimension(source, shape)

    def parameters(self) -> list[Tensor]:
        """What ascends along with the encoder, on the same gradient."""
        return []

    def pair(self, inputs: Inputs, features: Features) -> Pair:
        """What the estimator sees of a batch that has just been encoded, replicas first."""
        if self.source == "local":
            x = features.local.transpose(0, 1)
            return x, features.y.expand(len(x), -1, -1)
        y = features.y[None] if self._channel is None else self._channel.send()
        return (flatten(inputs) if self.source == "image" else features.conv)[None], y

    @property
    @abstractmethod
    def in_nats(self) -> bool:
        """Whether the number of the surrogate means something."""

    @abstractmethod
    def surrogate(self, x: Float[Tensor, "r n dx"], y: Float[Tensor, "r n dy"]) -> Float[Tensor, ""]:
        """What the encoder ascends."""

    @abstractmethod
    def update(self, x: Float[Tensor, "r n dx"], y: Float[Tensor, "r n dy"]) -> None:
        """Trains what does not ascend along with the encoder, on the same batch."""


class Estimated(Objective):
    """An estimator on pairs (x, Y); at each location a replica of its own, or one replica for whole images.

    Args:
        source: which x it sees.
        shape: the encoder's.
        context: the trial.
        channel: what is known of Y, if it has noise.
        population: images in place of all of the channel's.
    """

    def __init__(
        self,
        source: Source,
        shape: Shape,
        context: Context,
        channel: Channel | None = None,
        population: Population | None = None,
    ) -> None:
        super().__init__(source, shape)
        self._channel = channel
        self._trains = context.spec.trains
        self._estimator = self._build(shape, context, population)

    @property
    def in_nats(self) -> bool:
        """Whether the estimator says so."""
        return self._estimator.surrogate_in_nats

    def surrogate(self, x: Float[Tensor, "r n dx"], y: Float[Tensor, "r n dy"]) -> Float[Tensor, ""]:
        """What the encoder ascends, averaged over locations."""
        return self._estimator.surrogate(x, y).mean()

    def update(self, x: Float[Tensor, "r n dx"], y: Float[Tensor, "r n dy"]) -> None:
        """Trains the critic on the same batch, if there is one."""
        if self._trains:
            self._estimator.update(x.detach(), y.detach())

    def _build(self, shape: Shape, context: Context, population: Population | None) -> Estimator:
        replicas = shape.locations if self.source == "local" else 1
        known = self._channel if self.source == "image" else None
        return context.build(
            Problem(
                dx=self.dimension,
                dy=shape.dimension,
                generators=context.init * replicas,
                replicas=(replicas,),
                device=context.device,
                dtype=context.dtype,
                conditional=known and known.conditional,
                population=known and (population or known.population),
            )
        )


class SharedLocal(Objective):
    """JSD and InfoNCE as Deep InfoMax published them: one critic for all locations."""

    def __init__(self, shape: Shape, units: int, context: Context) -> None:
        super().__init__("local", shape)
        self._score = _SHARED[context.spec.target]
        _require_published(context)
        critic = local.LocalCritic(self.dimension, shape.dimension, units, context.init[0])
        self._critic = critic.to(context.device, context.dtype)

    @property
    def in_nats(self) -> bool:
        """It does: it is the published bound, which encoder and critic ascend."""
        return True

    def parameters(self) -> list[Tensor]:
        """Those of the critic."""
        return list(self._critic.parameters())

    def surrogate(self, x: Float[Tensor, "r n dx"], y: Float[Tensor, "r n dy"]) -> Float[Tensor, ""]:
        """What the encoder and the critic ascend."""
        return self._score(self._critic(x.transpose(0, 1), y[0]))

    def update(self, x: Float[Tensor, "r n dx"], y: Float[Tensor, "r n dy"]) -> None:
        """Nothing: the critic has taken its step with the encoder."""


def make_objective(
    mode: Literal["global", "local"],
    x: Literal["auto", "image", "conv"],
    shape: Shape,
    units: int,
    context: Context,
    channel: Channel | None = None,
) -> Objective | None:
    """The objective of one trial; nothing for a baseline.

    Raises:
        UnfitError: the estimator reads p(Y|x), which is not known of this x, or has no noise.
    """
    if context.spec.baseline_of:
        return None
    if mode == "local" and context.spec.target in _SHARED:
        return SharedLocal(shape, units, context)
    source = resolve(mode, x, trains=context.spec.trains)
    _require_known(context.spec, source, channel)
    return Estimated(source, shape, context, channel)


def resolve(mode: Literal["global", "local"], x: Literal["auto", "image", "conv"], *, trains: bool) -> Source:
    """Which x an estimator sees."""
    if mode == "local":
        return "local"
    if x == "auto":
        return "conv" if trains else "image"
    return x


def dimension(source: Source, shape: Shape) -> int:
    """How many numbers of x an estimator sees."""
    depth, height, width = shape.image
    return {"image": depth * height * width, "conv": shape.conv, "local": shape.channels[-2]}[source]


def _require_known(spec: EstimatorSpec, source: Source, channel: Channel | None) -> None:
    """Refuses an estimator that reads what is not known."""
    if not spec.needs & {"conditional", "population"}:
        return
    if channel is None:
        raise UnfitError(
            f"{spec.name} reads p(Y|image), which has no noise, so that information is infinite: give noise"
        )
    if source != "image":
        raise UnfitError(f"{spec.name} reads p(Y|image), which is not known of x={source}: use x=image")


def _require_published(context: Context) -> None:
    """Refuses parameters that a published local critic would ignore."""
    problem = Problem(dx=1, dy=1, generators=(torch.Generator(),), replicas=(1,))
    params = context.build(problem).params
    published = {**vars(type(params)()), **SETTINGS[context.spec.name]}
    changed = [
        field.name for field in dataclasses.fields(params) if getattr(params, field.name) != published[field.name]
    ]
    if changed:
        raise UnfitError(
            f"in local mode {context.spec.name} is the published one, whose critic has `local_units` of the task "
            f"and none of {', '.join(changed)}: leave them out"
        )
