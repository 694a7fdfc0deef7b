"""MIST, a pretrained estimator, from an environment of its own that uv builds.

The package brings no weights. They are published as the model grgera/MIST: put its `config.json` and its
`model.safetensors` into the folder `weights` beside this file, or name another one, `mist[weights=/a/folder]`.
"""

from mibench_command import from_command

import mibench
from mibench.specs import EstimatorSpec


@mibench.hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the estimator."""
    return [
        from_command(
            "uv run --quiet --script wrap.py",
            name="mist",
            parameters={"weights": "weights"},
            keep=True,
            summary="a network that was trained to name the information of samples, by mist-statinf 0.1.1",
            reference="Gritsai et al., MIST: Mutual Information Estimation via Supervised Training, arXiv 2511.18945",
        )
    ]
