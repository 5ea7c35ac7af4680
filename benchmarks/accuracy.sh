#!/usr/bin/env bash
# All accuracy figures of the model card: benchmarks/accuracy.sh ANATOMY_DIR > reports/accuracy.txt
# SCALE=10 makes it ten times shorter, for a look. ROWS=DIR keeps the raw rows there: a run that was stopped
# goes on, and films that were looked at are not looked at again.
set -euo pipefail
cd "$(dirname "$0")/.."
anatomy=$1
scale=${SCALE:-1}
rows=${ROWS:-$(mktemp -d)}
python=${PYTHON:-python}
run() {
    echo
    echo "\$ python benchmarks/$*" | sed "s#$rows#ROWS#g; s#$anatomy#ANATOMY#g"
    "$python" benchmarks/"$@" | sed "s#$rows#ROWS#g"
}
# NAME FILMS FIRST PARTS...: films with benchmarks/settings/NAME.json
look() {
    local name=$1 films=$(($2 / scale)) first=$3
    shift 3
    run rows.py "$rows/$name.jsonl" --anatomy "$anatomy" --films "$films" --first "$first" \
        --settings "benchmarks/settings/$name.json"
    run summary.py "$rows/$name.jsonl" --route model --print "$@"
}
run six_films.py
for change in --invert --mirror "--rotate 12" "--rotate -12" --above-sacrum; do
    # shellcheck disable=SC2086
    run six_films.py $change | grep -v '^f[0-9]\|^  '
done
look test 2000 0 recognition errors coverage genant osteophytes
# of the same films, from true masks and what the film shows beside them, without the model
run summary.py "$rows/test.jsonl" --route masks --print errors coverage genant osteophytes
# half of these films show a sacrum after all: 620 hold 300 without
look no_sacrum 620 20000 recognition
look postoperative 500 30000 recognition
look fractured 500 30000 recognition genant
look faint_or_bright 500 30000 recognition
run not_films.py --anatomy "$anatomy"
