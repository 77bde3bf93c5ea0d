"""Reference steps of the optimizers, in float64 with PyTorch, written from the formulas of docs/METHOD.md (MoClip, Baselines)
and the papers, not from our Go code. Run with the system's python3-torch:  python3 make_goldens.py > goldens.json

Three tensors, 20 steps of learning rate 1e-2, weight decay 0.1 on tensors of two or more dimensions, clipping at norm 1:
  a [6, 8]   noisy gradients around a drifting direction: acute and obtuse angles
  b [16]     multiples of one vector of powers of two: the angle is exactly 0 or 180 degrees, and magnitudes are tied
  c [4, 5]   zero at some steps, the first one included
Gradients are float32 numbers, so that both sides see the same ones.
"""

import json
import math
import sys

import numpy
import torch

torch.set_default_dtype(torch.float64)
STEPS, LR, WD, BETA1, BETA2, EPS, A, B, CLIP = 20, 1e-2, 0.1, 0.9, 0.999, 1e-8, 1.27, 1.0, 1.0
SHAPES = {"a": (6, 8), "b": (16,), "c": (4, 5)}


def problem():
    rng = numpy.random.default_rng(20251124)
    f32 = lambda x: torch.tensor(numpy.asarray(x, dtype=numpy.float32).astype(numpy.float64))
    weights = {n: f32(rng.normal(size=s)) for n, s in SHAPES.items()}
    powers = numpy.array([2.0 ** (i % 4) * (-1) ** (i // 3) for i in range(16)]) / 64
    factors = [1, 1, -1, 1, 0.5, -2, 1, 1, 1, -1, -1, 0, 1, 2, -0.5, 1, 1, -4, 1, 1]
    grads = []
    for t in range(STEPS):
        size = 3.0 if t in (4, 9) else 0.02  # at two steps global-norm clipping acts
        drift = rng.normal(size=SHAPES["a"]) + (0.7 if t < 10 else -0.7)
        grads.append({
            "a": f32(size * drift),
            "b": f32(powers * factors[t]),
            "c": f32(numpy.zeros(SHAPES["c"]) if t in (0, 1, 7, 12) else 0.05 * rng.normal(size=SHAPES["c"])),
        })
    return weights, grads


def angle(g, m):
    """Cosine between two lists of tensors; None where either is zero."""
    gg, mm = sum((x * x).sum() for x in g), sum((x * x).sum() for x in m)
    if gg == 0 or mm == 0:
        return None
    return float(sum((x * y).sum() for x, y in zip(g, m)) / (gg.sqrt() * mm.sqrt())), float(gg.sqrt()), float(mm.sqrt())


def moclip_gradient(g, m, cos, g_norm, m_norm, c):
    """The gradient of one tensor after the cap; cos and norms are those of the scope."""
    delta = math.radians(c["delta"])
    cos = max(-1.0, min(1.0, cos))
    if cos >= math.cos(delta):
        return g, False
    sin = math.sqrt(max(0.0, 1 - cos * cos))
    along = m / m_norm * g_norm  # m at the length of g
    if c["overshoot"] == "project" and cos < 0:
        across = g - cos * along  # perpendicular to m
        if sin < 1e-6:
            return torch.zeros_like(g), True
        if delta >= math.pi / 2:
            return across, True
        return math.sin(delta) * across + math.cos(delta) * sin * along, True
    if sin < 1e-6:
        return max(0.0, math.cos(delta)) * along, True
    phi = math.acos(cos)
    turned = math.sin(delta) / sin * g + math.sin(phi - delta) / sin * along
    if not c["keep_norm"]:
        turned = max(0.0, math.cos(phi - delta)) * turned
    return turned, True


def run(name, **options):
    c = dict(delta=75.0, scope="tensor", overshoot="rotate", v_from="clipped", keep_norm=True, cap_start=2, cap_1d=True, gamma=0.9, fraction=0.15)
    c.update(options)
    weights, grads = problem()
    m = {n: torch.zeros(s) for n, s in SHAPES.items()}
    v = {n: torch.zeros(s) for n, s in SHAPES.items()}
    s = {n: 0.0 for n in SHAPES}
    capped = []
    for t in range(1, STEPS + 1):
        g = grads[t - 1]
        norm = math.sqrt(sum(float((x * x).sum()) for x in g.values()))
        if norm > CLIP:
            g = {n: x * (CLIP / norm) for n, x in g.items()}
        every = angle(list(g.values()), list(m.values()))
        seen = 0
        for n in SHAPES:
            used, squared = g[n], g[n]
            own = angle([g[n]], [m[n]])
            first = 1 - BETA1
            if name == "moclip":
                at = every if c["scope"] == "global" else own
                if at is not None and t >= c["cap_start"] and (c["cap_1d"] or len(SHAPES[n]) > 1):
                    used, cap = moclip_gradient(g[n], m[n], *at, c)
                    seen += cap
                if c["v_from"] == "clipped":
                    squared = used
            if name == "adatam":
                s[n] = c["gamma"] * s[n] + (1 - c["gamma"]) * (own[0] if own else 0.0)
                first = EPS + (1 + s[n]) / 2
            m[n] = BETA1 * m[n] + first * used
            v[n] = BETA2 * v[n] + (1 - BETA2) * squared ** 2
            mh, vh = m[n] / (1 - BETA1 ** t), v[n] / (1 - BETA2 ** t)
            decay = 1 - LR * WD if len(SHAPES[n]) > 1 else 1.0
            if name in ("moclip", "adam-atan2"):
                weights[n] = decay * weights[n] - LR * A * torch.atan2(mh, B * vh.sqrt())
                continue
            u = mh / (vh.sqrt() + EPS)
            if name == "mofo":
                flat = m[n].flatten().abs()
                k = math.ceil(c["fraction"] * flat.numel())
                order = sorted(range(flat.numel()), key=lambda i: (-float(flat[i]), i))[:k]
                mask = torch.zeros_like(flat, dtype=torch.bool)
                mask[order] = True
                mask = mask.reshape(m[n].shape)
                weights[n] = torch.where(mask, decay * weights[n] - LR * u, weights[n])
            elif name == "cautious":
                mask = (m[n] * g[n] > 0).double()
                weights[n] = decay * weights[n] - LR * mask * (mask.numel() / (mask.sum() + 1)) * u
            else:
                weights[n] = decay * weights[n] - LR * u
        capped.append(seen)
    listed = lambda d: {n: x.flatten().tolist() for n, x in d.items()}
    return {"optimizer": name, "options": options, "weights": listed(weights), "m": listed(m), "v": listed(v), "capped": capped}


weights, grads = problem()
cases = [run("adamw"), run("adam-atan2"), run("adatam"), run("mofo"), run("mofo", fraction=0.5), run("cautious")]
for options in (
    {}, {"delta": 30.0}, {"delta": 90.0}, {"delta": 120.0}, {"overshoot": "project"}, {"overshoot": "project", "delta": 90.0},
    {"overshoot": "project", "delta": 120.0}, {"scope": "global"}, {"scope": "global", "overshoot": "project", "delta": 45.0},
    {"keep_norm": False}, {"keep_norm": False, "delta": 120.0}, {"v_from": "raw"}, {"cap_1d": False}, {"cap_start": 11},
):
    cases.append(run("moclip", **options))
json.dump({
    "made_by": {"script": "make_goldens.py", "python": sys.version.split()[0], "torch": torch.__version__, "numpy": numpy.__version__, "seed": 20251124},
    "steps": STEPS, "lr": LR,
    "shapes": SHAPES,
    "weights": {n: x.flatten().tolist() for n, x in weights.items()},
    "grads": [{n: x.flatten().tolist() for n, x in g.items()} for g in grads],
    "cases": cases,
}, sys.stdout, separators=(",", ":"))
print()
