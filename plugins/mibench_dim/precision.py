"""In what precision the networks compute; parameters, scores and optimisers stay in single precision."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch

Precision: TypeAlias = Literal["float32", "tf32", "bf16"]


@contextmanager
def multiplying(precision: Precision) -> Generator[None]:
    """Sets how a GPU multiplies float32 matrices: in TF32, or as IEEE says; a CPU has one way.

    torch keeps these modes for the whole process; they are put back afterwards.
    """
    places: tuple[Any, Any] = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # pyright: ignore[reportAttributeAccessIssue]
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
    finally:
        for place, earlier in zip(places, before, strict=True):
            place.fp32_precision = earlier


def casting(precision: Precision, device: torch.device) -> torch.autocast:
    """Runs layers in bfloat16 where asked to."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
