# shellcheck shell=bash
# What suites share; `results` is their folder.

frame() { # NAME TASK [ESTIMATORS]: writes RESULTS/NAME.csv, and keeps an older frame where nothing has been measured
    local new
    new=$(mktemp)
    if mibench show "$2" --results "$results" ${3:+--estimators "$3"} --tidy --format csv >"$new"; then
        leave_out_curves_of_further_seeds "$new"
        cp "$new" "$results/$1.csv"
    fi
    rm "$new"
}

leave_out_curves_of_further_seeds() { # FRAME: keeps what trials end with, and the first seed by epoch: under 1 MB
    python - "$1" <<'EOF'
import sys

import pandas as pd

frame = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
frame[(frame["epoch"] == "") | (frame["seed"] == "0")].to_csv(sys.argv[1], index=False)
EOF
}
