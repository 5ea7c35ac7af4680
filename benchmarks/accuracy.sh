#!/usr/bin/env bash
# All accuracy figures of the model card: benchmarks/accuracy.sh ANATOMY_DIR > reports/accuracy.txt
# SCALE=10 makes it ten times shorter, for a look.
set -euo pipefail
cd "$(dirname "$0")/.."
anatomy=$1
scale=${SCALE:-1}
python=${PYTHON:-python}
run() {
    echo
    echo "\$ python benchmarks/$*"
    "$python" benchmarks/"$@"
}
run six_films.py
for change in --invert --mirror "--rotate 12" "--rotate -12" --above-sacrum; do
    # shellcheck disable=SC2086
    run six_films.py $change | grep -v '^f[0-9]'
done
run simulated.py --anatomy "$anatomy" --films $((1000 / scale)) --settings benchmarks/settings/test.json
run simulated.py --anatomy "$anatomy" --films $((300 / scale)) --first 20000 --settings benchmarks/settings/no_sacrum.json
for kind in postoperative fractured faint_or_bright; do
    run simulated.py --anatomy "$anatomy" --films $((500 / scale)) --first 30000 --settings benchmarks/settings/$kind.json
done
run not_films.py --anatomy "$anatomy"
rows=$(mktemp -d)/true_masks.jsonl
run rows.py "$rows" --no-model --anatomy "$anatomy" --films $((2000 / scale)) --settings benchmarks/settings/test.json
run summary.py "$rows" | sed "s#$rows#ROWS.jsonl#"
