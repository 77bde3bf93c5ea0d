"""Decoder language models in PyTorch, from their formulas: llama, mistral, qwen2, qwen3 and gpt2, with Hugging Face's names.

    model = families.load("DIR")          # config.json and safetensors, one file or shards
    logits = model(ids)                   # [batch, tokens, vocabulary]

A model computes in the type of its weights; rotary angles are computed in float64 for every type. Needs only torch and
numpy.

    RMSNorm     y = x / sqrt(mean(x^2) + eps) * w
    LayerNorm   y = (x - mean) / sqrt(var + eps) * w + b, var divided by n
    RoPE        angle = position * f_i, f_i = theta^(-2i/d); (a, b) of the halves -> (a cos - b sin, b cos + a sin)
    linear      f_i / factor
    llama3      with w = 2 pi / f_i and the first training's length P: f_i where w < P/high, f_i / factor where w > P/low,
                else (1-s) f_i / factor + s f_i, s = (P/w - low) / (high - low)
    attention   softmax(q.k / sqrt(d)) v over keys j <= i, and with a window W only i - j < W; H/KV query heads share a key head
    SwiGLU      down(silu(gate x) * up x)
    gelu_new    x/2 * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    gelu        x/2 * (1 + erf(x / sqrt(2)))
    Conv1D      gpt2 stores projections as [in, out], query, key and value side by side

Biases: qwen2 on query, key and value, gpt2 everywhere, llama and qwen3 where attention_bias says so (output too), llama's MLP where
mlp_bias does; whatever the weights have is added. qwen3 has an RMSNorm on every query and key head before RoPE.
"""

import json
import math
import os
import struct

import numpy
import torch
from torch import nn

SUPPORTED = ("llama", "mistral", "qwen2", "qwen3", "gpt2")

_TYPES = {"F64": (torch.float64, "<f8"), "F32": (torch.float32, "<f4"), "F16": (torch.float16, "<f2"),
          "BF16": (torch.bfloat16, "<i2"), "I64": (torch.int64, "<i8"), "I32": (torch.int32, "<i4")}
_LABELS = {t: label for label, (t, _) in _TYPES.items()}


def read_safetensors(path):
    """The tensors of a file by name, in their stored types."""
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        dtype, stored = _TYPES[entry["dtype"]]
        lo, hi = entry["data_offsets"]
        values = torch.from_numpy(numpy.frombuffer(data[lo:hi], stored).copy())
        if dtype == torch.bfloat16:
            values = values.view(torch.bfloat16)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """Writes tensors in the layout of the reference implementation: wide types first, then by name."""
    order = sorted(tensors, key=lambda n: (-tensors[n].element_size(), _LABELS[tensors[n].dtype], n))
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name in order:
        t = tensors[name].detach().cpu().contiguous()
        blob = (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()
        header[name] = {"dtype": _LABELS[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(blobs)


def read_weights(folder):
    """All tensors of a model directory by name."""
    index = os.path.join(folder, "model.safetensors.index.json")
    files = ["model.safetensors"]
    if os.path.exists(index):
        with open(index) as f:
            files = sorted(set(json.load(f)["weight_map"].values()))
    tensors = {}
    for name in files:
        tensors.update(read_safetensors(os.path.join(folder, name)))
    return tensors


def read_config(folder):
    with open(os.path.join(folder, "config.json")) as f:
        return json.load(f)


def load(folder, dtype=torch.float32):
    """The model of a directory, its weights converted to dtype (exact for float32 and wider)."""
    return Decoder(read_config(folder), read_weights(folder), dtype)


class Decoder(nn.Module):
    """One decoder of any family. named_parameters gives Hugging Face's names; a tied head is the embedding alone."""

    def __init__(self, config, weights, dtype=torch.float32):
        super().__init__()
        self.config = config
        self.kind = config["model_type"]
        if self.kind not in SUPPORTED:
            raise ValueError("config.json: model_type %r; supported: %s" % (self.kind, ", ".join(SUPPORTED)))
        gpt2 = self.kind == "gpt2"
        get = config.get
        self.heads = config["n_head" if gpt2 else "num_attention_heads"]
        self.width = config["n_embd" if gpt2 else "hidden_size"]
        self.layers = config["n_layer" if gpt2 else "num_hidden_layers"]
        self.eps = get("layer_norm_epsilon", 1e-5) if gpt2 else get("rms_norm_eps", 1e-6)
        self.kv = self.heads if gpt2 else get("num_key_value_heads") or self.heads
        self.head_dim = get("head_dim") or self.width // self.heads
        self.tied = get("tie_word_embeddings", gpt2)
        prefix = "transformer." if gpt2 else "model."
        self.prefix = prefix if any(n.startswith(prefix) for n in weights) else ""
        if not gpt2:
            self.frequencies = rotary_frequencies(config, self.head_dim)
            self.windows = sliding_windows(config, self.layers)
        for name in sorted(weights):
            if name.endswith((".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")) or self.tied and name == "lm_head.weight":
                continue  # buffers of old files; a tied head
            _place(self, name, nn.Parameter(weights[name].to(dtype, copy=True)))

    def forward(self, ids):
        w = dict(self.named_parameters())
        hidden = (self.gpt2 if self.kind == "gpt2" else self.llama)(w, ids)
        embedding = self.prefix + ("wte.weight" if self.kind == "gpt2" else "embed_tokens.weight")
        return hidden @ w[embedding if self.tied else "lm_head.weight"].T

    def llama(self, w, ids):
        batch, tokens = ids.shape
        x = w[self.prefix + "embed_tokens.weight"][ids]
        angle = torch.arange(tokens, dtype=torch.float64)[:, None] * self.frequencies
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)

        def project(x, name):
            y = x @ w[name + ".weight"].T
            return y + w[name + ".bias"] if name + ".bias" in w else y

        def heads(x, name, count):
            return project(x, name).reshape(batch, tokens, count, self.head_dim).transpose(1, 2)

        def turned(x):
            a, b = x.chunk(2, -1)
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

        for i in range(self.layers):
            block = "%slayers.%d." % (self.prefix, i)
            attn = block + "self_attn."
            y = rms_norm(x, w[block + "input_layernorm.weight"], self.eps)
            q, k, v = heads(y, attn + "q_proj", self.heads), heads(y, attn + "k_proj", self.kv), heads(y, attn + "v_proj", self.kv)
            if self.kind == "qwen3":
                q = rms_norm(q, w[attn + "q_norm.weight"], self.eps)
                k = rms_norm(k, w[attn + "k_norm.weight"], self.eps)
            mixed = attention(turned(q), turned(k), v, self.windows[i])
            x = x + project(mixed.transpose(1, 2).reshape(batch, tokens, -1), attn + "o_proj")
            y = rms_norm(x, w[block + "post_attention_layernorm.weight"], self.eps)
            gate = project(y, block + "mlp.gate_proj")
            x = x + project(gate * torch.sigmoid(gate) * project(y, block + "mlp.up_proj"), block + "mlp.down_proj")
        return rms_norm(x, w[self.prefix + "norm.weight"], self.eps)

    def gpt2(self, w, ids):
        batch, tokens = ids.shape
        pre = self.prefix

        def conv1d(x, name):
            return x @ w[name + ".weight"] + w[name + ".bias"]

        def norm(x, name):
            c = x - x.mean(-1, keepdim=True)
            return c / (c.square().mean(-1, keepdim=True) + self.eps).sqrt() * w[name + ".weight"] + w[name + ".bias"]

        x = w[pre + "wte.weight"][ids] + w[pre + "wpe.weight"][:tokens]
        for i in range(self.layers):
            block = "%sh.%d." % (pre, i)
            parts = conv1d(norm(x, block + "ln_1"), block + "attn.c_attn").chunk(3, -1)
            q, k, v = (p.reshape(batch, tokens, self.heads, self.head_dim).transpose(1, 2) for p in parts)
            x = x + conv1d(attention(q, k, v, 0).transpose(1, 2).reshape(batch, tokens, -1), block + "attn.c_proj")
            y = conv1d(norm(x, block + "ln_2"), block + "mlp.c_fc")
            if self.config.get("activation_function", "gelu_new") == "gelu":
                y = y / 2 * (1 + torch.erf(y / math.sqrt(2)))
            else:
                y = y / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y ** 3)))
            x = x + conv1d(y, block + "mlp.c_proj")
        return norm(x, pre + "ln_f")


def _place(root, dotted, parameter):
    """Registers a parameter under a name with dots, as nested modules."""
    *path, last = dotted.split(".")
    for part in path:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root._modules[part]
    root.register_parameter(last, parameter)


def rms_norm(x, gain, eps):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * gain


def attention(q, k, v, window):
    """q [batch, heads, tokens, d]; k and v may have fewer heads. window 0: all keys before."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    back = torch.arange(q.shape[2])[:, None] - torch.arange(k.shape[2])
    hidden = back < 0
    if window:
        hidden |= back >= window
    scores = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf)
    return scores.softmax(-1) @ v


def rotary_frequencies(config, d):
    """The angles by which one position turns the pairs of a head, in float64; both layouts of the config are read."""
    given = config.get("rope_parameters") or {}
    theta = float(given.get("rope_theta") or config.get("rope_theta") or (config.get("rope_scaling") or {}).get("rope_theta") or 10000)
    scaling = given or config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    f = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    if kind in ("default", "dynamic"):  # dynamic acts only beyond max_position_embeddings
        return f
    if kind == "linear":
        return f / scaling["factor"]
    if kind != "llama3":
        raise ValueError("config.json: rope_type %r; supported: default, linear, dynamic, llama3" % kind)
    factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
    length = scaling["original_max_position_embeddings"]
    wave = 2 * math.pi / f
    s = (length / wave - low) / (high - low)
    between = (1 - s) * f / factor + s * f
    return torch.where(wave < length / high, f, torch.where(wave > length / low, f / factor, between))


def sliding_windows(config, layers):
    """Per layer: how many keys a query sees, itself included; 0: all before it."""
    kind = config["model_type"]
    window = config.get("sliding_window", 0 if kind == "llama" else 4096) or 0
    first = 0
    if kind.startswith("qwen"):
        first = config.get("max_window_layers", 28)
        if not config.get("use_sliding_window"):
            window = 0
    types = config.get("layer_types")
    if types:
        return [window if t == "sliding_attention" else 0 for t in types]
    return [window if i >= first else 0 for i in range(layers)]
