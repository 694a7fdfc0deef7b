"""Where numbers can be looked at for nothing: what a GPU has been told to compute would have to be waited for."""

from torch import Tensor

FREE = frozenset({"cpu"})
"""Kinds of device."""


def free_to_ask(tensor: Tensor) -> bool:
    """Whether one may ask for the tensor's numbers to save work, or to refuse them; elsewhere all the work is done."""
    return tensor.device.type in FREE
