"""Writes losses and gradients of the terms of Stage 1, computed by PyTorch's autograd in float64 from the formulas of docs/METHOD.md.

    apt-get install python3-torch
    /usr/bin/python3 testdata/rehearsal/make.py

cases.json: hidden states h and a head w over a small vocabulary; positions with the ids, base log-probabilities (float16 values) and
the mass that a record would hold; a tail for each of two sequences; and for every combination of normaliser, loss of what is
rehearsed, anchor and token weights: the loss that is reported for every position, its KL, and the gradients of h and w of

    scale · Σ domain (weight·cross-entropy + kl·KL)  +  rehearsal_scale · Σ rehearsed loss

Positions from `from` on are rehearsed. All inputs are exact in float32.
"""
import hashlib
import json
import math
import os
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261201
TOKENS, VOCAB, WIDTH, FROM, SECOND = 9, 26, 5, 4, 5  # positions 0..3 and 4 are of two sequences; 4 to 7 are rehearsed
SCALE, AGAIN = 0.25, 0.375


def make_inputs():
    g = torch.Generator().manual_seed(SEED)
    grid = lambda *shape, over=128.0: torch.round(torch.randn(*shape, generator=g, dtype=torch.float64) * over * 0.8) / over
    h, w = grid(TOKENS, WIDTH), grid(VOCAB, WIDTH)
    before = w + grid(VOCAB, WIDTH) * 0.4  # the head of the base model
    positions = []
    for i, row in enumerate([0, 1, 3, 4, 5, 6, 7, 8]):
        logb = torch.log_softmax(before @ h[row], 0)
        order = torch.argsort(logb, descending=True).tolist()
        prefix = order[:[6, 3, 1, 8, 6, 3, 1, 9][i]]
        gold = order[[2, 20, 0, 12, 3, 15, 0, 1][i]]  # inside and outside the prefix
        ids = sorted(set(prefix + [gold]))
        rest = 1 - float(torch.exp(logb[ids]).sum())
        positions.append({"row": row, "gold": gold, "ids": ids, "log_prob": [float(x.half().double()) for x in logb[ids]],
                          "rest": float(torch.tensor(rest).half().double()), "outside": gold not in prefix})
    tails = []
    for k in range(2):
        ids = sorted(torch.randperm(VOCAB, generator=g)[:7].tolist())
        tails.append({"ids": ids, "offset": [round(float(x) * 64) / 64 for x in torch.rand(7, generator=g, dtype=torch.float64) * 2 - 0.5]})
    return {"h": h.tolist(), "w": w.tolist(), "from": FROM, "second_sequence": SECOND, "scale": SCALE, "rehearsal_scale": AGAIN, "positions": positions, "tails": tails}


def log_probs(z, p, normaliser, tail):
    """The log-probabilities of the position's ids, and those of everything else, under a normaliser."""
    others = [j for j in range(VOCAB) if j not in p["ids"]]
    if normaliser == "full":
        outside = z[others]
    elif normaliser == "tail":
        pick = [k for k, j in enumerate(tail["ids"]) if j not in p["ids"]]
        outside = z[[tail["ids"][k] for k in pick]] + torch.tensor([tail["offset"][k] for k in pick], dtype=torch.float64)
    else:
        outside = z[:0]
    inside = z[p["ids"]]
    lse = torch.logsumexp(torch.cat([inside, outside]), 0)
    return inside - lse, outside - lse


def divergence(b, r, log_in, log_out):
    """KL over ids and one bucket for the rest; without the bucket where the model has no rest, with b scaled to the sum 1."""
    if len(log_out) == 0:
        b, r = b / b.sum(), torch.zeros(())
    kl = (b * (torch.log(b) - log_in)).sum()
    return kl + r * (torch.log(r) - torch.logsumexp(log_out, 0)) if r > 0 else kl


def masked(b, r, log_in, log_out, y):
    """The same with the gold id taken out of both distributions, and what is left of each scaled to the sum 1."""
    keep = [k for k in range(len(b)) if k != y]
    left = torch.logsumexp(torch.cat([log_in[keep], log_out]), 0)
    if len(log_out) == 0:
        r = torch.zeros(())
    scale = b[keep].sum() + r
    if float(scale) == 0:
        return torch.zeros(())
    return divergence(b[keep] / scale, r / scale, log_in[keep] - left, log_out - left)


def weight(kind, z, log_in, y):
    if kind == "dft":
        return torch.exp(log_in[y]).detach()
    if kind == "eaft":
        q = torch.log_softmax(torch.topk(z.detach(), 20).values, 0)
        return -(torch.exp(q) * q).sum() / math.log(20)
    return 1.0


def run(given, case):
    h, w = (torch.tensor(given[k], dtype=torch.float64, requires_grad=True) for k in "hw")
    total, losses, kls = 0.0, [], []
    for i, p in enumerate(given["positions"]):
        z = w @ h[p["row"]]
        log_in, log_out = log_probs(z, p, case["normaliser"], given["tails"][i >= SECOND])
        y = p["ids"].index(p["gold"])
        b, r = torch.exp(torch.tensor(p["log_prob"], dtype=torch.float64)), torch.tensor(p["rest"], dtype=torch.float64)
        ce = -log_in[y]
        if i < FROM:
            loss, term = ce, weight(case["token_weights"], z, log_in, y) * ce
            if case["kl"] > 0:
                kl = masked(b, r, log_in, log_out, y) if case["kl_form"] == "masked" else divergence(b, r, log_in, log_out)
                kls.append(float(kl))
                term = term + case["kl"] * kl
            total = total + SCALE * term
        else:
            if case["kind"] == "kl":
                loss = divergence(b, r, log_in, log_out)
            elif case["kind"] == "soft" and not p["outside"]:
                loss = -(b / b.sum() * log_in).sum()
            else:
                loss = ce
            total = total + AGAIN * loss
        losses.append(float(loss))
    total.backward()
    short = lambda x: [float("%.8g" % v) for v in x]
    return {**case, "losses": short(losses), "kls": short(kls), "dh": short(h.grad.flatten().tolist()), "dw": short(w.grad.flatten().tolist())}


given = make_inputs()
cases = []
for normaliser in ["full", "bare", "tail"]:
    for kind in ["ce", "soft", "kl"]:
        for kl, form in [(0, "anchor"), (0.75, "anchor"), (0.75, "masked")]:
            cases.append({"normaliser": normaliser, "kind": kind, "kl": kl, "kl_form": form, "token_weights": "none"})
for weights in ["dft", "eaft"]:
    for kl, form in [(0, "anchor"), (0.75, "anchor"), (0.75, "masked")]:
        cases.append({"normaliser": "full", "kind": "soft", "kl": kl, "kl_form": form, "token_weights": weights})
dump = lambda x: json.dumps(x, separators=(",", ":"))
with open(os.path.join(HERE, "cases.json"), "w") as f:
    f.write(dump(given)[:-1] + ',"cases":[\n' + ",\n".join(dump(run(given, c)) for c in cases) + "\n]}\n")
files = {n: hashlib.sha256(open(os.path.join(HERE, n), "rb").read()).hexdigest() for n in sorted(os.listdir(HERE)) if n != "manifest.json"}
with open(os.path.join(HERE, "manifest.json"), "w") as f:
    f.write(json.dumps({"made_by": "testdata/rehearsal/make.py", "command": "/usr/bin/python3 testdata/rehearsal/make.py",
                        "oracle": {"package": "PyTorch %s, autograd in float64" % torch.__version__, "python": sys.version.split()[0]}, "seed": SEED,
                        "counts": {"cases": len(cases), "positions": len(given["positions"]), "outside": sum(p["outside"] for p in given["positions"])}, "files": files}, indent=1) + "\n")
