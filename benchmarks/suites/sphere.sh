#!/usr/bin/env bash
# What results/sphere.csv holds and the section on spheres in docs/families.md shows: a quarter of an hour of one core.
# What trains nothing has ten seeds, what trains three.
#
#   benchmarks/suites/sphere.sh RESULTS
set -euo pipefail
results=${1:?usage: benchmarks/suites/sphere.sh RESULTS}
without='oracle,gauss,mige,mige[threshold=0.9999,calibration=full],rsm,mige-calibrated,lsmi'
task='sphere[d=2|3|8]'

mibench run --estimators "$without" --task "$task" --seeds 10 --executor serial --results "$results"
mibench run --estimators infonce,mine,jsd,nwj,mige-dsm --task "$task" --seeds 3 --executor serial --results "$results"
mibench show "$task" --results "$results" --tidy --format csv --measurements mi,mi_gradient,samples >results/sphere.csv
