#!/usr/bin/env python3
"""Tests what goldens.py refuses, and how it handles modules that are not float64 throughout.

    python3 scripts/test_goldens.py
"""

import copy
import json
import os
import tempfile
import unittest

import torch
from torch import nn

import families
import goldens
import make_testdata
import steps

LLAMA = make_testdata.llama("llama", "LlamaForCausalLM", num_hidden_layers=1)
BATCH = {"ids": [[5, 9, 2, 40, 11, 3, 3, 60], [8, 1, 30, 22, 4]]}


def decoder(config=LLAMA, seed=3):
    weights = make_testdata.weights_of(config, torch.Generator().manual_seed(seed))
    return families.Decoder(config, {n: w.float() for n, w in weights.items()})


class LikeHuggingFace(families.Decoder):
    """Computes norms and rotary tables in float32 for every type, as Hugging Face's modules do."""

    def __init__(self, config, weights):
        super().__init__(config, weights)
        self.register_buffer("inv_freq", self.frequencies.float(), persistent=False)

    def forward(self, ids):
        dtype = next(self.parameters()).dtype
        self.frequencies = self.inv_freq.double()
        norm = families.rms_norm
        families.rms_norm = lambda x, gain, eps: gain * norm(x.float(), torch.ones(()), eps).to(dtype)
        try:
            return super().forward(ids)
        finally:
            families.rms_norm = norm


class Write(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, model=None, batch=BATCH, recipe=None):
        return goldens.write(self.folder.name, model or decoder(), batch, recipe or {"steps": 2})

    def refused(self, text, *args, **kw):
        with self.assertRaises(ValueError) as e:
            self.write(*args, **kw)
        self.assertIn(text, str(e.exception))
        self.assertFalse(os.path.exists(os.path.join(self.folder.name, "reference.safetensors")))

    def how(self):
        with open(os.path.join(self.folder.name, "manifest.json")) as f:
            return json.load(f)["how"]

    def test_module_of_its_own(self):
        found = self.write()
        self.assertEqual(self.how(), "the module itself, in float64 all through")
        self.assertEqual(len(found.described), 1 + 1 + 2 * 12)
        for name, entry in found.described.items():
            self.assertTrue(2**-18 <= entry["bound"] <= 0.05 and entry["bound"] >= 8 * entry["error32"] * 0.99, name)

    def test_two_runs_give_the_same_bytes(self):
        self.write()
        before = {f: goldens.sha256(os.path.join(self.folder.name, f)) for f in os.listdir(self.folder.name)}
        self.write()
        self.assertEqual(before, {f: goldens.sha256(os.path.join(self.folder.name, f)) for f in os.listdir(self.folder.name)})

    def test_float32_inside(self):
        model = LikeHuggingFace(LLAMA, {n: p.detach() for n, p in decoder().named_parameters()})
        self.write(model)
        self.assertIn("scripts/families.py in the module's place: buffer inv_freq holds float32 numbers", self.how())
        reference = families.read_safetensors(os.path.join(self.folder.name, "reference.safetensors"))["logits"]
        exact = torch.cat([steps.logits(decoder().double(), steps.Sequence(ids)) for ids in BATCH["ids"]])
        self.assertTrue(torch.equal(reference, exact.detach().float()))

    def test_rounding_on_the_way_is_found_without_a_buffer(self):
        model = LikeHuggingFace(LLAMA, {n: p.detach() for n, p in decoder().named_parameters()})
        model.inv_freq = torch.ones(3)  # not a table of numbers that were rounded to float32
        wide = copy.deepcopy(model).double()
        with torch.no_grad():
            z = steps.logits(wide, steps.Sequence(BATCH["ids"][0]))
            self.assertEqual(goldens.narrow_inside(wide, z, steps.Sequence(BATCH["ids"][0])), "the module rounds to float32 on the way")

    def test_float32_inside_another_family(self):
        model = LikeHuggingFace(LLAMA, {n: p.detach() for n, p in decoder().named_parameters()})
        model.config = dict(LLAMA, model_type="another")
        self.refused("buffer inv_freq holds float32 numbers; compute it in the type of the weights", model)

    def test_float32_inside_and_another_function(self):
        model = LikeHuggingFace(LLAMA, {n: p.detach() for n, p in decoder().named_parameters()})
        model.config = dict(LLAMA, rope_theta=500.0)
        self.refused("scripts/families.py, which would replace it, is off by", model)

    def test_dropout(self):
        class Random(families.Decoder):
            def forward(self, ids):
                return nn.functional.dropout(super().forward(ids), 0.1)

        model = Random(LLAMA, {n: p.detach() for n, p in decoder().named_parameters()})
        self.refused("two forward passes in evaluation mode differ", model)

    def test_autocast(self):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            self.refused("autocast is on")

    def test_tied_twice(self):
        model = decoder()
        model.config = dict(LLAMA, tie_word_embeddings=True)
        self.refused("lm_head.weight: the config ties it to the embedding", model)

    def test_weights_of_another(self):
        goldens.store_model(self.folder.name, decoder())
        self.refused("the folder's weights are not those of the module", decoder(seed=4))

    def test_float64_weights(self):
        model = decoder().double()
        with torch.no_grad():
            model.lm_head.weight.mul_(1 / 3)
        self.refused("no float32 numbers", model)

    def test_bound_too_wide(self):
        self.refused("full-adamw/weights/transformer.h.0.attn.c_attn.bias: float32 alone is off by", decoder(make_testdata.gpt2()))

    def test_recipes(self):
        for text, recipe in (("unknown key learning_rate", {"learning_rate": 1}), ("steps: 6", {"steps": 6}), ("optimizer: 'sgd'", {"optimizer": "sgd"}),
                             ("tail: sampled is for", {"tail": "sampled"}), ("same name", [{}, {}]), ("name: 'logits'", {"name": "logits"}),
                             ("no gradient was capped", {"optimizer": "moclip", "steps": 2})):
            self.refused(text, recipe=recipe)

    def test_batches(self):
        self.refused("documents", batch=dict(BATCH, documents=[[0, 9], [0]]))
        self.refused("none at the start of a document", batch=dict(BATCH, targets=[[1] * 8, [0, 1, 1, 1, 1]]))
        self.refused("within 1e-05 of tau", batch=dict(BATCH, rule={"tau": 1.0, "k_min": 1, "k_max": 67, "always": []}))


class Formulas(unittest.TestCase):
    """Compares with PyTorch's own losses and optimizer."""

    def test_loss_is_the_mean_over_all_tokens(self):
        model, run = decoder().double(), goldens.resolve({})
        sequences = [steps.Sequence(ids) for ids in BATCH["ids"]]
        total, loss, _ = steps.objective(model, sequences, run, [([], [])] * 2)
        rows = torch.cat([steps.logits(model, s)[:-1] for s in sequences])
        gold = torch.tensor([j for s in sequences for j in s.ids[1:]])
        self.assertAlmostEqual(loss, float(nn.functional.cross_entropy(rows, gold)), delta=1e-13)
        self.assertEqual(float(total), loss)

    def test_adamw_with_decay_groups_and_clipping(self):
        run = goldens.resolve({"lr": 1e-2, "max_grad_norm": 0.5, "steps": 4})
        sequences = [steps.Sequence(ids) for ids in BATCH["ids"]]
        ours, theirs = decoder().double(), decoder().double()
        steps.train(ours, sequences, run, LLAMA["vocab_size"])
        parameters = list(theirs.parameters())
        optimizer = torch.optim.AdamW([{"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.1},
                                       {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}], lr=1e-2)
        for _ in range(4):
            optimizer.zero_grad()
            steps.objective(theirs, sequences, run, [([], [])] * 2)[0].backward()
            norm = nn.utils.clip_grad_norm_(parameters, 0.5)
            with torch.no_grad():
                for p in parameters:
                    p.grad *= (norm + 1e-6) / norm
            optimizer.step()
        for (name, p), q in zip(ours.named_parameters(), parameters):
            self.assertLess(float((p - q).abs().max()), 1e-12, name)

    def test_philox(self):
        """The test vectors of the generator's authors."""
        rng = steps.RNG(0, "", 0)
        rng.key, rng.index = (0, 0), (0, 0)
        self.assertEqual([rng.uint32() for _ in range(4)], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8])
        rng.key, rng.index, rng.block, rng.words = (2**32 - 1,) * 2, (2**32 - 1,) * 2, 2**64 - 1, []
        self.assertEqual([rng.uint32() for _ in range(4)], [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD])


if __name__ == "__main__":
    unittest.main()
