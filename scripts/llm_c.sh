#!/usr/bin/env bash
# Training steps of llm.c's CPU trainer and of reprise at GPT-2 124M, 4 sequences of 64 tokens, in turn.
#
#     git clone https://github.com/karpathy/llm.c
#     go build -o reprise ./cmd/reprise
#     scripts/llm_c.sh llm.c ./reprise [rounds] [seconds]
#
# Needs gcc with OpenMP and python3. No time depends on the values of weights and ids, so both are random: the files that the
# trainer reads are written here, in its format, beside its binary in a directory of their own (LLM_C_WORK, by default in
# llm.c). The trainer runs unchanged, with 1 and 2 threads (LLM_C_THREADS="1 2"); it prints the time of each step, and is
# stopped after this many seconds (default 100; validation comes first, and takes about as long as two steps). The result is
# the median of its steps without the first.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: scripts/llm_c.sh LLM.C-DIRECTORY REPRISE-BINARY [rounds] [seconds]" >&2; exit 2; }
source=$(realpath "$1")
reprise=$(realpath "$2")
rounds=${3:-1}
seconds=${4:-100}
work=${LLM_C_WORK:-$source/random-124M}
data=$work/dev/data/tinyshakespeare
mkdir -p "$data"

if [ ! -e "$work/ready" ]; then
  gcc -O3 -ffast-math -march=native -fopenmp -DOMP "$source/train_gpt2.c" -o "$work/train_gpt2" -lm
  python3 - "$work" "$data" <<'EOF'
import array, random, struct, sys

work, data = sys.argv[1:]
rng = random.Random(1)
positions, vocab, layers, heads, width, padded = 1024, 50257, 12, 12, 768, 50304
normal = array.array("f", (rng.gauss(0, 0.02) for _ in range(1 << 16)))  # over and over
one, zero = array.array("f", [1]), array.array("f", [0])


def header(*words):
    return struct.pack("<256i", *words, *[0] * (256 - len(words)))


with open(f"{work}/gpt2_124M.bin", "wb") as f:
    f.write(header(20240326, 3, positions, vocab, layers, heads, width, padded))
    for unit, size in [
        (normal, padded * width), (normal, positions * width),  # embeddings
        (one, layers * width), (zero, layers * width),  # norm before attention
        (normal, layers * 3 * width * width), (zero, layers * 3 * width),
        (normal, layers * width * width), (zero, layers * width),
        (one, layers * width), (zero, layers * width),  # norm before the MLP
        (normal, layers * 4 * width * width), (zero, layers * 4 * width),
        (normal, layers * 4 * width * width), (zero, layers * width),
        (one, width), (zero, width),
    ]:
        values = unit * (size // len(unit) + 1)
        values[:size].tofile(f)

for name in ["train", "val"]:
    ids = array.array("H", (rng.randrange(vocab) for _ in range(64 * 1024)))
    with open(f"{data}/tiny_shakespeare_{name}.bin", "wb") as f:
        f.write(header(20240520, 1, len(ids)))
        ids.tofile(f)
EOF
  touch "$work/ready"
fi

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR == 0) exit 1; print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

for threads in ${LLM_C_THREADS:-1 2}; do
  for round in $(seq "$rounds"); do
    cores=0-$((threads - 1))
    theirs=$(cd "$work" && { OMP_NUM_THREADS=$threads timeout "$seconds" taskset -c "$cores" stdbuf -oL ./train_gpt2 || true; } |
      sed -n 's/^step [1-9].*took \([0-9.]*\) ms.*/\1/p' | median) || { echo "llm.c finished no second step within $seconds s" >&2; exit 1; }
    ours=$(taskset -c "$cores" "$reprise" --threads "$threads" bench step --model gpt2-124m --sequences 4 --max-seq-len 64 --json |
      python3 -c 'import json, sys; print(json.load(sys.stdin)["results"][0]["ms"])')
    awk -v t="$threads" -v a="$theirs" -v b="$ours" 'BEGIN { printf "%d threads: llm.c %.0f ms, reprise %.0f ms, ratio %.2f\n", t, a, b, a / b }'
  done
done
