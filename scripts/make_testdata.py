#!/usr/bin/env python3
"""Makes testdata/models: tiny models of every family with random weights, and their reference outputs.

    python3 scripts/make_testdata.py [NAME ...]          # all models, or those named

Everything follows from the seeds below: a second run gives the same bytes. hashes.json in each directory is not made here; it
holds the engine's own hashes (reprise verify --write).
"""

import json
import os
import sys

import torch

import families
import goldens
import steps

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testdata", "models")
COMMAND = "python3 scripts/make_testdata.py"

# Widths are not multiples of any tile or vector, so that the tails of kernels are used: 20, 28, 44, 61, 67 ...


def llama(kind, name, **changes):
    config = {"architectures": [name], "model_type": kind, "vocab_size": 67, "hidden_size": 20, "intermediate_size": 44,
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "hidden_act": "silu",
              "max_position_embeddings": 64, "initializer_range": 0.02, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
              "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"}
    config.update(changes)
    return {k: v for k, v in config.items() if v is not None}


def gpt2(**changes):
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 61, "n_embd": 20, "n_layer": 2, "n_head": 2,
              "n_positions": 40, "n_ctx": 40, "n_inner": None, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
              "initializer_range": 0.02, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1, "bos_token_id": 60, "eos_token_id": 60,
              "torch_dtype": "float32"}
    config.update(changes)
    return config


SCALED = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
SHORT = [{"optimizer": "adamw", "lr": 1e-3, "steps": 3}]
MOCLIP = {"optimizer": "moclip", "delta": 8.0, "cap_start": 2, "lr": 1e-3}

# Every optimizer and every loss on one model; the gradients of full cross-entropy are the same for all six. One schedule ends at the
# last step.
EVERYTHING = [dict({"name": n, "optimizer": n, "lr": 1e-3, "steps": 5, "schedule": "cosine", "warmup_ratio": 0.4, "final_lr_ratio": 0.1},
                   **(dict(MOCLIP, delta=50.0, global_batch_size=1) if n == "moclip" else {}), **({} if n == "adamw" else {"outputs": ["losses", "weights"]}),
                   **({"schedule_end": "last"} if n == "cautious" else {}))
              for n in steps.OPTIMIZERS]
EVERYTHING += [
    dict(MOCLIP, name="replay-bare", loss="replay", steps=3),
    dict(MOCLIP, name="replay-tail", loss="replay", steps=3, tail="sampled", tail_n=12),
    dict(MOCLIP, name="replay-tail-kl", loss="replay", steps=3, tail="sampled", tail_n=12, proposal="uniform", kl=0.5),
    {"name": "replay-bare-kl", "loss": "replay", "steps": 2, "kl": 0.5, "optimizer": "adamw"},
    {"name": "full-kl", "steps": 2, "kl": 0.5, "optimizer": "adam-atan2"},
    {"name": "micro", "steps": 3, "global_batch_size": 2, "micro_batch_size": 1, "optimizer": "adamw", "outputs": ["losses", "weights"]},
]

# The shape of a batch: lengths of the sequences, and where a second document starts in each of them (0: nowhere).
BATCH = [(37, 0), (17, 6)]

MODELS = {
    "llama": dict(config=llama("llama", "LlamaForCausalLM"), runs=EVERYTHING, batch=[(37, 0), (17, 6), (9, 0)], rule=True,
                  note="grouped heads, an untied head; every optimizer and every loss; what the recorder picks"),
    "llama-tied": dict(config=llama("llama", "LlamaForCausalLM", num_key_value_heads=4, tie_word_embeddings=True),
                       runs=SHORT + [dict(MOCLIP, name="replay-tail", loss="replay", steps=3, tail="sampled", tail_n=12)],
                       note="a tied head, whose two gradients meet in the embedding; no grouped heads"),
    "llama-rope-llama3": dict(config=llama("llama", "LlamaForCausalLM", head_dim=10, num_key_value_heads=1, rope_scaling=SCALED), runs=SHORT,
                              note="rope_type llama3, with frequencies below, between and above its bounds; one key head"),
    "llama-rope-linear": dict(config=llama("llama", "LlamaForCausalLM", rope_scaling={"type": "linear", "factor": 4.0}), runs=SHORT,
                              sample=100, note="rope type linear, in the older spelling; of large tensors 100 entries are kept, and the norm"),
    "llama-sharded": dict(config=llama("llama", "LlamaForCausalLM", rope_theta=None, torch_dtype=None, dtype="float32",
                                       rope_parameters={"rope_type": "default", "rope_theta": 500000.0}), shards=2, runs=SHORT,
                          note="two shards and an index; the newer layout of the config"),
    "llama-bf16": dict(config=llama("llama", "LlamaForCausalLM", torch_dtype="bfloat16"), dtype=torch.bfloat16, runs=SHORT,
                       note="weights stored as bfloat16"),
    "mistral": dict(config=llama("mistral", "MistralForCausalLM", sliding_window=7), runs=SHORT, note="a sliding window of 7 keys"),
    "qwen2": dict(config=llama("qwen2", "Qwen2ForCausalLM", use_sliding_window=False, sliding_window=8, max_window_layers=1), runs=SHORT,
                  note="biases on query, key and value; a window that is switched off"),
    "qwen2-fp16": dict(config=llama("qwen2", "Qwen2ForCausalLM", torch_dtype="float16", tie_word_embeddings=True, use_sliding_window=False),
                       dtype=torch.float16, runs=SHORT, note="weights stored as float16; tied"),
    "qwen3": dict(config=llama("qwen3", "Qwen3ForCausalLM", head_dim=8, tie_word_embeddings=True, use_sliding_window=True, sliding_window=5,
                               max_window_layers=1), runs=SHORT, note="norms of query and key heads; a window in the second layer only; tied"),
    "gpt2": dict(config=gpt2(), runs=[dict(SHORT[0], eps=1e-5)], note="LayerNorm, learned positions, GELU, Conv1D, biases. eps is 1e-5 "
                 "because the biases of the keys have no gradient but rounding, which a smaller one would blow up"),
    "llama-biases": dict(config=llama("llama", "LlamaForCausalLM", attention_bias=True, mlp_bias=True, num_hidden_layers=1, tie_word_embeddings=True),
                         runs=SHORT, sample=100, note="biases on every projection of attention and MLP"),
    "qwen3-biases": dict(config=llama("qwen3", "Qwen3ForCausalLM", attention_bias=True, num_hidden_layers=1, head_dim=8, tie_word_embeddings=True,
                                      use_sliding_window=False), runs=SHORT, sample=100,
                         note="biases on the projections of attention, before the norms of query and key heads"),
    "gpt2-gelu": dict(config=gpt2(activation_function="gelu", n_layer=1), runs=[dict(SHORT[0], eps=1e-5)], sample=100,
                      note="GELU by the error function; eps as for gpt2"),
}


def weights_of(config, generator):
    """Random weights by name, of a size that keeps activations near 1 and lets every part of the model matter."""
    normal = lambda *shape, std=1.0, mean=0.0: torch.randn(*shape, generator=generator, dtype=torch.float64) * std + mean
    w = {}
    if config["model_type"] == "gpt2":
        d = config["n_embd"]
        w["transformer.wte.weight"] = normal(config["vocab_size"], d, std=0.4)
        w["transformer.wpe.weight"] = normal(config["n_positions"], d, std=0.3)
        for norm in ["ln_f"] + ["h.%d.%s" % (i, n) for i in range(config["n_layer"]) for n in ("ln_1", "ln_2")]:
            w["transformer.%s.weight" % norm], w["transformer.%s.bias" % norm] = normal(d, std=0.2, mean=1.0), normal(d, std=0.1)
        for i in range(config["n_layer"]):
            for name, fan, out in (("attn.c_attn", d, 3 * d), ("attn.c_proj", d, d), ("mlp.c_fc", d, 4 * d), ("mlp.c_proj", 4 * d, d)):
                full = "transformer.h.%d.%s" % (i, name)
                w[full + ".weight"], w[full + ".bias"] = normal(fan, out, std=fan**-0.5), normal(out, std=0.2)
        return w
    d, inner, vocab, dim = (config[n] for n in ("hidden_size", "intermediate_size", "vocab_size", "head_dim"))
    q, kv = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim
    w["model.embed_tokens.weight"] = normal(vocab, d, std=0.5)
    w["model.norm.weight"] = normal(d, std=0.2, mean=1.0)
    if not config["tie_word_embeddings"]:
        w["lm_head.weight"] = normal(vocab, d, std=d**-0.5)
    for i in range(config["num_hidden_layers"]):
        block = "model.layers.%d." % i
        for name, out, fan in (("self_attn.q_proj", q, d), ("self_attn.k_proj", kv, d), ("self_attn.v_proj", kv, d), ("self_attn.o_proj", d, q),
                               ("mlp.gate_proj", inner, d), ("mlp.up_proj", inner, d), ("mlp.down_proj", d, inner)):
            w[block + name + ".weight"] = normal(out, fan, std=fan**-0.5)
            if (config["model_type"] == "qwen2" and name[10:] in ("q_proj", "k_proj", "v_proj") or config.get("attention_bias") and name[:4] == "self"
                    or config.get("mlp_bias") and name[:3] == "mlp"):
                w[block + name + ".bias"] = normal(out, std=0.3)
        for name, n in [("input_layernorm", d), ("post_attention_layernorm", d)] + [
                ("self_attn." + n, dim) for n in ("q_norm", "k_norm") if config["model_type"] == "qwen3"]:
            w[block + name + ".weight"] = normal(n, std=0.2, mean=1.0)
    return w


def store(folder, config, weights, shards):
    """A model directory: config.json and the weights in one file or in shards with an index."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name != "hashes.json":
            os.remove(os.path.join(folder, name))
    goldens.write_json(folder, "config.json", config)
    if shards == 1:
        families.write_safetensors(os.path.join(folder, "model.safetensors"), weights)
        return
    names, where = sorted(weights), {}
    for i in range(shards):
        file = "model-%05d-of-%05d.safetensors" % (i + 1, shards)
        part = names[i * len(names) // shards:(i + 1) * len(names) // shards]
        families.write_safetensors(os.path.join(folder, file), {n: weights[n] for n in part})
        where.update({n: file for n in part})
    size = sum(t.numel() * t.element_size() for t in weights.values())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": size}, "weight_map": where}, f, indent=2)
        f.write("\n")


def make(name, spec, seed):
    """One directory."""
    generator = torch.Generator().manual_seed(seed)
    config, dtype = spec["config"], spec.get("dtype", torch.float32)
    weights = {n: t.to(dtype) for n, t in weights_of(config, generator).items()}
    folder = os.path.join(ROOT, name)
    store(folder, config, weights, spec.get("shards", 1))
    rng = steps.RNG(seed, "testdata", 0)
    shape = spec.get("batch", BATCH)
    batch = {"ids": [[rng.below(config["vocab_size"]) for _ in range(n)] for n, _ in shape],
             "documents": [[0, second] if second else [0] for _, second in shape], "targets": []}
    for (n, _), starts in zip(shape, batch["documents"]):  # one token in four carries no loss
        batch["targets"].append([i not in starts and rng.below(4) > 0 for i in range(n)])
    if spec.get("rule"):
        batch["rule"] = {"tau": 0.6, "k_min": 2, "k_max": 18, "always": [2]}
    # The record comes from other weights, because otherwise the anchor would start at its minimum.
    other = {n: t.double() + 0.1 * torch.randn(t.shape, generator=generator, dtype=torch.float64) for n, t in weights.items()}
    batch["base"] = families.Decoder(config, {n: t.float() for n, t in other.items()})
    found = goldens.write(folder, families.load(folder), batch, spec["runs"], seed, spec.get("sample", 0),
                          "%s %s" % (COMMAND, name))
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if f != "hashes.json")
    widest = max(found.described, key=lambda n: found.described[n]["bound"])
    print("%-18s %4d reference tensors, %6d bytes; widest bound %.2g of %s" % (name, len(found.described), size, found.described[widest]["bound"], widest))


def main():
    names = sys.argv[1:] or list(MODELS)
    for name in names:
        if name not in MODELS:
            sys.exit("make_testdata: no model %r; there are: %s" % (name, ", ".join(MODELS)))
    for number, (name, spec) in enumerate(MODELS.items()):
        if name in names:
            make(name, spec, 20261130 + number)
    entries = {}
    for number, (name, spec) in enumerate(MODELS.items()):
        folder = os.path.join(ROOT, name)
        files = sorted(f for f in os.listdir(folder) if f != "hashes.json")
        entries[name] = {"note": spec["note"], "seed": 20261130 + number, "files": {f: goldens.sha256(os.path.join(folder, f)) for f in files}}
    goldens.write_json(ROOT, "manifest.json", {
        "made_by": "scripts/make_testdata.py: random weights, and reference outputs by PyTorch in float64 (scripts/goldens.py)",
        "versions": goldens.versions(), "command": COMMAND,
        "not_listed": "hashes.json in each directory: the engine's own hashes, written by reprise verify --write", "models": entries})


if __name__ == "__main__":
    main()
