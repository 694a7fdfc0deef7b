#!/usr/bin/env bash
# What results/pages/*.csv hold, the frames that only pages quote: forty minutes on two idle cores.
set -euo pipefail
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
show() { mibench show --results "$results/$1" --tidy --format csv --measurements mi,mi_gradient >"results/pages/$1.csv"; }

# The README's table.
mibench run --results "$results/readme" --device cpu --estimators mige,mine --task gaussian
show readme

# The tutorial's tables; `lean` is the estimator that the tutorial writes, installed as the tutorial says.
for bend in none half-cube; do
    mibench run --results "$results/tutorial" --device cpu --estimators lean,mige --task "gaussian[d=8,bend=$bend]" \
        --profile paper --seeds 2
done
show tutorial

python benchmarks/suites/exact_critics.py
python benchmarks/suites/negatives.py
python benchmarks/suites/width.py
python benchmarks/suites/efficiency.py
python benchmarks/suites/rank_coverage.py
python benchmarks/suites/coverage.py "$results/coverage" 60
python benchmarks/suites/coverage.py merge "$results/coverage" 60
(ulimit -v 8000000; python benchmarks/suites/scale.py)
python benchmarks/suites/growth.py
python benchmarks/suites/growth.py -e rsm --bend half-cube
python benchmarks/suites/forecast.py

# Estimators of other packages and languages, each a command.
(cd examples/commands/c && cc -O3 -o ksg ksg.c -lm)
mibench run --results "$results/commands" --device cpu --executor serial --seeds 3 \
    -p examples/commands/c/c_ksg.py -p examples/commands/scikit-learn/scikit_learn.py \
    -p examples/commands/torch-mist/torch_mist_command.py \
    --estimators 'ksg,c-ksg,scikit-learn,torch-mist[estimator=smile|infonce]' \
    --task 'gaussian[d=1|5,rho=0|0.9,n=1000],x-mixture[d=1,r=0.9,n=1000],gamma-exponential[d=1,shape=1,n=1000]'
show commands

# What the authors' code of doe prints, with the parameters that it was printed for.
mibench run --results "$results/doe" --device cpu --seeds 5 --task 'gaussian[d=128,rho=0.5,n=128,steps=3000]' \
    --estimators 'doe[hidden=128,learning_rate=0.0003,density=gaussian|logistic]'
show doe
