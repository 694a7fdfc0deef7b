# shellcheck shell=bash
# What suites share; `results` is their folder.

frame() { # NAME TASK: writes RESULTS/NAME.csv, and keeps an older frame where nothing has been measured
    local new
    new=$(mktemp)
    if mibench show "$2" --results "$results" --tidy --format csv >"$new"; then cp "$new" "$results/$1.csv"; fi
    rm "$new"
}
