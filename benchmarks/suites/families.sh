#!/usr/bin/env bash
# What results/families-*.csv hold and docs/families.md shows: an hour of one core, and six hours for what trains.
set -euo pipefail
results=${1:-results}
neural=infonce,mine,jsd,smile,nwj,mine-f,tuba,club,dvb
closed='oracle,gauss,cca,mige,mige[threshold=0.9999,calibration=full],mige[score=stein],mige-rp'

for suite in gradients bmi independence; do
    mibench run --estimators "$closed,rsm,mige-calibrated,lsmi" --task "suite:$suite" --seeds 10 --executor serial --results "$results"
    mibench run --estimators "$neural,mige-dsm,mige-ssm" --task "suite:$suite" --seeds 1 --executor serial --results "$results"
done
# What trains nothing and gives values: three seeds.
neighbours=ksg,ksg-mixed,kl,knn-kl classical=binning,adaptive,copula,kde,von-mises
for suite in gradients bmi independence; do
    mibench run --estimators "$neighbours,$classical" --task "suite:$suite" --seeds 3 --executor serial --results "$results"
done
# Critics and models since the paper, one seed.
critics=f-dime,infonce-anchor,i-alpha,flo,doe,l1out,barber-agakov,njee,flow-matching,pairwise-kl
for suite in gradients bmi independence; do
    mibench run --estimators "$critics" --task "suite:$suite" --seeds 1 --executor serial --results "$results"
done

show() { mibench show --results "$results" --tidy --format csv "$@"; }
show --measurements mi,mi_gradient --estimators oracle >results/families-oracle.csv
show --measurements mi,mi_gradient --estimators gauss >results/families-gauss.csv
show --measurements mi --estimators cca >results/families-cca.csv
show --measurements mi_gradient --estimators mige,mige-rp >results/families-mige.csv
show --measurements mi_gradient --estimators 'mige[threshold=0.9999,calibration=full],mige[score=stein]' \
    >results/families-mige-variants.csv
show --measurements mi,mi_gradient --estimators rsm >results/families-rsm.csv
show --measurements mi,mi_gradient --estimators mige-calibrated,lsmi >results/families-closed.csv
show --measurements mi,mi_gradient,samples --estimators "$neural" >results/families-neural.csv
show --measurements mi_gradient,samples --estimators mige-dsm,mige-ssm >results/families-scores.csv
show --measurements mi,mi_gradient,samples --estimators "$critics" >results/families-critics.csv
show --measurements mi --estimators "$neighbours" >results/families-neighbours.csv
show --measurements mi,mi_gradient --estimators "$classical" >results/families-classical.csv
