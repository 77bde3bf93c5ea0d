#!/usr/bin/env python3
"""Reference outputs for a model directory, computed by PyTorch in float64; package golden compares the engine with them.

    python3 scripts/goldens.py DIR                       # a supported family, random ids, five steps of AdamW
    python3 scripts/goldens.py DIR --ids FILE --runs FILE --sample 4096

    import goldens                                       # any module with Hugging Face's names
    goldens.write("DIR", model, {"ids": [[1, 2, 3], [4, 5, 6]]}, {"optimizer": "moclip", "lr": 1e-4, "steps": 3})

It writes beside config.json and the weights:

    inputs.json             ids, targets, where documents start, and runs of at most five steps with every key spelled out
    inputs.safetensors      where a run needs them: recorded subsets, and the ids of every sampled tail
    reference.safetensors   logits, the recorder's subsets, and per run RUN/losses, RUN/kl, RUN/gradients/NAME (of the first
                            step, before clipping) and RUN/weights/NAME (the change after the last step); float64 rounded once
    manifest.json           script, versions, seed, command, SHA-256 of the files; per tensor the error of float32 and the bound

The error of a tensor is max|a - r| / max(max|r|, 2^-20 of the largest of its kind); of a change of weights it is |d - r| / |r| in
Euclidean norms. A bound is 8 times the error of the same computation in PyTorch's float32, and at least 2^-18. A bound above 0.05
is refused, with the name of the tensor: Adam's methods divide a gradient near eps by itself, and a wide bound would hide an error.

Needs only torch and numpy.
"""

import argparse
import copy
import hashlib
import json
import math
import os
import sys

import numpy
import torch

import families
import steps

FACTOR, LEAST, MOST, FLOOR = 8, 2.0**-18, 0.05, 2.0**-20
RULE = {"tau": 0.95, "k_min": 4, "k_max": 64, "always": []}
OUTPUTS = ("losses", "gradients", "weights")


class Refused(ValueError):
    """The request would give reference outputs that raise false alarms or hide errors."""


def write(folder, model, batch, recipe, seed=1, sample=0, command="goldens.write"):
    """Writes reference outputs into a folder.

    model   a module whose parameters have Hugging Face's names; called with ids [1, tokens] it gives logits or an object that
            has them. If the folder holds config.json and weights, they must be the module's; otherwise they are written.
    batch   ids: a list of sequences; targets and documents of the same lengths, or left out; rule: the recorder's, whose subsets
            are then reference outputs too; base: the module that makes the record for replay and kl runs (default: model itself)
    recipe  one run or a list of them; the keys are steps.DEFAULTS, name and outputs (of losses, gradients, weights)
    sample  keep this many seeded entries of a tensor, and its norm; 0: all of it
    """
    if torch.is_autocast_enabled() or getattr(torch, "is_autocast_cpu_enabled", lambda: False)():
        raise Refused("autocast is on: the reference would be computed in half precision; leave the autocast block")
    torch.set_num_threads(1)  # the order of sums, which decides the last bits of the error of float32
    sequences = [steps.Sequence(ids, *(v and v[i] for v in (batch.get("targets"), batch.get("documents"))))
                 for i, ids in enumerate(batch["ids"])]
    runs = [resolve(r) for r in (recipe if isinstance(recipe, list) else [recipe])]
    if len({r["name"] for r in runs}) < len(runs):
        raise Refused("two runs have the same name")
    config = store_model(folder, model)
    make, how = reproducible(model, config, sequences[0])

    with torch.no_grad():
        first = {d: [steps.logits(make(d), s) for s in sequences] for d in (torch.float64, torch.float32)}
    vocab = first[torch.float64][0].shape[-1]
    given = {}  # inputs.safetensors
    if any(r["loss"] == "replay" or r["kl"] for r in runs):
        base = reproducible(batch["base"], config, sequences[0])[0](torch.float64) if batch.get("base") else make(torch.float64)
        with torch.no_grad():
            for s in sequences:
                s.subsets = [steps.as_stored(u) for u in steps.record(steps.logits(base, s), s, batch.get("rule") or RULE)]
        given.update(flat("subsets", [u for s in sequences for u in s.subsets]))

    found = Tensors(sample, seed)
    found.add("logits", "logits", *(torch.cat(first[d]) for d in first))
    if batch.get("rule"):
        picked = {d: flat("recorder", [u for z, s in zip(first[d], sequences) for u in steps.record(z, s, batch["rule"], 1e-5)]) for d in first}
        for name in picked[torch.float64]:
            found.add(name, name, picked[torch.float64][name], picked[torch.float32][name], exact=name.endswith(("ids", "counts")))
    for run in runs:
        given.update(compute(found, run, make, sequences, vocab))

    if os.path.exists(os.path.join(folder, "inputs.safetensors")):
        os.remove(os.path.join(folder, "inputs.safetensors"))
    write_json(folder, "inputs.json", {
        "format": 1, "ids": [s.ids for s in sequences], "targets": [[int(t) for t in s.target] for s in sequences],
        "documents": [s.documents for s in sequences], "record": batch.get("rule"), "runs": runs}, wide=("ids", "targets", "documents"))
    if given:
        families.write_safetensors(os.path.join(folder, "inputs.safetensors"), given)
    families.write_safetensors(os.path.join(folder, "reference.safetensors"), found.stored)
    files = [f for f in sorted(os.listdir(folder)) if f in ("config.json", "inputs.json") or f.endswith((".safetensors", ".safetensors.index.json"))]
    write_json(folder, "manifest.json", {
        "format": 1, "made_by": "scripts/goldens.py with PyTorch", "oracle": True, "how": how, "versions": versions(), "seed": seed,
        "command": command, "files": {f: sha256(os.path.join(folder, f)) for f in files}, "tensors": found.described})
    return found


def resolve(recipe):
    """A run with every key spelled out."""
    run = {"name": "", "outputs": list(OUTPUTS), **steps.DEFAULTS}
    unknown = set(recipe) - set(run)
    if unknown:
        raise Refused("recipe: unknown key %s; known: %s" % (", ".join(sorted(unknown)), ", ".join(run)))
    run.update(recipe)
    run["name"] = run["name"] or "%s-%s" % (run["loss"], run["optimizer"])
    allowed = {"loss": ("full", "replay"), "optimizer": steps.OPTIMIZERS, "tail": ("none", "sampled"), "proposal": ("uniform", "frequency"),
               "schedule": ("constant", "linear", "cosine"), "schedule_end": ("after", "last"), "decay": ("all", "matrices", "none"), "scope": ("tensor", "global"),
               "overshoot": ("rotate", "project"), "v_from": ("clipped", "raw")}
    for key, values in allowed.items():
        if run[key] not in values:
            raise Refused("recipe %s: %s: %r, want one of %s" % (run["name"], key, run[key], ", ".join(values)))
    if not 1 <= run["steps"] <= 5:
        raise Refused("recipe %s: steps: %d, want 1 to 5: rounding grows from step to step" % (run["name"], run["steps"]))
    if run["tail"] == "sampled" and run["loss"] != "replay":
        raise Refused("recipe %s: tail: sampled is for loss: replay" % run["name"])
    if "/" in run["name"] or run["name"] in ("logits", "recorder"):
        raise Refused("recipe: name: %r is taken or holds a slash" % run["name"])
    return run


def compute(found, run, make, sequences, vocab):
    """Trains in float64 and in float32, adds the outputs to found and returns the tails that were drawn."""
    results = {}
    for d in (torch.float64, torch.float32):
        model = make(d)
        before = {n: p.detach().double().clone() for n, p in model.named_parameters()}
        losses, kls, grads, tails, capped = steps.train(model, sequences, run, vocab)
        change = {n: p.detach().double() - before[n] for n, p in model.named_parameters()}
        results[d] = torch.tensor(losses, dtype=torch.float64), torch.tensor(kls, dtype=torch.float64), grads, change
    (losses, kls, grads, change), (losses32, kls32, grads32, change32) = results.values()
    pre = run["name"] + "/"
    if run["optimizer"] == "moclip" and not capped:
        raise Refused("run %s: no gradient was capped, so that it says nothing of MoClip; give another batch to every step "
                      "(global_batch_size), or a smaller delta" % run["name"])
    if "losses" in run["outputs"]:
        found.add(pre + "losses", pre + "losses", losses, losses32)
        if run["kl"]:
            found.add(pre + "kl", pre + "kl", kls, kls32)
    for kind, wide, narrow in (("gradients", grads, grads32), ("weights", change, change32)):
        if kind in run["outputs"]:
            largest = max(float(x.abs().max()) for x in wide.values())
            for n in sorted(wide):
                found.add("%s%s/%s" % (pre, kind, n), pre + kind, wide[n], narrow[n], largest)
    if run["tail"] == "none":
        return {}
    drawn = [ids for step in tails for ids, _ in step]
    return {pre + "tail.ids": integers([j for ids in drawn for j in ids]), pre + "tail.counts": integers([len(ids) for ids in drawn])}


class Tensors:
    """Reference tensors, their entries in manifest.json, and the refusals."""

    def __init__(self, sample, seed):
        self.sample, self.seed, self.stored, self.described = sample, seed, {}, {}

    def add(self, name, kind, wide, narrow, largest=0.0, exact=False):
        r, a = wide.detach().double(), narrow.detach().double()
        if r.shape != a.shape:
            raise Refused("%s: float32 gives another shape; a decision lies too near its border, so choose other inputs" % name)
        if not (r.isfinite().all() and a.isfinite().all()):
            raise Refused("%s: not finite" % name)
        change = kind.endswith("/weights")
        norm, scale = float(r.norm()), max(float(r.abs().max()), FLOOR * largest) if r.numel() else 0.0
        error = relative(float((a - r).norm()), norm) if change else relative(float((a - r).abs().max()), scale)
        bound = 0.0 if exact else max(FACTOR * error, LEAST)
        if bound > MOST or exact and error:
            raise Refused("%s: float32 alone is off by %.3g, so the bound would be %.3g, above %g. %s" % (name, error, bound, MOST, advice(kind)))
        entry = {"kind": kind.rsplit("/", 1)[-1], "shape": list(r.shape), "scale": float("%.9g" % scale), "norm": float("%.9g" % norm), "error32": rounded(error), "bound": rounded(bound)}
        values = r.to(torch.float32)
        if self.sample and r.numel() > self.sample:
            rng, at = steps.RNG(self.seed, "golden/" + name, 0), set()
            while len(at) < self.sample:
                at.add(rng.below(r.numel()))
            at = sorted(at)
            self.stored[name + "@"] = integers(at)
            values = values.flatten()[at]
            entry["norm_bound"] = rounded(max(FACTOR * relative(abs(float(a.norm()) - norm), norm), LEAST))
        self.stored[name], self.described[name] = values, entry


def relative(difference, scale):
    return difference / scale if scale else (math.inf if difference else 0.0)


def rounded(x):
    """Three digits, rounded up: readable, and independent of the last bits."""
    return float("%.2e" % (x * 1.005)) if x else 0.0


def advice(kind):
    if kind.endswith("/weights"):
        return "Some gradients there are as small as their rounding: raise eps (adamw), take fewer steps, or leave weights out of outputs."
    return "Choose other inputs."


def reproducible(model, config, sequence):
    """(make, how): make(dtype) gives a fresh copy of the model on the CPU, in evaluation mode, that computes in dtype throughout.

    Refused: dropout that evaluation does not switch off, tied weights held twice, arithmetic or rotary tables in float32 inside a
    float64 module (Hugging Face's modules have both). A module of a supported family is then replaced by our own, after its
    float32 logits have been compared with it.
    """
    def make(dtype):
        return copy.deepcopy(model).cpu().to(dtype).eval()

    names = dict(model.named_parameters())
    head, embedding = names.get("lm_head.weight"), [p for n, p in names.items() if n.endswith(("embed_tokens.weight", "wte.weight"))]
    if config.get("tie_word_embeddings", config.get("model_type") == "gpt2") and head is not None and embedding:
        raise Refused("lm_head.weight: the config ties it to the embedding, but the module holds two parameters, which would share the gradient; call tie_weights()")
    for n, p in names.items():
        if not torch.equal(p.detach().double(), p.detach().float().double()):
            raise Refused("%s: its float64 values are no float32 numbers, which the engine could read" % n)
    with torch.no_grad():
        wide = make(torch.float64)
        z = steps.logits(wide, sequence)
        if not torch.equal(z, steps.logits(wide, sequence)):
            raise Refused("two forward passes in evaluation mode differ: something is random, perhaps dropout that ignores eval()")
        why = narrow_inside(wide, z, sequence)
        if not why:
            return make, "the module itself, in float64 all through"
        if config.get("model_type") not in families.SUPPORTED:
            raise Refused("%s; compute it in the type of the weights" % why)
        weights = {n: p.detach().cpu().float() for n, p in names.items()}
        own = families.Decoder(config, weights, torch.float64).eval()
        reference = steps.logits(own, sequence)
        error = relative(float((steps.logits(make(torch.float32), sequence).double() - reference).abs().max()), float(reference.abs().max()))
        if error > 1e-4:
            raise Refused("%s; and scripts/families.py, which would replace it, is off by %.3g from it" % (why, error))
    return lambda dtype: families.Decoder(config, weights, dtype).eval(), "scripts/families.py in the module's place: %s" % why


def narrow_inside(model, z, sequence):
    """Describes the parts of a float64 module that are float32; "" if there are none."""
    def is_narrow(t):  # float32 numbers that are more than a mask or a count
        return (torch.is_tensor(t) and t.dtype == torch.float64 and len(t.unique()) > 2
                and torch.equal(t, t.float().double()) and not torch.equal(t, t.bfloat16().double()))

    for name, buffer in model.named_buffers():
        if is_narrow(buffer):
            return "buffer %s holds float32 numbers" % name
    seen, hooks = [], []
    for name, part in model.named_modules():
        if name and not isinstance(part, (torch.nn.Embedding, torch.nn.Identity, torch.nn.Dropout)):
            def look(_part, _inputs, output, name=name):
                if any(is_narrow(t) for t in (output if isinstance(output, (tuple, list)) else [output])):
                    seen.append(name)
            hooks.append(part.register_forward_hook(look))
    steps.logits(model, sequence)
    for hook in hooks:
        hook.remove()
    if seen:
        return "module %s gives float32 numbers, perhaps rotary tables" % seen[0]
    # A step of 1e-9 is far below float32's spacing: an output that is rounded to float32 on the way does not change in
    # proportion to it.
    generator = torch.Generator().manual_seed(1)
    moved = copy.deepcopy(model)
    signs = [torch.randint(0, 2, p.shape, generator=generator).double() * 2 - 1 for p in model.parameters()]
    change = []
    for size in (1e-9, 2e-9):
        for p, q, s in zip(moved.parameters(), model.parameters(), signs):
            p.copy_(q * (1 + size * s))
        change.append(steps.logits(moved, sequence) - z)
    if float((change[1] - 2 * change[0]).abs().max()) > 1e-3 * float(change[1].abs().max()):
        return "the module rounds to float32 on the way"
    return ""


def store_model(folder, model):
    """Writes config.json and the weights, or makes sure that those in the folder are the module's. Returns the config."""
    os.makedirs(folder, exist_ok=True)
    names = {n: p.detach().cpu() for n, p in model.named_parameters()}
    if os.path.exists(os.path.join(folder, "config.json")):
        config, stored = families.read_config(folder), families.read_weights(folder)
        for n, p in names.items():
            if n not in stored or stored[n].shape != p.shape or not torch.equal(stored[n].double(), p.double()):
                raise Refused("%s: the folder's weights are not those of the module" % n)
        return config
    config = getattr(model, "config", None)
    config = config.to_dict() if hasattr(config, "to_dict") else config
    if not isinstance(config, dict):
        raise Refused("%s: no config.json there, and the module has no config" % folder)
    write_json(folder, "config.json", config)
    families.write_safetensors(os.path.join(folder, "model.safetensors"), names)
    return config


def flat(prefix, subsets):
    """Subsets of all positions in order: counts [positions], ids and logprob one after the other, mass [positions]."""
    floats = lambda x: torch.tensor(x, dtype=torch.float64).to(torch.float32)
    out = {"counts": integers([len(u.ids) for u in subsets]), "ids": integers([j for u in subsets for j in u.ids]),
           "logprob": floats([x for u in subsets for x in u.logprob]), "mass": floats([u.mass for u in subsets])}
    if prefix == "recorder":  # reference outputs are float32, which holds every id
        out = {n: t.to(torch.float32) for n, t in out.items()}
    return {prefix + "/" + n: t for n, t in out.items()}


def integers(values):
    return torch.tensor(values, dtype=torch.int32)


def versions():
    return {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": numpy.__version__}


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def write_json(folder, name, value, wide=()):
    """One key or entry per line, so that a diff shows which changed; of the lists under the keys in wide, one sequence per line."""
    with open(os.path.join(folder, name), "w") as f:
        f.write(lines(value, "", wide) + "\n")


def lines(value, indent, wide):
    inner = indent + " "
    if isinstance(value, dict) and (not indent or any(isinstance(v, dict) for v in value.values())):
        parts = []
        for k, v in value.items():
            text = lines(v, inner, wide)
            if k in wide:
                text = "[" + ",".join("\n" + inner + " " + json.dumps(x, separators=(",", ":")) for x in v) + "]"
            parts.append("%s%s: %s" % (inner, json.dumps(k), text))
        return "{\n" + ",\n".join(parts) + "\n" + indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(inner + json.dumps(v) for v in value) + "\n" + indent + "]"
    return json.dumps(value)


def main():
    ap = argparse.ArgumentParser(description="Write reference outputs of PyTorch, in float64, into a model directory.")
    ap.add_argument("dir", help="model directory of a supported family: " + ", ".join(families.SUPPORTED))
    ap.add_argument("--ids", help="JSON file [[ids...], ...]; default: two random sequences of 24")
    ap.add_argument("--runs", help="JSON file with one run or a list of them; default: full cross-entropy, five steps of AdamW (eps 1e-8; 1e-5 for gpt2)")
    ap.add_argument("--record", action="store_true", help="also what the recorder picks, with tau 0.95, k_min 4, k_max 64")
    ap.add_argument("--seed", type=int, default=1, help="of random ids and samples")
    ap.add_argument("--sample", type=int, default=0, metavar="K", help="keep K entries of a tensor, and its norm")
    a = ap.parse_args()
    config = families.read_config(a.dir)
    if a.ids:
        with open(a.ids) as f:
            ids = json.load(f)
    else:
        rng = steps.RNG(a.seed, "golden", 0)
        length = min(24, config.get("max_position_embeddings") or config.get("n_positions") or 24)
        ids = [[rng.below(config["vocab_size"]) for _ in range(length)] for _ in range(2)]
    # The biases of gpt2's keys shift all scores of a query alike: their gradient is only rounding, which a small eps would
    # magnify.
    runs = {"eps": 1e-5} if config["model_type"] == "gpt2" else {}
    if a.runs:
        with open(a.runs) as f:
            runs = json.load(f)
    command = "python3 scripts/goldens.py " + " ".join(os.path.basename(x) if os.sep in x else x for x in sys.argv[1:])
    found = write(a.dir, families.load(a.dir), {"ids": ids, "rule": RULE if a.record else None}, runs, a.seed, a.sample, command)
    worst = max(found.described, key=lambda n: found.described[n]["bound"])
    print("%s: %d reference tensors; the widest bound is %.3g, of %s" % (a.dir, len(found.described), found.described[worst]["bound"], worst))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as e:
        sys.exit("goldens: " + str(e))
