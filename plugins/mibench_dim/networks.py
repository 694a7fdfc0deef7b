"""Layers drawn from a generator of one's own: torch's constructors draw from the global one."""

from typing import TypeVar

import torch
from torch import nn

Built = TypeVar("Built", bound=nn.Module)


def initialise(module: Built, generator: torch.Generator) -> Built:
    """Draws a module on the CPU: weights and biases with torch's distribution, norms as the identity.

    Args:
        module: linear layers, convolutions and norms, made under `torch.device("meta")`.
        generator: on the CPU.
    """
    module.to_empty(device="cpu")
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = layer.weight[0].numel() ** -0.5
            for weight in layer.parameters(recurse=False):
                with torch.no_grad():
                    weight.uniform_(-bound, bound, generator=generator)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            layer.reset_parameters()  # draws nothing
    return module
