#!/usr/bin/env bash
# What docs/families.md shows: closed forms at ten seeds, and networks at two, on one core of a laptop.
set -euo pipefail
results=${1:-results}
closed='oracle,gauss,cca,mige,mige[threshold=0.9999,calibration=full],mige[score=stein],mige-rp'
networks='mine,infonce,jsd'

mibench run --estimators "$closed" --task suite:gradients --seeds 10 --executor serial --results "$results"
mibench run --estimators "$closed" --task suite:bmi --seeds 10 --executor serial --results "$results"
mibench run --estimators "$networks" --task "x-mixture[d=1|2|5],student[dx=1,dy=1],student[dx=5,dy=5],bpsk[d=1|5],ring[kappa=2|4]" \
    --seeds 2 --executor serial --results "$results"
