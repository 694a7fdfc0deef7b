"""Table 3 from a frame."""

import pandas as pd


def error_table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    f = frame[
        frame["epoch"].isna()
        & frame["measurement"].isin(
            [
                "error_rate",
                "error_rate/raw",
                "rate/bits",
                "rate/fitted/bits",
                "information",
                "z_std",
                "mi",
                "cross_entropy",
            ]
        )
    ]
    return f.pivot_table(index="estimator", columns="measurement", values="value").reset_index()
