#!/usr/bin/env bash
# What results/interactions*.csv hold and the section on interactions in docs/families.md shows: an hour of one core.
# What trains nothing has ten seeds, what trains one.
#
#   benchmarks/suites/interactions.sh RESULTS
set -euo pipefail
results=${1:?usage: benchmarks/suites/interactions.sh RESULTS}
scores='oracle,gauss,mige,mige[threshold=0.9999,calibration=full],mige[score=stein]'
trained=infonce,mine,mige-dsm

mibench run --estimators "$scores,rsm,lsmi" --task suite:interactions --seeds 10 --executor serial --results "$results"
mibench run --estimators "$trained" --task suite:interactions --seeds 1 --executor serial --results "$results"
show() { mibench show suite:interactions --results "$results" --tidy --format csv --measurements mi_gradient "$@"; }
show --estimators "$scores" >results/interactions.csv
show --estimators "rsm,lsmi,$trained" >results/interactions-fitted.csv
