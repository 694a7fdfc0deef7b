#!/usr/bin/env bash
# What results/baseline holds: small cells that `pytest -m reference` reruns within a minute and compares with.
set -euo pipefail
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
measure() {
    mibench run --results "$results/$1" --device cpu --task "$2" --estimators "$3" --seeds 16
    mibench export "$results/$1" --output "results/baseline/$1.csv"
}

small=hidden=64x64,learning_rate=0.005
steady="mine[$small],mine-f[$small],nwj[$small],tuba[$small],infonce[$small],smile[$small],club[$small]"
measure gaussian "gaussian[d=4,rho=0.5,n=64,steps=100]" \
    "mige,mige[calibration=diagonal|full],mige-rp[k=3],dvb,$steady,jsd[$small],mige-dsm[hidden=64x64],mige-ssm[hidden=64x64]"
measure gaussian-closed "gaussian[d=4,rho=0.5,n=64,steps=100]" oracle,gauss,cca,rsm,lsmi,mige-calibrated,ksg,ksg-mixed,kl,knn-kl,copula,kde,von-mises
models="l1out[$small],l1out[conditional=known],doe[$small],doe[$small,components=3],barber-agakov[$small],njee[$small]"
measure gaussian-critics "gaussian[d=4,rho=0.5,n=64,steps=100]" \
    "i-alpha[$small],infonce-anchor[$small],flo[$small],f-dime[$small],$models,flow-matching[$small],pairwise-kl"
measure gaussian-one-dimension "gaussian[d=1,rho=0.9,n=64,steps=100]" binning,adaptive
# Without jsd, whose bound at the start of its training is off by any number of nats.
measure gaussian-staircase "gaussian-staircase[d=4,n=32,steps=20,levels=2]" "$steady"
# One latent dimension, in which the representations of images overlap, so that there is a gradient to be exact about.
measure ib-exact "ib[dataset=digits,hidden=16x16,latent=1,batch=64,epochs=1,samples=2,truth_every=1]" exact
