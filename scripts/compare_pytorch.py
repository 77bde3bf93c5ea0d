#!/usr/bin/env python3
"""Times training steps of reprise and of PyTorch on this CPU, in turn, and reports the ratios.

    go build -o reprise ./cmd/reprise
    /usr/bin/python3 scripts/compare_pytorch.py --reprise ./reprise --model llama-15m

Needs PyTorch (Debian: python3-torch) and nothing else. The same shapes, random weights and random ids on both sides; a step
is forward pass, loss, backward pass, clipping of the gradient's global norm, AdamW. Losses:

    full    cross-entropy over the whole vocabulary
    replay  cross-entropy over 64 ids per position, whose rows of the head are gathered (PyTorch) or visited (reprise)

reprise runs full with AdamW and replay with MoClip, which are their usual optimizers. PyTorch runs in a process of its own with
OPENBLAS_* removed from the environment (a machine may set OPENBLAS_CORETYPE to slower kernels), once with its defaults (default)
and once with allocator settings that keep its memory from going back to the system after every step (tuned). Every round runs
all sides once, in alternating order. A side's time is the median of its steps after three to warm up, and ratios are formed
only within a round. A ratio above 1 means that reprise is faster. Reprise's time is printed with the peak that it measured
between its steps: if the peak falls from one round to the next, other programs were running, and the round should be discarded.

OpenBLAS chooses its kernels by the processor; the summary names its choice. A setting may force another, such as
--settings tuned,tuned:Haswell, to check that PyTorch is not slowed down by that choice.

With --out FILE every side is written to FILE as soon as it is measured, and sides that FILE holds are not measured again: a long
comparison may be interrupted, or done in several calls. A new binary needs a new FILE.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

TUNED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}

# d: hidden size; f: width of the MLP; kv: key and value heads; sequences: of 256 tokens, per step. As in reprise bench step.
SHAPES = {
    "llama-15m": dict(family="llama", vocab=32000, d=288, f=768, layers=6, heads=6, kv=6, sequences=8),
    "llama-135m": dict(family="llama", vocab=49152, d=576, f=1536, layers=30, heads=9, kv=3, sequences=2),
    "gpt2-124m": dict(family="gpt2", vocab=50257, d=768, f=3072, layers=12, heads=12, kv=12, sequences=4),
}
SEQUENCE = 256
SUBSET = 64
WARM_UP = 3


def build(shape, torch):
    """The decoder, written out: token ids [B, T] to normalised hidden states [B, T, d]; the head is the embedding."""
    nn, F = torch.nn, torch.nn.functional
    d, heads, kv = shape["d"], shape["heads"], shape["kv"]
    head_dim = d // heads
    causal = torch.full((SEQUENCE, SEQUENCE), float("-inf")).triu(1)

    def attend(q, k, v):
        scores = q @ k.transpose(-1, -2) * head_dim**-0.5 + causal
        return torch.softmax(scores, -1) @ v

    class RMSNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(d))

        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight

    angle = torch.outer(torch.arange(SEQUENCE), 10000.0 ** (-torch.arange(0, head_dim, 2) / head_dim))
    cos, sin = torch.cat([angle, angle], 1).cos(), torch.cat([angle, angle], 1).sin()

    def rotate(x):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    class LlamaBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.n1, self.n2 = RMSNorm(), RMSNorm()
            self.q = nn.Linear(d, d, bias=False)
            self.k = nn.Linear(d, kv * head_dim, bias=False)
            self.v = nn.Linear(d, kv * head_dim, bias=False)
            self.o = nn.Linear(d, d, bias=False)
            self.gate = nn.Linear(d, shape["f"], bias=False)
            self.up = nn.Linear(d, shape["f"], bias=False)
            self.down = nn.Linear(shape["f"], d, bias=False)

        def forward(self, x):
            b, t, _ = x.shape
            h = self.n1(x)
            q, k, v = (p(h).view(b, t, -1, head_dim).transpose(1, 2) for p in (self.q, self.k, self.v))
            q, k = rotate(q), rotate(k)
            if kv < heads:
                k, v = (y[:, :, None].expand(b, kv, heads // kv, t, head_dim).reshape(b, heads, t, head_dim) for y in (k, v))
            x = x + self.o(attend(q, k, v).transpose(1, 2).reshape(b, t, d))
            h = self.n2(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class GPT2Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.up, self.down = nn.Linear(d, shape["f"]), nn.Linear(shape["f"], d)

        def forward(self, x):
            b, t, _ = x.shape
            q, k, v = (y.view(b, t, heads, head_dim).transpose(1, 2) for y in self.qkv(self.n1(x)).split(d, -1))
            x = x + self.o(attend(q, k, v).transpose(1, 2).reshape(b, t, d))
            h = self.up(self.n2(x))
            return x + self.down(0.5 * h * (1 + torch.tanh(0.7978845608028654 * (h + 0.044715 * h * h * h))))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            gpt2 = shape["family"] == "gpt2"
            self.embed = nn.Embedding(shape["vocab"], d)
            self.places = nn.Embedding(1024, d) if gpt2 else None
            self.blocks = nn.ModuleList((GPT2Block if gpt2 else LlamaBlock)() for _ in range(shape["layers"]))
            self.norm = nn.LayerNorm(d) if gpt2 else RMSNorm()
            for p in self.parameters():
                if p.dim() > 1:
                    nn.init.normal_(p, std=0.02)

        def forward(self, ids):
            x = self.embed(ids)
            if self.places is not None:
                x = x + self.places.weight[: ids.shape[1]]
            for block in self.blocks:
                x = block(x)
            return self.norm(x)

    return Decoder()


def zipf_subsets(gold, vocab, torch):
    """64 distinct ids per position, drawn by Zipf's law, the gold id first."""
    by_rank = torch.randperm(vocab)
    rank_weights = 1 / torch.arange(1, vocab + 1, dtype=torch.float64)
    rows = []
    for g in gold.tolist():
        ids = by_rank[torch.multinomial(rank_weights, SUBSET)]
        ids = ids[ids != g][: SUBSET - 1]
        rows.append(torch.cat([torch.tensor([g]), ids]))
    return torch.stack(rows)


def pytorch_side(a):
    """Runs in a process of its own: prints one JSON object."""
    import resource

    import torch

    torch.set_num_threads(a.threads)
    torch.ones(64, 64) @ torch.ones(64, 64)
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
        if not any(name in loaded for name in ["openblas", "mkl"]):
            sys.exit("compare_pytorch: PyTorch multiplies with the reference BLAS, some 20 times slower than it can be; "
                     "install OpenBLAS first: apt-get install libopenblas0-pthread")
    torch.manual_seed(1)
    shape = SHAPES[a.model]
    model = build(shape, torch)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], lr=1e-4, betas=(0.9, 0.999), eps=1e-8
    )
    ids = torch.randint(shape["vocab"], (a.sequences or shape["sequences"], SEQUENCE))
    gold = ids[:, 1:].reshape(-1)
    subsets = zipf_subsets(gold, shape["vocab"], torch) if a.loss == "replay" else None
    first = torch.zeros(len(gold), dtype=torch.long)

    def step():
        optimizer.zero_grad(set_to_none=True)
        h = model(ids)[:, :-1].reshape(-1, shape["d"])
        if subsets is None:
            loss = torch.nn.functional.cross_entropy(h @ model.embed.weight.t(), gold)
        else:
            rows = torch.nn.functional.embedding(subsets, model.embed.weight)  # [positions, 64, d]
            loss = torch.nn.functional.cross_entropy(torch.bmm(rows, h.unsqueeze(2)).squeeze(2), first)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    times = []
    for i in range(WARM_UP + a.steps):
        start = time.perf_counter()
        step()
        if i >= WARM_UP:
            times.append(1e3 * (time.perf_counter() - start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"ms": statistics.median(times), "peak_rss_mb": peak, "version": torch.__version__}))


def clean_environment(extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "MALLOC_", "OMP_", "MKL_"))}
    env.update(extra)
    return env


def run(command, env, threads):
    """The command's stdout, read as JSON, and its stderr."""
    # As many cores as threads: OpenBLAS also uses the number of cores, because its own variables are unset.
    cores = sorted(os.sched_getaffinity(0))[:threads]
    if len(cores) < threads:
        sys.exit(f"compare_pytorch: --threads {threads}: this process may use {len(cores)} cores")
    done = subprocess.run(command, env=env, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if done.returncode != 0:
        sys.exit(f"{done.stderr}{' '.join(command)}: exit code {done.returncode}")
    return json.loads(done.stdout), done.stderr


def reprise(a, loss, optimizer, threads):
    command = [a.reprise, "--threads", str(threads), "bench", "step", "--model", a.model, "--loss", loss, "--optimizer", optimizer]
    if a.sequences:
        command += ["--sequences", str(a.sequences)]
    result, _ = run(command + ["--repetitions", str(a.steps), "--json"], clean_environment({}), threads)
    return result["results"][0]


def pytorch(a, loss, settings, threads):
    command = [sys.executable, os.path.abspath(__file__), "--side", "pytorch", "--model", a.model, "--loss", loss]
    allocator, _, core = settings.partition(":")
    env = clean_environment(dict(TUNED if allocator == "tuned" else {}, OMP_NUM_THREADS=str(threads), OPENBLAS_VERBOSE="2"))
    if core:
        env["OPENBLAS_CORETYPE"] = core
    command += ["--threads", str(threads), "--steps", str(a.steps), "--sequences", str(a.sequences)]
    result, said = run(command, env, threads)
    result["core"] = " ".join(re.findall(r"^Core: (.*)$", said, re.MULTILINE))  # the kernels that OpenBLAS says it uses
    if core and result["core"].lower() != core.lower():
        sys.exit(f"compare_pytorch: --settings {settings}: OpenBLAS takes {result['core']} instead")
    return result


class Notebook:
    """The sides measured so far, one JSON object per line in the file of --out."""

    def __init__(self, path):
        self.path, self.seen = path, {}
        if path and os.path.exists(path):
            with open(path) as lines:
                self.seen = {json.dumps(key): result for key, result in map(json.loads, lines)}

    def measure(self, key, side):
        """The result of side(), or that of an earlier call under the same key."""
        name = json.dumps(key)
        if name not in self.seen:
            self.seen[name] = side()
            if self.path:
                with open(self.path, "a") as out:
                    print(json.dumps([key, self.seen[name]]), file=out)
        return self.seen[name]


def compare(a, threads, notebook):
    """All sides, a.rounds times in turn."""
    sides = {}
    for loss in a.losses.split(","):
        optimizer = "adamw" if loss == "full" else "moclip"
        sides["reprise", loss] = lambda loss=loss, optimizer=optimizer: reprise(a, loss, optimizer, threads)
        for settings in a.settings.split(","):
            sides["pytorch " + settings, loss] = lambda loss=loss, settings=settings: pytorch(a, loss, settings, threads)
    ratios, times, memory, cores = {}, {}, {}, {}
    for n in range(a.rounds):
        order = list(sides) if n % 2 == 0 else list(sides)[::-1]
        got = {side: notebook.measure([a.model, a.sequences, a.steps, threads, n, *side], sides[side]) for side in order}
        for side, r in got.items():
            times.setdefault(side, []).append(r["ms"])
            memory[side] = max(memory.get(side, 0), r["peak_rss_mb"])
            cores[side] = r.get("core")
        for (ours, loss), r in got.items():
            if ours != "reprise":
                continue
            peers = [(p, other) for p, other in got if p != "reprise" and (other == loss or other == "full")]
            for peer in peers:
                ratio = got[peer]["ms"] / r["ms"]
                ratios.setdefault((loss, peer), []).append(ratio)
                print(
                    f"round {n + 1}  {a.model}  {threads} threads  reprise {loss} {r['ms']:8.1f} ms (MFU {100 * r['mfu']:5.1f} % of {r['peak_gflops']:.0f} GFLOP/s)  "
                    f"{peer[0]} {peer[1]} {got[peer]['ms']:8.1f} ms  ratio {ratio:5.2f}",
                    flush=True,
                )
    results = []
    for (loss, peer), values in ratios.items():
        results.append(
            dict(model=a.model, threads=threads, loss=loss, peer=peer[0], peer_loss=peer[1], peer_core=cores[peer], ratio=statistics.median(values), lowest=min(values), highest=max(values),
                 ms=statistics.median(times["reprise", loss]), peer_ms=statistics.median(times[peer]),
                 peak_rss_mb=memory["reprise", loss], peer_peak_rss_mb=memory[peer])
        )
    return results


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--reprise", default="./reprise", help="the reprise binary")
    p.add_argument("--model", default="llama-15m", choices=SHAPES)
    p.add_argument("--losses", default="full,replay", help="full, replay or both")
    p.add_argument("--settings", default="default,tuned", help="PyTorch's allocator: default, tuned; with :CORE also OpenBLAS's kernels")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=5, help="measured steps of a side in a round, after three to warm up")
    p.add_argument("--sequences", type=int, default=0, help="of 256 tokens, per step; 0: the model's usual number")
    p.add_argument("--out", metavar="FILE", help="write every measured side down, and go on from what FILE holds")
    p.add_argument("--json", action="store_true", help="print the summary as one JSON object, last")
    p.add_argument("--side", choices=["pytorch"], help=argparse.SUPPRESS)
    p.add_argument("--loss", default="full", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.side:
        a.threads = int(a.threads)
        return pytorch_side(a)
    notebook = Notebook(a.out)
    results = [r for threads in a.threads.split(",") for r in compare(a, int(threads), notebook)]
    print("\nmedian ratio (lowest to highest), above 1: reprise is faster; median ms of a step and peak memory in MB of both")
    for r in results:
        print(
            f"{r['model']}  {r['threads']} threads  reprise {r['loss']:6} against {r['peer']:15} {r['peer_loss']:6} ({r['peer_core']})  {r['ratio']:5.2f} "
            f"({r['lowest']:.2f} to {r['highest']:.2f})  ms {r['ms']:.0f} / {r['peer_ms']:.0f}  memory {r['peak_rss_mb']:.0f} / {r['peer_peak_rss_mb']:.0f}"
        )
    if a.json:
        print(json.dumps({"results": results}))


if __name__ == "__main__":
    main()
