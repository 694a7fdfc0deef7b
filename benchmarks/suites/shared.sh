# shellcheck shell=bash
# What suites share; `results` is their folder.

frame() { # NAME TASK: writes RESULTS/NAME.csv, and keeps an older frame where nothing has been measured
    local all
    all=$(mktemp)
    if mibench show "$2" --results "$results" --tidy --format csv >"$all"; then
        without_curves_of_further_seeds <"$all" >"$results/$1.csv"
    fi
    rm "$all"
}

without_curves_of_further_seeds() { # what trials end with, and by epoch the first seed alone: a frame has under 1 MB
    python -c "
import sys, pandas as pd
frame = pd.read_csv(sys.stdin, dtype=str, keep_default_na=False)
frame[(frame['epoch'] == '') | (frame['seed'] == '0')].to_csv(sys.stdout, index=False)"
}
