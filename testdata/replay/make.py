"""Writes the subsets that Stage 0 should record, computed in float64 with NumPy from all logits of a position, sorted.

    apt-get install python3-numpy
    /usr/bin/python3 testdata/replay/make.py        # after ../data and ../gguf

synthetic.json: logits by a formula that gives the same float32 in any language (see `logit`), for several rules, with ties, with
gold ids just inside, just outside and far from a full prefix, and in `always`.
model.json: the model ../gguf/llama over documents of ../data/expected.json, its forward pass in float64.

What rounding in float32 could decide otherwise is not asked: positions where a cumulative mass lies close to tau, or where the
last id inside and the first one outside the prefix are close without being equal.
"""
import hashlib
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261130
MASK = 2**64 - 1


def splitmix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def logit(shape, row, i):
    """The logit of id i in a row. All values are multiples of 1/512 below 512, so float32 holds them exactly."""
    u = splitmix(SEED + (row << 32) + i)
    if shape == "spread":  # four sums of 12 bits: close to a normal distribution of deviation 4.6
        return ((u & 4095) + (u >> 12 & 4095) + (u >> 24 & 4095) + (u >> 36 & 4095) - 8190) / 512
    if shape == "ties":
        return float(u % 7) - 3
    if shape == "equal":
        return -2.0
    if shape == "signed zeros":
        return -0.0 if u & 1 else 0.0
    if shape == "peaked":
        return ((u & 255) * (u >> 8 & 255) >> 8) / 8
    if shape == "rising":
        return i / 8
    if shape == "falling":
        return -i / 8
    raise ValueError(shape)


def subset(z, gold, rule, margin, gap):
    """The rule carried out on the sorted softmax, or None where rounding could decide otherwise."""
    z = np.array(z, dtype=np.float64)
    order = np.lexsort((np.arange(len(z)), -(z + 0.0)))  # falling logit, ties to the smaller id; -0 is 0
    logz = z.max() + np.log(np.exp(z - z.max()).sum())
    cum = np.cumsum(np.exp(z[order] - logz))
    most = min(rule["k_max"], len(z))
    n = 0
    while n < most and (n < rule["k_min"] or cum[n - 1] < rule["tau"]):
        n += 1
        if n >= rule["k_min"] and n < most and abs(cum[n - 1] - rule["tau"]) < margin:
            return None
    if n < len(z) and 0 < z[order[n - 1]] - z[order[n]] < gap:
        return None
    prefix = [int(i) for i in order[:n]]
    ids = sorted(set(prefix + [gold] + rule["always"]))
    p = np.exp(z - logz)
    return {"gold": gold, "ids": ids, "log_prob": [float("%.7g" % (z[i] - logz)) for i in ids], "mass": float("%.9g" % p[ids].sum()),
            "index": ids.index(gold), "outside": gold not in prefix, "prefix": n}, order, n


def synthetic():
    sets = []
    shapes = [("spread", 2500), ("spread", 1024), ("spread", 70), ("ties", 2500), ("ties", 300), ("equal", 1500), ("signed zeros", 1100), ("peaked", 2500), ("rising", 2500), ("falling", 2500)]
    rules = [
        {"tau": 0.95, "k_min": 4, "k_max": 32, "always": []}, {"tau": 0.5, "k_min": 1, "k_max": 24, "always": [0, 60]},
        {"tau": 0.01, "k_min": 1, "k_max": 1, "always": []}, {"tau": 0.3, "k_min": 12, "k_max": 12, "always": [5]},
        {"tau": 0.9, "k_min": 1, "k_max": 4000, "always": [69]},
    ]
    for s, (shape, vocab) in enumerate(shapes):
        for r, rule in enumerate(rules):
            if rule["k_max"] == 4000 and shape in ("ties", "equal", "signed zeros"):
                continue  # long lists
            rows, left_out = [], 0
            for k in range(6):
                row = s * 100 + k
                z = [logit(shape, row, i) for i in range(vocab)]
                made = subset(z, 0, rule, 1e-6, 0)
                if made is None:
                    left_out += 1
                    continue
                _, order, n = made
                # gold: the best id, the last inside, the first outside, the last of all, one at random, one of `always`
                places = [order[0], order[n - 1], order[min(n, vocab - 1)], order[-1], splitmix(row) % vocab, rule["always"][0] if rule["always"] else order[vocab // 2]]
                rows.append({"row": row, **subset(z, int(places[k]), rule, 1e-6, 0)[0]})
            sets.append({"shape": shape, "vocab": vocab, "rule": rule, "left_out": left_out, "rows": rows})
    return sets


# ---- a llama in float64

def weights(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        a, b = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + size + a:8 + size + b], "<f2").astype(np.float64).reshape(t["shape"])
    return out


def forward(w, c, ids):
    d, heads, kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    hd, n = d // heads, len(ids)

    def norm(x, scale):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + c["rms_norm_eps"]) * scale

    angle = np.arange(n)[:, None] * c["rope_theta"] ** (-np.arange(0, hd, 2) / hd)
    cos, sin = np.tile(np.cos(angle), 2), np.tile(np.sin(angle), 2)

    def rope(x):  # rotates the two halves of a head
        return x * cos + np.concatenate([-x[:, hd // 2:], x[:, :hd // 2]], 1) * sin

    x = w["model.embed_tokens.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        p = "model.layers.%d." % i
        h = norm(x, w[p + "input_layernorm.weight"])
        q, k, v = (h @ w[p + "self_attn.%s_proj.weight" % s].T for s in "qkv")
        out = []
        for a in range(heads):
            b = a // (heads // kv)
            score = rope(q[:, a * hd:(a + 1) * hd]) @ rope(k[:, b * hd:(b + 1) * hd]).T / np.sqrt(hd)
            score[np.triu_indices(n, 1)] = -np.inf
            e = np.exp(score - score.max(-1, keepdims=True))
            out.append(e / e.sum(-1, keepdims=True) @ v[:, b * hd:(b + 1) * hd])
        x = x + np.concatenate(out, 1) @ w[p + "self_attn.o_proj.weight"].T
        h = norm(x, w[p + "post_attention_layernorm.weight"])
        gate = h @ w[p + "mlp.gate_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w[p + "mlp.up_proj.weight"].T)) @ w[p + "mlp.down_proj.weight"].T
    return norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T


def model():
    folder = os.path.join(HERE, "..", "gguf", "llama")
    w, c = weights(os.path.join(folder, "model.safetensors")), json.load(open(os.path.join(folder, "config.json")))
    runs = json.load(open(os.path.join(HERE, "..", "data", "expected.json"), encoding="utf-8"))
    docs = next(r for r in runs if r["file"] == "pairs.jsonl" and r["tokenizer"] == "llama2" and r["max"] == 512)["docs"]
    docs = [[ids[:40], [[a, min(b, 40)] for a, b in loss]] for ids, loss in docs if len(ids) >= 10][:12]
    llama = next(r for r in json.load(open(os.path.join(HERE, "..", "gguf", "reference.json"), encoding="utf-8")) if r["model"] == "llama" and r["dtype"] == "f32")
    docs.append([llama["ids"] + llama["greedy"], [[1, 99]]])  # what the model itself would say
    rule = {"tau": 0.6, "k_min": 2, "k_max": 16, "always": [2]}
    out, left_out = [], 0
    for ids, loss in docs:
        z = forward(w, c, ids)
        rows = []
        for t in range(len(ids) - 1):
            if any(a <= t + 1 < b for a, b in loss) or t % 6 == 0:
                made = subset(z[t], ids[t + 1], rule, 1e-4, 1e-4)
                if made is None:
                    left_out += 1
                else:
                    rows.append({"position": t, **made[0]})
        out.append({"ids": ids, "rows": rows})
    return {"model": "../gguf/llama", "rule": rule, "left_out": left_out, "documents": out}


def dump(x):
    return json.dumps(x, separators=(",", ":"))


def nested(head, key, rows):
    return dump({k: v for k, v in head.items() if k != key})[:-1] + ',"%s":[\n' % key + ",\n".join(rows) + "\n]}"


sets = synthetic()
with open(os.path.join(HERE, "synthetic.json"), "w") as f:
    f.write("[\n" + ",\n".join(nested(s, "rows", map(dump, s["rows"])) for s in sets) + "\n]\n")
m = model()
with open(os.path.join(HERE, "model.json"), "w") as f:
    f.write(nested(m, "documents", (nested(d, "rows", map(dump, d["rows"])) for d in m["documents"])) + "\n")
rows = [r for s in sets for r in s["rows"]]
recorded = [r for d in m["documents"] for r in d["rows"]]
counts = {"synthetic": len(rows), "synthetic_outside": sum(r["outside"] for r in rows), "synthetic_left_out": sum(s["left_out"] for s in sets),
          "synthetic_full": sum(r["prefix"] == s["rule"]["k_max"] for s in sets for r in s["rows"]),
          "model": len(recorded), "model_full": sum(r["prefix"] == m["rule"]["k_max"] for r in recorded), "model_outside": sum(r["outside"] for r in recorded), "model_left_out": m["left_out"]}
print(counts)
files = {n: hashlib.sha256(open(os.path.join(HERE, n), "rb").read()).hexdigest() for n in sorted(os.listdir(HERE)) if n != "manifest.json"}
with open(os.path.join(HERE, "manifest.json"), "w") as f:
    f.write(json.dumps({"made_by": "testdata/replay/make.py", "command": "/usr/bin/python3 testdata/replay/make.py",
                        "oracle": {"package": "NumPy %s in float64" % np.__version__, "python": sys.version.split()[0]}, "seed": SEED, "counts": counts, "files": files}, indent=1) + "\n")
