"""Writes what every step of choosing a token should give, computed with PyTorch.

    apt-get install python3-torch
    /usr/bin/python3 testdata/sampling/make.py

sampling.json.gz has cases of logits, history and settings, each with the logits after the penalties (float32, to be met to the bit),
the probabilities after the temperature (float64), the ids that top-k, top-p and min-p leave, in order, and their probabilities.

The steps and their order are those of transformers' generate: repetition penalty, temperature, top-k, top-p, min-p. Presence and
frequency penalty follow OpenAI's formula and stand after the repetition penalty. One thing differs from transformers: of equal
probabilities the smaller id comes first, also at the end of the k most probable ones, where transformers keeps all that are equal.

What rounding in float32 could decide otherwise is not asked: a case is drawn again where two probabilities are close without being
equal, or where a mass or a probability lies close to its limit. A logit of minus infinity is written as null.
"""
import gzip
import hashlib
import json
import os
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261130
NONE = dict(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, presence_penalty=0.0, frequency_penalty=0.0)


def penalise(z, prompt, made, s):
    """Repetition penalty over prompt and continuation, then frequency and presence penalty over the continuation."""
    single = lambda x: torch.tensor(x, dtype=torch.float32)
    z = z.clone()
    seen = torch.tensor(sorted(set(prompt) | set(made)), dtype=torch.long)
    was = z[seen]
    r = single(s["repetition_penalty"])
    z[seen] = torch.where(was < 0, was * r, was / r)
    count = torch.bincount(torch.tensor(made, dtype=torch.long), minlength=len(z)).to(torch.float32)
    z = z - single(s["frequency_penalty"]) * count
    return z - single(s["presence_penalty"]) * (count > 0).to(torch.float32)


def close(values, limit, gap):
    """Whether a value lies close to the limit."""
    return bool(((values - limit).abs() < gap).any())


def steps(z, s):
    """The probabilities after the temperature, and the ids after top-k, top-p and min-p; None where rounding could decide."""
    scaled = z.to(torch.float64) / s["temperature"]
    p = torch.softmax(scaled, 0)
    order = torch.sort(p, descending=True, stable=True).indices
    order = order[p[order] > 1e-37 * p.max()]  # float32 knows no smaller weight
    falling = scaled[order]
    gaps = falling[:-1] - falling[1:]
    if bool(((gaps > 0) & (gaps < 1e-4)).any()) or close(p / p.max(), 1e-37, 1e-38):
        return None
    kept = order if s["top_k"] == 0 else order[: s["top_k"]]
    after_k = kept
    q = p[kept] / p[kept].sum()
    if s["top_p"] < 1:
        before = torch.cumsum(q, 0) - q  # the mass of what is more probable
        if close(before[1:], s["top_p"], 1e-5):
            return None
        kept = kept[before < s["top_p"]]
    after_p = kept
    if s["min_p"] > 0:
        q = p[kept] / p[kept].max()
        if close(q[q < 1], s["min_p"], 1e-5):
            return None
        kept = kept[q >= s["min_p"]]
    return p, after_k, after_p, kept, p[kept] / p[kept].sum()


def digits(values):
    return [float("%.9g" % x) for x in values.tolist()]


def case(name, z, prompt, made, settings):
    s = dict(NONE, **settings)
    changed = penalise(z, prompt, made, s)
    result = steps(changed, s)
    if result is None:
        return None
    p, after_k, after_p, after_min, last = result
    assert len(after_min) > 0
    text = lambda z: [None if x == float("-inf") else x for x in z.tolist()]
    return {"name": name, "settings": s, "prompt": prompt, "made": made, "logits": text(z), "penalised": text(changed),
            "greedy": int((changed == changed.max()).nonzero()[0]), "probabilities": digits(p), "top_k": after_k.tolist(), "top_p": after_p.tolist(),
            "min_p": after_min.tolist(), "last": digits(last)}


def main():
    torch.manual_seed(SEED)
    draw = lambda n, spread: torch.round(torch.randn(n) * spread * 64) / 64  # float32 holds them exactly, and some are equal
    some = lambda n, top: torch.randint(0, top, (n,)).tolist()
    cases, again = [], 0

    def add(name, logits, prompt, made, **settings):
        nonlocal again
        for _ in range(200):
            c = case(name, logits(), prompt, made, settings)
            if c is not None:
                cases.append(c)
                return
            again += 1
        sys.exit(name + ": rounding could decide every case that was drawn")

    for n, spread in ((50, 3), (130, 5)):
        many = lambda n=n, spread=spread: draw(n, spread)
        history = (some(12, n), some(9, 12))  # the continuation repeats some ids
        for name, settings in {
            "nothing": {}, "warm": dict(temperature=1.7), "cold": dict(temperature=0.25), "top-k": dict(top_k=7),
            "top-p": dict(top_p=0.9), "min-p": dict(min_p=0.05), "top-k, top-p": dict(top_k=20, top_p=0.8),
            "top-k, min-p": dict(top_k=20, min_p=0.1), "top-p, min-p": dict(top_p=0.95, min_p=0.02),
            "temperature, top-k, top-p, min-p": dict(temperature=1.3, top_k=15, top_p=0.97, min_p=0.03),
            "repetition": dict(repetition_penalty=1.3), "repetition below 1": dict(repetition_penalty=0.7),
            "presence": dict(presence_penalty=1.1), "frequency": dict(frequency_penalty=0.37),
            "negative penalties": dict(presence_penalty=-0.5, frequency_penalty=-0.2),
            "all": dict(temperature=0.8, top_k=25, top_p=0.93, min_p=0.01, repetition_penalty=1.15, presence_penalty=0.4, frequency_penalty=0.3),
            "a model's usual": dict(temperature=0.7, top_k=20, top_p=0.8, repetition_penalty=1.05),
        }.items():
            add("%s, %d ids" % (name, n), many, *history, **settings)

    few = lambda: draw(20, 2)
    add("k above the vocabulary", few, [1], [2], top_k=500)
    add("k of the vocabulary", few, [1], [2], top_k=20)
    add("k of 1", few, [1], [2], top_k=1)
    add("min-p of 1", few, [1], [2], min_p=1.0)
    add("min-p of 1, two are greatest", lambda: torch.tensor([0.5, 2.0, 1.0, 2.0]), [], [], min_p=1.0)
    add("a very small top-p", few, [1], [2], top_p=1e-9)
    add("all mass on one id", lambda: torch.tensor([0.0] * 6 + [300.0] + [0.0] * 5), [1], [2], top_p=0.5)
    add("all mass on one id, k of 5", lambda: torch.tensor([0.0] * 6 + [300.0] + [0.0] * 5), [1], [2], top_k=5)
    add("all equal", lambda: torch.full((16,), -1.5), [], [], top_k=5, top_p=0.7)
    add("all equal, top-p", lambda: torch.full((16,), -1.5), [], [], top_p=0.7)
    add("ties at the end of k", lambda: torch.tensor([1.0, 3.0, 2.0, 2.0, 2.0, 0.0]), [], [], top_k=3)
    add("ids that are ruled out", lambda: torch.tensor([float("-inf"), 1.0, float("-inf"), 0.5, -2.0]), [0, 1], [2, 3], top_k=4,
        repetition_penalty=1.5, presence_penalty=1.0)
    add("penalties that do nothing", few, some(5, 20), some(5, 20), repetition_penalty=1.0, presence_penalty=0.0, frequency_penalty=0.0)
    add("a penalised id that is 0", lambda: torch.tensor([0.0, -0.0, 1.0, -1.0]), [0, 1, 2, 3], [], repetition_penalty=2.0)
    add("repetition of the prompt alone", few, some(8, 20), [], repetition_penalty=1.4, presence_penalty=1.0, frequency_penalty=1.0)
    add("one id, many times", few, [], [3] * 40, frequency_penalty=0.1)
    add("a vocabulary of 1", lambda: torch.tensor([-3.0]), [0], [0], top_k=1, top_p=0.5, min_p=0.5, repetition_penalty=1.2)

    text = "[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n"
    with open(os.path.join(HERE, "sampling.json.gz"), "wb") as f:
        f.write(gzip.compress(text.encode(), mtime=0))
    digest = lambda name: hashlib.sha256(open(os.path.join(HERE, name), "rb").read()).hexdigest()
    manifest = {
        "made_by": "testdata/sampling/make.py", "command": "/usr/bin/python3 testdata/sampling/make.py",
        "oracle": {"package": "PyTorch " + torch.__version__ + ", penalties in float32, probabilities in float64", "python": sys.version.split()[0]},
        "seed": SEED, "counts": {"cases": len(cases), "drawn_again": again},
        "files": {name: digest(name) for name in ("make.py", "sampling.json.gz")},
    }
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=1)
        f.write("\n")
    print(len(cases), "cases,", again, "drawn again")


if __name__ == "__main__":
    main()
