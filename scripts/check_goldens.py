#!/usr/bin/env python3
"""Checks goldens.py against reference outputs that other scripts computed in float64.

    python3 scripts/check_goldens.py --goldens ../shared/goldens --models ../shared/models
    python3 scripts/check_goldens.py --optimizers optim/testdata/goldens.json

--goldens is a folder that a make_goldens.py wrote (logits, cross-entropy, gradients, replay loss, five steps of AdamW and
Adam-atan2); --optimizers is a file of optim/testdata/make_goldens.py (twenty steps of every optimizer). Both sides round float64
to float32 once, so they may differ only in the last bit.
"""

import argparse
import json
import os
import sys

import torch

import families
import goldens
import steps

LAST_BIT = 2.0**-23  # of the tensor's largest value
worst = {}


def compare(kind, name, got, want):
    """Keeps the largest error of a kind, relative to the tensor's largest value."""
    want = want.double()
    error = goldens.relative(float((got.detach().double() - want).abs().max()), float(want.abs().max()))
    count, top, where = worst.get(kind, (0, -1.0, ""))
    worst[kind] = (count + 1, *max((top, where), (error, name)))


def first_pass(folder, tokens, stored, grads, where):
    """Compares logits, losses and gradients of full cross-entropy."""
    model = families.load(folder, torch.float64)
    sequences = [steps.Sequence(row.tolist()) for row in tokens]
    z = torch.stack([steps.logits(model, s) for s in sequences])
    compare("logits", where, z, stored["logits"])
    ce = torch.stack([torch.stack([steps.position_loss(z[b, t], gold, goldens.resolve({}), None, ([], []))[0] for t, gold in s.positions()])
                      for b, s in enumerate(sequences)])
    compare("cross-entropy", where, ce, stored["ce"])
    differentiate("gradients", where, model, ce.mean(), grads)
    return model, sequences, z


def differentiate(kind, where, model, loss, grads):
    weights = dict(model.named_parameters())
    for n, g in zip(weights, torch.autograd.grad(loss, list(weights.values()), retain_graph=True)):
        compare(kind, where + " " + n, g, grads[n])


def check_folder(root, models):
    tiny = os.path.join(root, "tiny-configs")
    for name in sorted(os.listdir(tiny)):
        if os.path.isdir(os.path.join(tiny, name)):
            stored = families.read_safetensors(os.path.join(tiny, name, "goldens.safetensors"))
            grads = {n[len("grad."):]: t for n, t in stored.items() if n.startswith("grad.")}
            first_pass(os.path.join(tiny, name), stored["tokens"], stored, grads, name)
    folder, base = os.path.join(root, "stories260K"), os.path.join(models, "stories260K")
    read = lambda name: families.read_safetensors(os.path.join(folder, name + ".safetensors"))
    forward, recorded = read("forward"), read("replay")
    model, sequences, z = first_pass(base, forward["tokens"], forward, read("grads_ce"), "stories260K")

    rule = {"tau": 0.95, "k_min": 1, "k_max": 32, "always": []}
    losses, count = [], recorded["subset_len"].shape[-1]
    for b, s in enumerate(sequences):
        picks = steps.record(z[b].detach(), s, rule)
        for i, (t, gold) in enumerate(s.positions()):
            want = sorted(recorded["subset_ids"][b, i, :recorded["subset_len"][b, i]].tolist())
            if picks[i].ids != want:
                sys.exit("sequence %d, position %d: recorded %s, want %s" % (b, i, picks[i].ids, want))
            losses.append(steps.position_loss(z[b, t], gold, goldens.resolve({"loss": "replay"}), picks[i], ([], []))[0])
        compare("covered mass", "stories260K", torch.tensor([p.mass for p in picks]), recorded["inside_mass"][b])
    replay = torch.stack(losses)
    compare("replay loss", "stories260K", replay.reshape(-1, count), recorded["loss"])
    differentiate("replay gradients", "stories260K", model, replay.mean(), read("grads_replay"))
    print("recorded subsets: %d positions, all equal" % len(losses))

    for name, beta2, file in (("adamw", 0.999, "adamw_final"), ("adam-atan2", 0.99, "adam_atan2_final")):
        run = goldens.resolve({"optimizer": name, "beta2": beta2, "decay": "all", "max_grad_norm": 0.0})
        model, final = families.load(base, torch.float64), read(file)
        steps.train(model, sequences, run, model.config["vocab_size"])
        for n, p in model.named_parameters():
            compare("weights after five steps", name + " " + n, p, final[n])


def check_optimizers(path):
    with open(path) as f:
        stored = json.load(f)
    shaped = lambda values: {n: torch.tensor(v, dtype=torch.float64).reshape(stored["shapes"][n]) for n, v in values.items()}
    for case in stored["cases"]:
        options = {"delta": 75.0, "cap_start": 2, **case["options"]}
        run = goldens.resolve({"optimizer": case["optimizer"], **options})
        weights = shaped(stored["weights"])
        optimizer = steps.Optimizer(run, weights)
        for grads in stored["grads"]:
            optimizer.step(shaped(grads), stored["lr"])
        for kind, got in (("weights", weights), ("m", optimizer.m), ("v", optimizer.v)):
            for n, want in shaped(case[kind]).items():
                compare("optimizers: " + kind, "%s %s %s" % (case["optimizer"], case["options"], n), got[n], want)
    print("optimizers: %d cases of %d steps" % (len(stored["cases"]), stored["steps"]))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--goldens", help="folder that make_goldens.py wrote")
    ap.add_argument("--models", help="folder of stories260K's directory")
    ap.add_argument("--optimizers", help="optim/testdata/goldens.json")
    a = ap.parse_args()
    torch.set_num_threads(1)
    if a.goldens:
        check_folder(a.goldens, a.models)
    if a.optimizers:
        check_optimizers(a.optimizers)
    failed = False
    for kind, (count, error, where) in worst.items():
        print("%-26s %4d tensors, largest error %.2g of the largest value (%s)" % (kind, count, error, where))
        failed |= not error <= LAST_BIT
    sys.exit("goldens: beyond the last bit" if failed or not worst else None)


if __name__ == "__main__":
    main()
