"""What was made of the batch at hand, so that who asks again for the same batch is answered without a second pass."""

from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class AtHand(Generic[T]):
    """Keeps what was made of one batch until the next; its slots keep it out of checkpoints."""

    __slots__ = ("_x", "made")

    def __init__(self) -> None:
        self._x: Tensor | None = None
        self.made: T | None = None

    def remember(self, x: Tensor, made: T) -> None:
        """Takes the place of the batch before."""
        self._x, self.made = x, made

    def of(self, x: Tensor) -> T | None:
        """What was made of this batch, told by where it lies; `None` if it is not at hand."""
        known = self._x
        return self.made if known is not None and x.data_ptr() == known.data_ptr() and x.shape == known.shape else None
