#!/usr/bin/env bash
# What results/study*.csv hold: does a better gradient of I(image; Y) make a better representation? Encoders of CIFAR-10
# trained by the true gradient, by estimates of it, by the entropy of Y alone and by random directions, at fixed power.
#
#   benchmarks/suites/study.sh RESULTS [PIECE...]      all pieces, or those that are named:
#       image   x is the image: all nine objectives, and the encoder that has learnt nothing
#       conv    x is the last map: those that depend on x; rsm moves 64 principal components of its 4096 coordinates
#       longer  twenty epochs in place of four, one seed, x is the image: InfoNCE, MIGE plain and calibrated
#       frames  writes RESULTS/study.csv, study-readings.csv and study-longer.csv from what has been measured so far
#
# MIBENCH_DATA holds CIFAR-10. WORKERS trials run at once, each in a process that lives on, also on one GPU. A piece stops
# after LIMIT seconds; the same command goes on where it was. Exit status 124: a piece is not finished, run it again.
# DEVICE (cuda), SIZE (paper), SEEDS (3), NOISE (2) and WORKERS can be changed: DEVICE=cpu SIZE=smoke takes a minute, on
# digits. On one H100 with eight workers all of it takes about twenty minutes.
set -euo pipefail

results=${1:?usage: benchmarks/suites/study.sh RESULTS [PIECE...]}
pieces=("${@:2}")
((${#pieces[@]})) || pieces=(image conv longer frames)
device=${DEVICE:-cuda} size=${SIZE:-paper} limit=${LIMIT:-540} noise=${NOISE:-2}

common="power=fixed,noise=$noise,judge=mige+mige-calibrated"
case $size in
    paper)
        seeds=${SEEDS:-3} workers=${WORKERS:-12}
        cell="dataset=cifar10,probe_epochs=10,probe_learning_rate=1e-3,$common"
        epochs=4 every=2 longer=20 components=2048
        ;;
    smoke)
        seeds=${SEEDS:-1} workers=${WORKERS:-2}
        cell="probe_epochs=1,$common"
        epochs=1 every=1 longer=5 components=256
        ;;
    *) echo "SIZE is paper or smoke, not $size" >&2 && exit 2 ;;
esac

# Those that see x: its map in place of the image is another pair of variables to them, and the same information.
seeing=mige,mige-calibrated,infonce,jsd,mine
blind="exact[components=$components],exact[components=$components,direction=random],mige[conditional=fixed],untrained"
run() { # X EPOCHS EPOCHS_BETWEEN_READINGS SEEDS ESTIMATORS
    timeout --signal INT --kill-after 20 "$limit" \
        mibench run --results "$results" --device "$device" --executor process --workers "$workers" \
        --profile "$size" --task "dim[$cell,x=$1,epochs=$2,truth_every=$3]" --seeds "$4" --estimators "$5"
}
ends="accuracy/conv,accuracy/fc,accuracy/Y,std,effective_rank,epoch_seconds,probe_epoch_seconds,truth_seconds"
truths="truth/information,truth/information_error,truth/information/half,truth/information/quarter"
truths="$truths,truth/norm,truth/noise_floor,truth/cosine/entropy,truth/cosine/z,truth/norm_ratio/z"
for place in weights batch; do
    for judged in "" /mige /mige-calibrated; do
        truths="$truths,truth/cosine/$place$judged,truth/norm_ratio/$place$judged"
    done
done
frame() { # WHICH EPOCHS MEASUREMENTS: the rows by epoch, or those that trials end with
    mibench show "dim[power=fixed]" --results "$results" --tidy --format csv --measurements "$3" | python -c "
import sys, pandas as pd
frame = pd.read_csv(sys.stdin, dtype=str, keep_default_na=False)
frame[((frame['epoch'] == '') == ('$1' == 'ends')) & (frame['epochs'] == '$2')].to_csv(sys.stdout, index=False)"
}

for piece in "${pieces[@]}"; do
    case $piece in
        image) run image "$epochs" "$every" "$seeds" "$blind,$seeing,rsm" ;;
        conv) run conv "$epochs" "$every" "$seeds" "$seeing,rsm[own_components=64]" ;;
        longer) run image "$longer" 5 1 infonce,mige,mige-calibrated ;;
        frames)
            frame ends "$epochs" "$ends,$truths" >"$results/study.csv"
            frame readings "$epochs" "$truths" >"$results/study-readings.csv"
            frame ends "$longer" "$ends,$truths" >"$results/study-longer.csv"
            ;;
        *) echo "no piece is called $piece: see the head of $0" >&2 && exit 2 ;;
    esac
done
