#!/usr/bin/env bash
# What results/dim-*.csv hold: CIFAR-10 and a sample of CIFAR-100 from MIBENCH_DATA. Batches and learning rates are the
# published ones.
#
#   benchmarks/suites/dim.sh RESULTS [PIECE...]      all pieces but `fifty` and `local`, or those that are named:
#       table1    Table 1 at ten epochs; beside its rows an encoder that has learnt nothing, and MIGE whose scores keep
#                 Stein's identity along each coordinate
#       fifty     Table 1 at fifty epochs
#       figure2   every k at three epochs, on CIFAR-10 in place of STL-10, and MIGE without projection
#       x         which x at three epochs: the image, as MIGE has it, or the last map, as the critics have it
#       table4    Table 4 at ten epochs, the row of MIGE
#       local     Table 4 at ten epochs, the rows of JSD and InfoNCE
#       cifar100  Table 1 on CIFAR-100 at ten epochs
#       frames    writes RESULTS/dim-*.csv from what has been measured so far
#
# About two hours on two idle cores, of which Table 1 is the first, and interrupted at will: the same command goes on where
# it was. SEEDS (1), DEVICE (cpu) and SIZE (paper) can be changed: SIZE=smoke takes some minutes, on digits. SEEDS is 3 in
# results/dim-table1.csv, and DEVICE is cuda for JSD and InfoNCE at fifty epochs and in Table 4.
set -euo pipefail

results=${1:?usage: benchmarks/suites/dim.sh RESULTS [PIECE...]}
pieces=("${@:2}")
((${#pieces[@]})) || pieces=(table1 figure2 x table4 cifar100 frames)
size=${SIZE:-paper}
source "$(dirname "$0")/shared.sh"

case $size in
    paper)
        cifar10=cifar10 cifar100=cifar100
        three=epochs=3,probe_epochs=10 ten=epochs=10,probe_epochs=30 fifty=epochs=50,probe_epochs=30
        ;;
    smoke)
        cifar10=digits cifar100=digits
        three=epochs=1,probe_epochs=1 ten=epochs=2,probe_epochs=1 fifty=epochs=3,probe_epochs=1
        ;;
    *) echo "SIZE is paper or smoke, not $size" >&2 && exit 2 ;;
esac
long="dataset=$cifar10,$ten" short="dataset=$cifar10,$three"
critics=jsd,infonce

run() {
    mibench run --results "$results" --device "${DEVICE:-cpu}" --profile "$size" --seeds "${SEEDS:-1}" "$@"
}

for piece in "${pieces[@]}"; do
    case $piece in
        table1)
            run --task "dim[$long]" --estimators "mige,$critics,untrained,mige[calibration=diagonal]"
            run --task "dim[$long,prior_matching=true]" --estimators "$critics"
            ;;
        fifty) run --task "dim[dataset=$cifar10,$fifty]" --estimators "mige,$critics" ;;
        figure2) run --task "dim[$short]" --estimators "mige-rp[k=16|32|64|128|256|512|1024],mige" ;;
        x)
            run --task "dim[$short,x=conv]" --estimators mige,jsd
            run --task "dim[$short,x=image]" --estimators jsd
            ;;
        table4) run --task "dim[$long,mode=local]" --estimators mige ;;
        local) run --task "dim[$long,mode=local]" --estimators "$critics" ;;
        cifar100) run --task "dim[dataset=$cifar100,$ten]" --estimators "mige,$critics" ;;
        frames)
            frame dim-table1 "dim[$long,mode=global]"
            frame dim-table1-fifty "dim[dataset=$cifar10,$fifty,mode=global]"
            frame dim-figure2 "dim[$short]"
            frame dim-table4 "dim[$long,mode=local]"
            frame dim-cifar100-sample "dim[dataset=$cifar100,$ten]"
            ;;
        *) echo "no piece is called $piece: see the head of $0" >&2 && exit 2 ;;
    esac
done
