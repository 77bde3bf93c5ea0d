#!/usr/bin/env bash
#SBATCH --job-name=reprise-record
#SBATCH --array=0-11
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
# Records a corpus in 12 parts and merges them. Submit with: sbatch slurm.sh
# To run some parts again: sbatch --array=3,5 slurm.sh (--shards below keeps the count at 12).
set -euo pipefail

shared=${SHARED:-/shared}
parts=12

if [ "${1:-}" = merge ]; then
  exec reprise record merge --out "$shared/domain.replay" "$shared"/shards/*.replay
fi

mkdir -p "$shared/shards"
if [ "$SLURM_ARRAY_TASK_ID" = "$SLURM_ARRAY_TASK_MIN" ]; then
  # Runs once, when every task of this array has succeeded.
  sbatch --array=0 --dependency="afterok:$SLURM_ARRAY_JOB_ID" --job-name=reprise-merge "$0" merge
fi
reprise record --model "$shared/base" --data "$shared/domain.jsonl" --out "$shared/shards/{shard}.replay" --shards "$parts" --quiet
