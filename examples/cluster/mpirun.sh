#!/usr/bin/env bash
# Records a corpus in as many parts as there are processes, and merges them: ./mpirun.sh [PROCESSES [mpirun's options...]]
# The processes do not communicate; mpirun only starts and numbers them.
set -euo pipefail

shared=${SHARED:-/shared}
processes=${1:-4}
shift || true

mkdir -p "$shared/shards"
mpirun -n "$processes" "$@" \
  reprise record --model "$shared/base" --data "$shared/domain.jsonl" --out "$shared/shards/{shard}.replay" --quiet
reprise record merge --out "$shared/domain.replay" "$shared"/shards/*.replay
