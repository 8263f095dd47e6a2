#!/usr/bin/env bash
# Trains, evaluates and predicts with all tasks but named entities, on real
# corpora and with the bundled small model, which has seen no text before: a
# check of the whole way in minutes, not a result.
#
# usage: bash benchmarks/all_tasks.sh DATA OUTPUT [PYTHON]
#   DATA    folder with RE/GAD/{1,2}, RE/euadr/{1,2}, RE/chemprot/blurb_dev.tsv,
#           STS/BIOSSES, DC/HoC and QA/BioASQ
#   OUTPUT  new folder
#   PYTHON  interpreter of a virtual environment of scripts/setup.sh
set -euo pipefail
DATA=$1 OUTPUT=$2 PYTHON=${3:-python}
cd "$(dirname "$0")/.."

program() {  # program run_re.py NAME FLAGS: runs it and shows its last figures
  local script=$1 name=$2 begin=$SECONDS
  shift 2
  mkdir -p "$OUTPUT"
  if ! "$PYTHON" "$script" \
    --albert_config_file=examples/albert_config_tiny.json \
    --spm_model_file=examples/vocab/pubmed-8k.model \
    --learning_rate=1e-4 --seed=1 --output_dir="$OUTPUT/$name" "$@" \
    2> "$OUTPUT/$name.log"; then
    tail -n 5 "$OUTPUT/$name.log" >&2
    exit 1
  fi
  echo "$name ($((SECONDS - begin)) s)"
  grep -E ' (test|dev) \(.*: [a-z]|over [0-9]+ folds' "$OUTPUT/$name.log" |
    sed 's/^/  /'
}

all="--do_train=true --do_eval=true --do_predict=true"
program run_re.py gad --task_name=gad $all --dev_fraction=0.1 \
  --data_dir="$DATA/RE/GAD/1" --num_train_epochs=8
program run_re.py euadr --task_name=euadr $all --dev_fraction=0.1 \
  --data_dir="$DATA/RE/euadr" --folds=1-2 --num_train_epochs=3
program run_re.py chemprot --task_name=chemprot --do_train=true \
  --do_eval=true --dev_fraction=0.1 --train_step=100 \
  --train_file="$DATA/RE/chemprot/blurb_dev.tsv" --save_checkpoints_steps=100
program run_sts.py biosses --task_name=biosses $all \
  --data_dir="$DATA/STS/BIOSSES" --num_train_epochs=10 \
  --save_checkpoints_steps=10
program run_nli.py nli-invented $all \
  --data_dir=tests/fixtures/mednli --num_train_epochs=10 \
  --save_checkpoints_steps=5
program run_dc.py hoc --task_name=hoc $all --tune_threshold \
  --data_dir="$DATA/DC/HoC" --num_train_epochs=3
program run_qa.py bioasq-factoid --task_name=bioasq-factoid \
  --do_train=true --do_predict=true --train_step=60 --train_batch_size=12 \
  --train_file="$DATA/QA/BioASQ/BioASQ-train-factoid-4b.partial.json" \
  --predict_file="$DATA/QA/BioASQ/BioASQ-test-factoid-4b-1.json" \
  --golden_file="$DATA/QA/BioASQ/4B1_golden.json"
for kind in yesno list; do
  program run_qa.py "bioasq-$kind" --task_name="bioasq-$kind" \
    --do_train=true --do_predict=true --train_step=60 --train_batch_size=12 \
    --train_file="$DATA/QA/BioASQ/4B2_golden.json" \
    --predict_file="$DATA/QA/BioASQ/4B1_golden.json" \
    --golden_file="$DATA/QA/BioASQ/4B1_golden.json"
done
echo "all tasks: $SECONDS s"
