"""One training step in PyTorch, written from its formulas: losses over recorded subsets, the sampled tail, the anchor to the base
model, and six optimizers. docs/NUMERICS.md says what the engine does; nothing here was made from its output.

Everything follows the type of the model, so that the same code gives the float64 reference and the error of float32. Only the
values that the engine computes in float64 (norms, angles, coefficients) are float64 in both.
"""

import bisect
import math

import numpy
import torch

OPTIMIZERS = ("adamw", "adam-atan2", "moclip", "adatam", "mofo", "cautious")

# The keys of a run, with the engine's names and defaults.
DEFAULTS = {
    "loss": "full", "steps": 5, "global_batch_size": 0, "micro_batch_size": 0, "seed": 1,
    "tail": "none", "tail_n": 8, "proposal": "frequency", "kl": 0.0,
    "lr": 1e-3, "schedule": "constant", "warmup_ratio": 0.0, "final_lr_ratio": 0.0, "schedule_end": "after",
    "optimizer": "adamw", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "a": 1.27, "b": 1.0,
    "weight_decay": 0.1, "decay": "matrices", "max_grad_norm": 1.0,
    "delta": 90.0, "scope": "tensor", "overshoot": "rotate", "v_from": "clipped", "cap_start": 0, "cap_1d": True, "keep_norm": True,
    "gamma": 0.9, "fraction": 0.15,
}


class RNG:
    """Philox4x32-10, the stream (seed, purpose, index) of docs/NUMERICS.md, section 8."""

    def __init__(self, seed, purpose, index):
        h = 14695981039346656037
        for byte in purpose.encode():
            h = (h ^ byte) * 1099511628211 % 2**64
        key = seed ^ h
        self.key, self.index = (key % 2**32, key >> 32), (index % 2**32, index >> 32)
        self.block, self.words = 0, []

    def uint32(self):
        if not self.words:
            a, b, c, d = self.block % 2**32, self.block >> 32, *self.index
            k, l = self.key
            for _ in range(10):
                x, y = 0xD2511F53 * a, 0xCD9E8D57 * c
                a, b, c, d = (y >> 32) ^ b ^ k, y % 2**32, (x >> 32) ^ d ^ l, x % 2**32
                k, l = (k + 0x9E3779B9) % 2**32, (l + 0xBB67AE85) % 2**32
            self.words = [a, b, c, d]
            self.block += 1
        return self.words.pop(0)

    def uint64(self):
        low = self.uint32()
        return low | self.uint32() << 32

    def float64(self):
        return (self.uint64() >> 11) * 2.0**-53

    def below(self, n):
        while True:
            product = self.uint64() * n
            if product % 2**64 >= 2**64 % n:
                return product >> 64


class Sequence:
    """Tokens, which of them carry loss (the first of a document never does), and where documents start."""

    def __init__(self, ids, target=None, documents=None):
        self.ids, self.documents = [int(i) for i in ids], list(documents or [0])
        self.target = [i not in self.documents for i in range(len(ids))] if target is None else [bool(t) for t in target]
        self.subsets = None  # a Subset for every position with loss
        ends = self.documents[1:] + [len(ids)]
        if self.documents[0] != 0 or any(a >= b for a, b in zip(self.documents, ends)):
            raise ValueError("documents: %s, want ascending places within the sequence, the first 0" % self.documents)
        if len(self.target) != len(ids) or any(self.target[d] for d in self.documents):
            raise ValueError("targets: want one per token, and none at the start of a document: nothing before it predicts it")

    def positions(self):
        """(row, gold): row t of the logits predicts token t+1."""
        return [(t, self.ids[t + 1]) for t in range(len(self.ids) - 1) if self.target[t + 1]]


class Subset:
    """Recorded ids of one position, ascending; the recording model's log-probabilities; the probability they cover."""

    def __init__(self, ids, logprob, mass):
        self.ids, self.logprob, self.mass = ids, logprob, mass


def logits(model, sequence):
    """[tokens, vocabulary] of one sequence. Every document runs alone: positions restart, attention stops."""
    parts = []
    for lo, hi in zip(sequence.documents, sequence.documents[1:] + [len(sequence.ids)]):
        z = model(torch.tensor([sequence.ids[lo:hi]]))
        parts.append(getattr(z, "logits", z)[0])
    return torch.cat(parts)


def record(z, sequence, rule, margin=0.0):
    """The subsets of a sequence from its logits: ids by falling probability (ties: smaller id first) until their mass reaches
    tau, at least k_min and at most k_max; then the gold id and those of always. If a choice depends on less than
    margin it is refused: rounding would decide."""
    subsets = []
    for row, gold in sequence.positions():
        logp = z[row].double().log_softmax(-1)
        p = logp.exp().tolist()
        order = sorted(range(len(p)), key=lambda j: (-p[j], j))
        ids, mass = [], 0.0
        while len(ids) < min(rule["k_max"], len(p)) and (len(ids) < rule["k_min"] or mass < rule["tau"]):
            ids.append(order[len(ids)])
            mass += p[ids[-1]]
            if len(ids) >= rule["k_min"] and abs(mass - rule["tau"]) < margin:
                raise ValueError("record: a sum of probabilities lies within %g of tau, so that rounding decides; choose another tau" % margin)
        if len(ids) < len(p) and math.log(p[ids[-1]] / p[order[len(ids)]]) < margin:
            raise ValueError("record: the last id taken and the first left out have nearly the same probability; choose another tau")
        ids = sorted({*ids, gold, *rule["always"]})
        subsets.append(Subset(ids, [float(logp[j]) for j in ids], min(1.0, sum(p[j] for j in ids))))
    return subsets


def as_stored(subset):
    """The subset as a record file keeps it: log-probabilities and the uncovered mass as float16."""
    half = numpy.float16
    return Subset(subset.ids, [float(half(x)) for x in subset.logprob], float(numpy.float32(1) - numpy.float32(half(1 - subset.mass))))


class Proposal:
    """The distribution of the tail: uniform, or proportional to (count as gold id + 1)^0.75."""

    def __init__(self, kind, sequences, vocab):
        counts = [0] * vocab
        for s in sequences:
            for _, gold in s.positions():
                counts[gold] += 1
        self.kind, self.vocab, self.sums, total = kind, vocab, [], 0.0
        for c in counts:
            total += (c + 1.0) ** 0.75
            self.sums.append(total)

    def draw(self, rng):
        if self.kind == "uniform":
            return rng.below(self.vocab)
        return min(bisect.bisect_right(self.sums, rng.float64() * self.sums[-1]), self.vocab - 1)

    def probability(self, j):
        if self.kind == "uniform":
            return 1 / self.vocab
        return (self.sums[j] - (self.sums[j - 1] if j else 0.0)) / self.sums[-1]

    def tail(self, seed, step, number, n):
        """(ids, offsets) for sequence number of a step: distinct ids ascending; c draws of an id add log(c / (n q)) to its logit."""
        rng = RNG(seed, "tail", step << 32 | number)
        drawn = [self.draw(rng) for _ in range(n)]
        ids = sorted(set(drawn))
        return ids, [math.log(drawn.count(j) / (n * self.probability(j))) for j in ids]


def position_loss(z, gold, run, subset, tail):
    """Loss and divergence from the recording model of one position, in nats.

    full      log sum_j exp z_j - z_gold
    replay    the sum over the subset, and over the tail's ids outside it with their offsets
    kl        sum_S b (log b - log p) + r (log r - log p_R): b recorded, r its rest, p_R the model's mass outside S; where p_R
              is 0, b is scaled to the sum 1 and r left out
    """
    if subset is not None:
        inside = z[subset.ids]
    if run["loss"] == "full":
        every = z
        left = sorted(set(range(len(z))) - set(subset.ids)) if subset is not None else []
        outside = z[left]
    else:
        keep = [i for i, j in enumerate(tail[0]) if j not in set(subset.ids)]
        outside = z[[tail[0][i] for i in keep]] + torch.tensor([tail[1][i] for i in keep], dtype=z.dtype)
        every = torch.cat([inside, outside])
    total = every.logsumexp(-1)
    loss = total - z[gold]
    if not run["kl"]:
        return loss, torch.zeros((), dtype=z.dtype)
    logb = torch.tensor(subset.logprob, dtype=z.dtype)
    b, logp = logb.exp(), inside - total
    if len(outside) == 0:
        return loss, (b * (logb - logp)).sum() / b.sum() - b.sum().log()
    r = torch.tensor(float(numpy.float32(1) - numpy.float32(subset.mass)), dtype=z.dtype)
    kl = (b * (logb - logp)).sum()
    if r > 0:
        kl = kl + r * (r.log() - (outside.logsumexp(-1) - total))
    return loss, kl


def batch_of(sequences, run, step):
    """The sequences of a step, counted from 1: global_batch_size of them in turn, from the start again after the last."""
    n = run["global_batch_size"] or len(sequences)
    return [sequences[((step - 1) * n + i) % len(sequences)] for i in range(n)]


def objective(model, sequences, run, tails):
    """The objective of a step, its mean loss and its mean divergence: sums over all positions, divided by their number once."""
    losses, kls = [], []
    for number, s in enumerate(sequences):
        z = logits(model, s)
        for i, (row, gold) in enumerate(s.positions()):
            loss, kl = position_loss(z[row], gold, run, s.subsets[i] if s.subsets else None, tails[number])
            losses.append(loss)
            kls.append(kl)
    loss, kl = torch.stack(losses).sum() / len(losses), torch.stack(kls).sum() / len(kls)
    return loss + run["kl"] * kl, loss.item(), kl.item()


def learning_rate(run, step):
    """Linear warm-up over int(warmup_ratio * steps) steps, then constant, linear or a cosine to final_lr_ratio * lr, which the rate
    reaches one step after the last, or with schedule_end "last" at the last step."""
    peak, final, warm = run["lr"], run["final_lr_ratio"], int(run["warmup_ratio"] * run["steps"])
    if step <= warm:
        return peak * step / warm
    fall = run["steps"] - warm + (run["schedule_end"] == "after")
    done = min(1.0, (step - warm) / max(1, fall))
    left = {"constant": 1 - final, "linear": (1 - final) * (1 - done), "cosine": (1 - final) / 2 * (1 + math.cos(math.pi * done))}
    return peak * (final + left[run["schedule"]])


def _angle(pairs):
    """(cosine, |g|, |m|) over pairs of gradient and momentum, in float64; None where one is zero."""
    gg = sum(float(g.double().square().sum()) for g, _ in pairs)
    mm = sum(float(m.double().square().sum()) for _, m in pairs)
    if gg == 0 or mm == 0:
        return None
    gm = sum(float((g.double() * m.double()).sum()) for g, m in pairs)
    return max(-1.0, min(1.0, gm / math.sqrt(gg) / math.sqrt(mm))), math.sqrt(gg), math.sqrt(mm)


def moclip_gradient(g, m, seen, run):
    """MoClip: where the angle phi between g and m exceeds delta, g is turned to the angle delta in the plane of both, its norm kept."""
    cos, g_norm, m_norm = seen
    delta = math.radians(run["delta"])
    if cos >= math.cos(delta):
        return g
    sin = math.sqrt((1 - cos) * (1 + cos))
    along = m * (g_norm / m_norm)  # m scaled to the length of g
    if run["overshoot"] == "project" and cos < 0:
        if sin < 1e-6:
            return torch.zeros_like(g)
        across = g - cos * along
        return across if delta >= math.pi / 2 else math.sin(delta) * across + math.cos(delta) * sin * along
    if sin < 1e-6:
        return max(0.0, math.cos(delta)) * along
    past = math.acos(cos) - delta
    turned = math.sin(delta) / sin * g + math.sin(past) / sin * along
    return turned if run["keep_norm"] else max(0.0, math.cos(past)) * turned


class Optimizer:
    """The six optimizers on named tensors; self.step changes the weights in place."""

    def __init__(self, run, weights):
        self.run, self.weights, self.t, self.capped = run, weights, 0, 0
        self.m = {n: torch.zeros_like(w) for n, w in weights.items()}
        self.v = {n: torch.zeros_like(w) for n, w in weights.items()}
        self.similarity = {n: 0.0 for n in weights}

    @torch.no_grad()
    def step(self, grads, lr):
        run, name = self.run, self.run["optimizer"]
        self.t += 1
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in grads.values()))
        if run["max_grad_norm"] and norm > run["max_grad_norm"]:  # no 1e-6 in the divisor, unlike clip_grad_norm_
            grads = {n: g * (run["max_grad_norm"] / norm) for n, g in grads.items()}
        everything = _angle([(g, self.m[n]) for n, g in grads.items()])
        cap_start = run["cap_start"] or math.ceil(1 / (1 - run["beta1"]) - 1e-9) + 1
        c1, c2 = 1 - run["beta1"] ** self.t, 1 - run["beta2"] ** self.t
        for n, w in self.weights.items():
            g, m, v = grads[n], self.m[n], self.v[n]
            own = _angle([(g, m)])
            used, first = g, 1 - run["beta1"]
            if name == "moclip":
                seen = everything if run["scope"] == "global" else own
                if seen and self.t >= cap_start and (run["cap_1d"] or w.dim() > 1):
                    used = moclip_gradient(g, m, seen, run)
                    self.capped += used is not g
            if name == "adatam":
                s = run["gamma"] * self.similarity[n] + (1 - run["gamma"]) * (own[0] if own else 0.0)
                self.similarity[n], first = s, run["eps"] + (1 + s) / 2
            squared = g if name == "moclip" and run["v_from"] == "raw" else used
            m.mul_(run["beta1"]).add_(used * first)
            v.mul_(run["beta2"]).add_(squared.square() * (1 - run["beta2"]))
            mean, root = m / c1, (v / c2).sqrt()
            decays = run["decay"] == "all" or run["decay"] == "matrices" and w.dim() > 1
            kept = w * (1 - lr * run["weight_decay"] if decays else 1.0)
            if name in ("adam-atan2", "moclip"):
                w.copy_(kept - lr * run["a"] * torch.atan2(mean, run["b"] * root))
                continue
            direction = mean / (root + run["eps"])
            if name == "mofo":  # only the entries with the greatest momentum move, ties to the lowest index
                count = max(1, math.ceil(run["fraction"] * w.numel() - 1e-9))
                top = m.abs().flatten().sort(descending=True, stable=True).indices[:count]
                moves = torch.zeros(w.numel(), dtype=torch.bool)
                moves[top] = True
                w.copy_(torch.where(moves.reshape(w.shape), kept - lr * direction, w))
            elif name == "cautious":
                agree = (m.sign() * g.sign() > 0).to(w.dtype)
                w.copy_(kept - lr * (w.numel() / (float(agree.sum()) + 1)) * agree * direction)
            else:  # adamw, adatam
                w.copy_(kept - lr * direction)


def train(model, sequences, run, vocab):
    """Runs the steps on a model, in place: losses, divergences, the first step's gradients, the tail of every step, and how many
    times MoClip capped a tensor's gradient."""
    weights = dict(model.named_parameters())
    optimizer = Optimizer(run, weights)
    proposal = Proposal(run["proposal"], sequences, vocab) if run["tail"] == "sampled" else None
    losses, kls, first, tails = [], [], None, []
    for step in range(1, run["steps"] + 1):
        batch = batch_of(sequences, run, step)
        drawn = [proposal.tail(run["seed"], step, i, run["tail_n"]) if proposal else ([], []) for i in range(len(batch))]
        tails.append(drawn)
        total, loss, kl = objective(model, batch, run, drawn)
        grads = dict(zip(weights, torch.autograd.grad(total, list(weights.values()))))
        losses.append(loss)
        kls.append(kl)
        first = first or grads
        optimizer.step(grads, learning_rate(run, step))
    return losses, kls, first, tails, optimizer.capped
