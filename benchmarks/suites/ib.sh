#!/usr/bin/env bash
# What results/ib-*.csv and results/pages/memory.csv hold: Table 3 on MNIST from MIBENCH_DATA and what goes with it.
#
#   benchmarks/suites/ib.sh RESULTS [PIECE...]      all pieces but `known`, or those that are named:
#       table3   the seven rows of Table 3 at sixty epochs; MIGE as published, with both entropies by score estimation
#       forms    MIGE's penalty at four epochs: H(Z|X) by score or in closed form, plain or calibrated; and that of rsm
#       beta     each method over four decades of beta, at five epochs; beta is chosen by 10,000 training images that no
#                network sees; at one beta what reads p(z|x), of a subsample
#       memory   what a memory of p(z|x) is worth to the leave-one-out bound: two minutes
#       known    rows of Table 3 that read p(z|x) of 512 images: the exact gradient, and a memory's estimate of it; an hour
#       frames   writes RESULTS/ib-mnist.csv, ib-known.csv, ib-mige-forms.csv and ib-beta.csv from what is measured so far
#
# About two hours on two idle cores, interrupted at will: the same command goes on where it was. WORKERS (2), SEEDS (1),
# DEVICE (cpu) and SIZE (paper) can be changed: SIZE=smoke takes some minutes, on digits. SEEDS is 3 in
# results/ib-mnist.csv.
set -euo pipefail

results=${1:?usage: benchmarks/suites/ib.sh RESULTS [PIECE...]}
pieces=("${@:2}")
((${#pieces[@]})) || pieces=(table3 forms beta memory frames)
here=$(cd "$(dirname "$0")" && pwd)
source "$here/shared.sh"
size=${SIZE:-paper}

case $size in
    paper) of=dataset=mnist long=60 short=4 five=5 held=10000 images=512 some=2048 memory=(--data-dir "${MIBENCH_DATA:-}") ;;
    smoke) of=dataset=digits long=3 short=1 five=2 held=300 images=64 some=64 memory=(--dataset digits --batch 64) ;;
    *) echo "SIZE is paper or smoke, not $size" >&2 && exit 2 ;;
esac
rows=baseline,dropout,confidence-penalty,label-smoothing,dvb,mine,mige
known="exact[components=$images],l1out[conditional=known,memory=$images]"
table3="ib[$of,epochs=$long]" forms="ib[$of,epochs=$short]" beta="ib[$of,epochs=$five,validation=$held"

run() {
    mibench run --results "$results" --device "${DEVICE:-cpu}" --workers "${WORKERS:-2}" --profile "$size" \
        --seeds "${SEEDS:-1}" "$@"
}

for piece in "${pieces[@]}"; do
    case $piece in
        table3) run --task "$table3" --estimators "$rows" ;;
        forms) run --task "$forms" --estimators "dvb,mige[conditional=score|closed,calibration=none|diagonal],rsm" ;;
        beta)
            run --task "$beta,beta=1e-4|1e-3|1e-2|1e-1|1]" \
                --estimators "dvb,mige,mige[conditional=closed,calibration=diagonal],mine,rsm"
            run --task "$beta,beta=1e-3]" --estimators "exact[components=$some],l1out[conditional=known,memory=$some]"
            ;;
        memory)
            mkdir -p "$results/pages"
            python "$here/memory.py" "${memory[@]}" --output "$results/pages/memory.csv"
            ;;
        known) run --task "$table3" --estimators "$known" ;;
        frames)
            frame ib-mnist "$table3" "$rows"
            frame ib-known "$table3" "$known"
            frame ib-mige-forms "$forms"
            frame ib-beta "$beta]"
            ;;
        *) echo "no piece is called $piece: see the head of $0" >&2 && exit 2 ;;
    esac
done
