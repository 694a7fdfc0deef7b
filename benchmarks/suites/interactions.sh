#!/usr/bin/env bash
# What results/interactions.csv holds and the section on interactions in docs/families.md shows: an hour of one core.
# What trains nothing has ten seeds, what trains one.
#
#   benchmarks/suites/interactions.sh RESULTS
set -euo pipefail
results=${1:?usage: benchmarks/suites/interactions.sh RESULTS}
without='oracle,gauss,mige,mige[threshold=0.9999,calibration=full],mige[score=stein],rsm,lsmi'

mibench run --estimators "$without" --task suite:interactions --seeds 10 --executor serial --results "$results"
mibench run --estimators infonce,mine,mige-dsm --task suite:interactions --seeds 1 --executor serial --results "$results"
mibench show suite:interactions --results "$results" --tidy --format csv --measurements mi,mi_gradient >results/interactions.csv
