#!/usr/bin/env bash
# What results/ib-*.csv and results/pages/memory.csv hold: Table 3 on MNIST from MIBENCH_DATA and what goes with it,
# about an hour on two idle cores, interrupted at will.
set -euo pipefail
results=${1:-results}
run() { mibench run --results "$results" --device cpu --workers 2 "$@"; }

# Table 3: the seven rows at sixty epochs, one seed; MIGE as published, with both entropies by score estimation.
run --task "ib[dataset=mnist,epochs=60]" --seeds 1 \
    --estimators "baseline,dropout,confidence-penalty,label-smoothing,dvb,mine,mige"

# The forms of MIGE's penalty at four epochs: H(Z|X) by score or in closed form, plain or calibrated.
run --task "ib[dataset=mnist,epochs=4]" --seeds 1 \
    --estimators "dvb,mige[conditional=score|closed,calibration=none|diagonal]"

# Each method over four decades of beta, at five epochs: beta is chosen by 10,000 training images that no network sees.
run --task "ib[dataset=mnist,epochs=5,validation=10000,beta=1e-4|1e-3|1e-2|1e-1|1]" --seeds 1 \
    --estimators "dvb,mige,mige[conditional=closed,calibration=diagonal],mine"

# What a memory of p(z|x) is worth to the leave-one-out bound: two minutes, for results/pages/memory.csv.
python benchmarks/suites/memory.py --data-dir "$MIBENCH_DATA"

mibench plot "ib[dataset=mnist,epochs=60]" --results "$results" --output docs/figures --figure epochs --figure reliability
forms=$(mktemp -d)
mibench plot "ib[dataset=mnist,epochs=4]" --results "$results" --output "$forms" --figure epochs
for form in svg png; do mv "$forms/ib-epochs.$form" "docs/figures/ib-mige-forms.$form"; done

mibench show "ib[dataset=mnist,epochs=60]" --results "$results" --tidy --format csv >results/ib-mnist.csv
mibench show "ib[dataset=mnist,epochs=5]" --results "$results" --tidy --format csv >results/ib-beta.csv
mibench show "ib[dataset=mnist,epochs=4]" --results "$results" --tidy --format csv >results/ib-mige-forms.csv
