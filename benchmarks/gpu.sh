#!/usr/bin/env bash
# What one GPU measures in half an hour: Figure 1 at the `paper` profile, Table 1 at 200 epochs, and replicas at once
# against a loop over them. A piece stops after nine minutes at the latest, and the same command goes on where it was.
#
#   benchmarks/gpu.sh RESULTS [PIECE...]      all pieces, or those that are named:
#       figure1  critics  table1-mige  table1-jsd  table1-infonce  waits  replicas  frames
#
# MIBENCH_DATA holds CIFAR-10. DEVICE (cuda) and SIZE (paper) can be changed: DEVICE=cpu SIZE=smoke takes a minute, on
# digits. `frames` writes RESULTS/gpu-figure1.csv and RESULTS/gpu-table1.csv from what has been measured so far;
# `waits` and `replicas` write RESULTS/pages/gpu-*.csv. Exit status 124: a piece is not finished, run it again.
set -euo pipefail

results=${1:?usage: benchmarks/gpu.sh RESULTS [PIECE...]}
pieces=("${@:2}")
((${#pieces[@]})) || pieces=(figure1 critics table1-mige table1-jsd table1-infonce waits replicas frames)
device=${DEVICE:-cuda} size=${SIZE:-paper} limit=${LIMIT:-540}
here=$(cd "$(dirname "$0")" && pwd)

gaussian=(--task gaussian --profile "$size")
case $size in
    paper) seeds=5 dim="dim[dataset=cifar10,epochs=200,probe_epochs=30]" waits=() ;;
    smoke) seeds=1 dim="dim[epochs=1,probe_epochs=1]" waits=(--estimators mige,infonce) ;;
    *) echo "SIZE is paper or smoke, not $size" >&2 && exit 2 ;;
esac
run() {
    timeout --signal INT --kill-after 20 "$limit" \
        mibench run --results "$results" --device "$device" --executor serial "$@"
}
show() { mibench show --results "$results" --tidy --format csv "$@"; }

for piece in "${pieces[@]}"; do
    case $piece in
        figure1) run "${gaussian[@]}" --batch 64 --estimators "mige,mige[calibration=full],mige-calibrated,rsm" ;;
        critics) run "${gaussian[@]}" --batch 32 --seeds "$seeds" --estimators mine,infonce,jsd ;;
        table1-mige | table1-jsd | table1-infonce)
            run --task "$dim" --profile "$size" --estimators "${piece#table1-}"
            ;;
        waits) python "$here/suites/waits.py" --device "$device" --results "$results" "${waits[@]}" ;;
        replicas)
            timeout --signal INT --kill-after 20 "$limit" \
                python "$here/suites/replicas.py" --device "$device" --size "$size" --results "$results"
            ;;
        frames)
            show gaussian --measurements mi,mi_gradient >"$results/gpu-figure1.csv"
            show dim >"$results/gpu-table1.csv"
            ;;
        *) echo "no piece is called $piece: see the head of $0" >&2 && exit 2 ;;
    esac
done
