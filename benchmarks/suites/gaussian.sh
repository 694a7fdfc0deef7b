#!/usr/bin/env bash
# What results/gaussian*.csv hold: about an hour and a half on two idle cores. It may be interrupted: the same command
# goes on.
set -euo pipefail
results=${1:-results}
run() { mibench run --results "$results" "$@"; }

# Figure 1 at the paper's setting: 20 seeds for what trains nothing, five for critics: about an hour of two cores.
run --task gaussian --profile paper --estimators "mige,mige[calibration=diagonal|full],mige-rp[k=4|10],dvb"
run --task gaussian --profile paper --estimators mine,mine-f,nwj,jsd,infonce,smile --seeds 5
run --task gaussian --profile paper --estimators tuba,club --seeds 1

# The authors' published curves: d = 8 and 16, half of a grid of 30, five seeds.
half=$(python3 -c "print('|'.join(str(round(-0.8 + 1.6 * i / 29, 10)) for i in range(15, 30)))")
run --task "gaussian[d=8|16,rho=$half]" --estimators mine,mine-f,mige --seeds 5

# Bends that keep the truth: MIGE, calibrated and not, and the plug-in Gaussian.
bends="gaussian[d=5|20,rho=0.1|0.3|0.5|0.7,bend=asinh|sinh|half-cube|normal-cdf|cubic]"
run --task "$bends" --estimators "mige,mige[calibration=full],gauss" --seeds 10
run --task gaussian --profile paper --estimators gauss --seeds 5

# The staircase beside the third party's curves: separable critics with the embedding they had.
run --task gaussian-staircase --profile paper --seeds 1 \
    --estimators "infonce[hidden=256x256,learning_rate=5e-4,embedding=32],nwj[hidden=256x256,learning_rate=5e-4,embedding=32],mine[hidden=256x256,learning_rate=5e-4,embedding=32],mine[hidden=256x256,learning_rate=5e-4,embedding=32,ema=0.9],smile[hidden=256x256,learning_rate=5e-4,embedding=32]"

# The frames, by subject.
show() { mibench show --results "$results" --tidy --format csv "$@"; }
show gaussian --measurements mi,mi_gradient \
    --estimators "mige,mige-rp[k=10],mine,mine-f" >results/gaussian.csv
show gaussian --measurements mi,mi_gradient --estimators nwj,jsd,infonce,smile,tuba,club >results/gaussian-critics.csv
show gaussian --measurements mi_gradient \
    --estimators "mige[calibration=diagonal],mige[calibration=full],mige-rp[k=4]" >results/gaussian-variants.csv
show gaussian --measurements mi,mi_gradient --estimators dvb >results/gaussian-dvb.csv
show gaussian --measurements mi,mi_gradient --estimators gauss >results/gaussian-plug-in.csv
show gaussian-staircase >results/gaussian-staircase.csv
