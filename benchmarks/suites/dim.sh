#!/usr/bin/env bash
# What results/dim-*.csv hold: CIFAR-10 and a sample of CIFAR-100 from MIBENCH_DATA, interrupted at will. About two hours on
# two idle cores, of which Table 1 is the first.
set -euo pipefail
results=${1:-results}
run() { mibench run --results "$results" --device cpu "$@"; }

# Table 1: every row at the same ten epochs; batches and learning rates are the published ones. Beside them an encoder
# that has learnt nothing, and MIGE whose scores keep Stein's identity along each coordinate.
budget="dataset=cifar10,epochs=10,probe_epochs=30"
run --task "dim[$budget]" --profile paper --estimators "mige,jsd,infonce,untrained,mige[calibration=diagonal]"
run --task "dim[$budget,prior_matching=true]" --profile paper --estimators jsd,infonce

# Figure 2, on CIFAR-10 in place of STL-10: every k at three epochs, and MIGE without projection.
short="dataset=cifar10,epochs=3,probe_epochs=10"
run --task "dim[$short]" --profile paper --estimators "mige-rp[k=16|32|64|128|256|512|1024],mige"

# Which x: the image, as MIGE has it, or the last map, as the critics have it.
run --task "dim[$short,x=conv]" --profile paper --estimators mige,jsd
run --task "dim[$short,x=image]" --profile paper --estimators jsd

# Table 4, MIGE's row; and that CIFAR-100 runs by the same command.
run --task "dim[$budget,mode=local]" --profile paper --estimators mige
run --task "dim[dataset=cifar100,epochs=10,probe_epochs=30]" --profile paper --estimators mige,jsd,infonce

plot() { mibench plot --results "$results" --output docs/figures "$@"; }
plot "dim[dataset=cifar10,epochs=10,mode=global]" --figure accuracy --figure probe-curves --figure deviation
plot "dim[epochs=3,x=auto]" --figure projections
plot "dim[dataset=cifar10,epochs=10,mode=global,prior_matching=false]" --estimators mige --figure confusion

# The frames, by subject; curves over epochs go with them.
show() { mibench show --results "$results" --tidy --format csv "$@"; }
show "dim[dataset=cifar10,epochs=10,mode=global]" >results/dim-table1.csv
show "dim[epochs=3]" >results/dim-figure2.csv
show "dim[mode=local]" >results/dim-table4.csv
show "dim[dataset=cifar100]" >results/dim-cifar100-sample.csv
