"""Writes small models with random weights, and what llama.cpp makes of them when this engine has exported them as GGUF.

    apt-get install python3-numpy
    npm i --ignore-scripts node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1      # 725 MB, in a folder of its own
    /usr/bin/python3 testdata/gguf/make.py FOLDER      # from the root; FOLDER holds node_modules; needs Go and node

Every model folder is a Hugging Face directory (weights in float16, so that they are exact in a float16 GGUF too) with a
tokenizer of ../tokenizers. reference.json has for every model and type of weights: the SHA-256 of the GGUF file that llama.cpp
read, the ids that llama.cpp gives for texts, the ids that it appends greedily to a prompt, and for every position of prompt
and continuation its 8 most probable next ids with their probabilities. Its key and value cache was float32.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
SEED = 20261130
TOP = 8
PROMPT = "The ferryman counted 42 candles near the bridge."
GREEDY = 16

ROPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "hidden_act": "silu", "max_position_embeddings": 128, "tie_word_embeddings": True, "torch_dtype": "float16"}
MODELS = {
    "llama": ("llama2", {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **ROPE, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                         "bos_token_id": 1, "eos_token_id": 2}),
    "llama3": ("llama3", {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **ROPE, "tie_word_embeddings": False, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                          "bos_token_id": 0, "eos_token_id": 1, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}),
    "qwen2": ("qwen2", {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **ROPE, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "eos_token_id": 0,
                        "vocab_size": 512, "use_sliding_window": False}),
    "gpt2": ("gpt2", {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "n_inner": None,
                      "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "float16"}),
}
TYPES = {"llama": ["f32", "f16", "q8_0"], "llama3": ["f32"], "qwen2": ["f32", "q8_0"], "gpt2": ["f32", "f16"]}


def shapes(c):
    """Names, shapes and standard deviations of the weights; a deviation of None is a norm's scale, near 1."""
    if c["model_type"] == "gpt2":
        d, out = c["n_embd"], [("wte.weight", (c["vocab_size"], c["n_embd"]), 0.5), ("wpe.weight", (c["n_positions"], c["n_embd"]), 0.3)]
        for i in range(c["n_layer"]):
            for name, rows, cols in [("attn.c_attn", d, 3 * d), ("attn.c_proj", d, d), ("mlp.c_fc", d, 4 * d), ("mlp.c_proj", 4 * d, d)]:
                out += [("h.%d.%s.weight" % (i, name), (rows, cols), rows**-0.5), ("h.%d.%s.bias" % (i, name), (cols,), 0.2)]
            for name in ("ln_1", "ln_2"):
                out += [("h.%d.%s.weight" % (i, name), (d,), None), ("h.%d.%s.bias" % (i, name), (d,), 0.2)]
        out += [("ln_f.weight", (d,), None), ("ln_f.bias", (d,), 0.2)]
        return [("transformer." + n, s, k) for n, s, k in out]
    d, f, kv = c["hidden_size"], c["intermediate_size"], c["hidden_size"] // c["num_attention_heads"] * c["num_key_value_heads"]
    out = [("model.embed_tokens.weight", (c["vocab_size"], d), 0.5), ("model.norm.weight", (d,), None)]
    if not c["tie_word_embeddings"]:
        out.append(("lm_head.weight", (c["vocab_size"], d), 0.5))
    for i in range(c["num_hidden_layers"]):
        p = "model.layers.%d." % i
        for name, rows, cols in [("self_attn.q_proj", d, d), ("self_attn.k_proj", kv, d), ("self_attn.v_proj", kv, d), ("self_attn.o_proj", d, d),
                                 ("mlp.gate_proj", f, d), ("mlp.up_proj", f, d), ("mlp.down_proj", d, f)]:
            out.append((p + name + ".weight", (rows, cols), 1.5 * cols**-0.5))
            if c["model_type"] == "qwen2" and name.split(".")[1] in ("q_proj", "k_proj", "v_proj"):
                out.append((p + name + ".bias", (rows,), 0.3))
        out += [(p + "input_layernorm.weight", (d,), None), (p + "post_attention_layernorm.weight", (d,), None)]
    return out


def write_model(name):
    tokenizer, config = MODELS[name]
    d = os.path.join(HERE, name)
    shutil.rmtree(d, ignore_errors=True)
    os.mkdir(d)
    for file in ("tokenizer.json", "chat_template.jinja"):
        source = os.path.join(HERE, "..", "tokenizers", tokenizer, file)
        if os.path.exists(source):
            shutil.copy(source, d)
    spec = json.load(open(os.path.join(d, "tokenizer.json"), encoding="utf-8"))
    ids = max(list(spec["model"]["vocab"].values()) + [a["id"] for a in spec["added_tokens"]]) + 1
    config = {"vocab_size": ids, **config}
    with open(os.path.join(d, "config.json"), "w") as f:
        f.write(json.dumps(config, indent=1) + "\n")
    rng = np.random.RandomState(SEED)  # its stream is frozen
    header, data = {}, b""
    for tensor, shape, deviation in sorted(shapes(config)):
        w = rng.standard_normal(shape) * (0.1 if deviation is None else deviation) + (deviation is None)
        raw = w.astype("<f2").tobytes()
        header[tensor] = {"dtype": "F16", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(os.path.join(d, "model.safetensors"), "wb") as f:
        f.write(len(head).to_bytes(8, "little") + head + data)
    return d


def texts():
    """Lines of our texts, some of them with marks or rare blanks put in."""
    lines = []
    for name in ("prose.txt", "languages.txt", "code.txt"):
        all_lines = [l for l in open(os.path.join(HERE, "..", "data", name), encoding="utf-8", newline="").read().split("\n") if len(l) > 12 and "<|" not in l]
        lines += [l[:70] for l in all_lines[:: max(1, len(all_lines) // 14)]]
    return lines + ["12345 6,789.01", "a  b   c\t\td", "I'll they've SHE'S", "naïve café 🙂👍🏽", "\n\n x \n", "x" * 30]


def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def ask(folder, gguf, request):
    """Runs llama.cpp by way of export/testdata/llama.mjs."""
    with tempfile.TemporaryDirectory() as tmp:
        q, a = os.path.join(tmp, "q.json"), os.path.join(tmp, "a.json")
        json.dump({"gguf": gguf, **request}, open(q, "w"))
        subprocess.run(["node", os.path.abspath(os.path.join(ROOT, "export/testdata/llama.mjs")), q, a], cwd=folder, check=True)
        return json.load(open(a))


def main(folder):
    reference = []
    with tempfile.TemporaryDirectory() as tmp:
        reprise = os.path.join(tmp, "reprise")
        subprocess.run(["go", "build", "-o", reprise, "./cmd/reprise"], cwd=ROOT, check=True)
        for name in MODELS:
            d = write_model(name)
            out = subprocess.run([reprise, "tokenize", "--model", d, "--text", PROMPT], capture_output=True, text=True, check=True).stdout
            ids = [int(line.split("\t")[0]) for line in out.splitlines()]  # what llama.cpp reads; that they are right is what ../tokenizers is for
            for dtype in TYPES[name]:
                gguf = os.path.join(tmp, "%s-%s.gguf" % (name, dtype))
                subprocess.run([reprise, "export", "--model", d, "--out", gguf, "--dtype", dtype], check=True, stdout=subprocess.DEVNULL)
                first = dtype == "f32"
                answer = ask(folder, gguf, {"text": PROMPT, "texts": texts() if first else [], "ids": ids, "greedy": GREEDY if first else 0})
                rows = []
                for row in answer["probabilities"]:
                    p = np.array([0 if x is None else x for x in row])
                    assert len(p) == json.load(open(os.path.join(d, "config.json")))["vocab_size"] and abs(p.sum() - 1) < 1e-4, (len(p), p.sum())
                    top = np.lexsort((np.arange(len(p)), -p))[:TOP]
                    rows.append([[int(i) for i in top], [float("%.8g" % p[i]) for i in top]])
                case = {"model": name, "dtype": dtype, "gguf_sha256": sha(gguf), "prompt": PROMPT, "ids": ids, "greedy": answer["greedy"], "top": rows}
                if first:
                    case["texts"] = [[t, i] for t, i in zip(texts(), answer["tokenized"])]
                reference.append(case)
                print(name, dtype, case["greedy"], "largest probability at each position: %s" % [round(r[1][0], 2) for r in rows])
    def dump(x): return json.dumps(x, ensure_ascii=False, separators=(",", ":"))
    with open(os.path.join(HERE, "reference.json"), "w", encoding="utf-8") as f:
        cases = []
        for case in reference:
            head = {k: v for k, v in case.items() if k not in ("top", "texts")}
            body = dump(head)[:-1] + ',\n"top": [\n' + ",\n".join(map(dump, case["top"])) + "\n]"
            if "texts" in case:
                body += ',\n"texts": [\n' + ",\n".join(map(dump, case["texts"])) + "\n]"
            cases.append(body + "}")
        f.write("[\n" + ",\n".join(cases) + "\n]\n")
    files = {}
    for base, _, names in sorted(os.walk(HERE)):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(base, name), HERE)
            if path != "manifest.json":
                files[path] = sha(os.path.join(base, name))
    manifest = {"made_by": "testdata/gguf/make.py", "command": "/usr/bin/python3 testdata/gguf/make.py FOLDER",
                "oracle": {"package": "npm node-llama-cpp 3.22.1 with @node-llama-cpp/linux-x64 3.22.1 (llama.cpp on the processor, one thread, float32 cache)",
                           "node": subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip(),
                           "numpy": np.__version__ + " (random weights)", "python": sys.version.split()[0]},
                "seed": SEED, "files": files}
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        f.write(json.dumps(manifest, indent=1) + "\n")


main(sys.argv[1])
