"""Reference values for what acts on the weights as a whole, in float64 with PyTorch's own AdamW, topk, where and AveragedModel; nothing
here was made from our Go code. Run with the system's python3-torch:  python3 make_space.py > space.json

Two tensors, 12 steps of torch.optim.AdamW at lr 1e-2, weight decay 0.1 on both (decay: all), no clipping. Gradients, first weights and
reference are float32 numbers, so that both sides see the same ones. No two scores are equal: ties have tests of their own.

  plain    the weights after every step
  l2_sp    after every step θ ← θ + lr·λ·(ref − θ), λ = 3
  reset    after step 6 the entries of a tensor that torch.topk of |m̂|·v̂ does not name become ½(θ + ref); 20 % are named
  reset_abs  the same with the mean of |g| (β1, bias-corrected) in the place of |m̂|
  mean     torch.optim.swa_utils.AveragedModel of the weights after steps 6 to 12
  ema      AveragedModel with avg_fn Θ + (1 − 0.9)(θ − Θ), of the same
"""

import json
import math
import sys

import numpy
import torch
from torch.optim.swa_utils import AveragedModel

torch.set_default_dtype(torch.float64)
STEPS, LR, WD, BETAS, EPS, LAMBDA, AT, KEEP, ALPHA, DECAY = 12, 1e-2, 0.1, (0.9, 0.999), 1e-8, 3.0, 6, 0.2, 0.5, 0.9
SHAPES = {"a": (9, 13), "b": (31,)}


class Weights(torch.nn.Module):
    def __init__(self, values):
        super().__init__()
        for n, x in values.items():
            self.register_parameter(n, torch.nn.Parameter(x.clone()))


rng = numpy.random.default_rng(20261130)
f32 = lambda x: torch.tensor(numpy.asarray(x, dtype=numpy.float32).astype(numpy.float64))
first = {n: f32(rng.normal(size=s)) for n, s in SHAPES.items()}
reference = {n: f32(first[n].numpy() + 0.3 * rng.normal(size=s)) for n, s in SHAPES.items()}
grads = [{n: f32(0.1 * rng.normal(size=s)) for n, s in SHAPES.items()} for _ in range(STEPS)]
listed = lambda d: {n: x.detach().flatten().tolist() for n, x in d.items()}


def run(l2_sp=0.0, reset=None):
    model = Weights(first)
    params = dict(model.named_parameters())
    opt = torch.optim.AdamW(params.values(), lr=LR, betas=BETAS, eps=EPS, weight_decay=WD)
    magnitude = {n: torch.zeros(s) for n, s in SHAPES.items()}
    mean, ema, kept, history = AveragedModel(model), AveragedModel(model, avg_fn=lambda a, p, n: a + (1 - DECAY) * (p - a)), {}, []
    for t in range(1, STEPS + 1):
        for n, p in params.items():
            p.grad = grads[t - 1][n].clone()
            magnitude[n] = BETAS[0] * magnitude[n] + (1 - BETAS[0]) * p.grad.abs()
        opt.step()
        with torch.no_grad():
            if l2_sp:
                for n, p in params.items():
                    p.add_(LR * l2_sp * (reference[n] - p))
            if reset and t == AT:
                for n, p in params.items():
                    state = opt.state[p]
                    m = (state["exp_avg"] if reset == "moments" else magnitude[n]) / (1 - BETAS[0] ** t)
                    score = (m.abs() * (state["exp_avg_sq"] / (1 - BETAS[1] ** t))).flatten()
                    if len(set(score.tolist())) != score.numel():
                        raise SystemExit("two scores are equal; choose another seed")
                    mask = torch.zeros_like(score, dtype=torch.bool)
                    mask[torch.topk(score, math.ceil(KEEP * score.numel())).indices] = True
                    mask = mask.reshape(p.shape)
                    p.copy_(torch.where(mask, p, ALPHA * p + (1 - ALPHA) * reference[n]))
                    kept[n] = mask.flatten().nonzero().flatten().tolist()
        if t >= AT:
            mean.update_parameters(model)
            ema.update_parameters(model)
        history.append(listed(params))
    return {"last": history[-1], "kept": kept, "mean": listed(dict(mean.module.named_parameters())), "ema": listed(dict(ema.module.named_parameters()))}


json.dump({
    "made_by": {"script": "make_space.py", "python": sys.version.split()[0], "torch": torch.__version__, "numpy": numpy.__version__, "seed": 20261130},
    "steps": STEPS, "lr": LR, "l2_sp": LAMBDA, "at": AT, "keep": KEEP, "alpha": ALPHA, "decay": DECAY,
    "shapes": SHAPES, "weights": listed(first), "reference": listed(reference), "grads": [listed(g) for g in grads],
    "cases": {"plain": run(), "l2_sp": run(l2_sp=LAMBDA), "reset": run(reset="moments"), "reset_abs": run(reset="abs")},
}, sys.stdout, separators=(",", ":"))
print()
