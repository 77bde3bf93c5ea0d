// Writes a folder for every kind of tokenizer.json that package tokenizer reads: tokenizer.json, and cases.json with the ids and
// the decoded texts that Hugging Face's tokenizers (the Rust library, through npm) give. The vocabularies were learnt from
// ../data: byte-level ones by `reprise tokenize train`, the others by Hugging Face's trainer, cut to a number of merges.
//
//   npm i --ignore-scripts @anush008/tokenizers@0.6.0            # holds tokenizers 0.22.2
//   node testdata/tokenizers/make.mjs --modules node_modules     # from the root of the repository; needs Go
//
// cases.json: {"prefix", "suffix": ids put around a text with special tokens, the same for all texts of the file,
//   "encode": [[text, ids, decoded], …]    ids without special tokens; decoded is left out where it is the text,
//   "decode": [[ids, text, skipped], …]}   rows of ids at random; skipped (special tokens left out) where it differs.
//
// Left out, because the two libraries are known to differ there: characters that are newer than Go's Unicode (texts.mjs);
// where a kind says `without`.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import crypto from "node:crypto";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { generator, texts } from "./texts.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "..", "..");
const at = process.argv.indexOf("--modules");
if (at < 0) {
  console.error("make.mjs: --modules is missing; see the top of this file");
  process.exit(2);
}
const modules = path.resolve(process.argv[at + 1]);
const hf = createRequire(path.join(modules, "x"))("@anush008/tokenizers");
const version = JSON.parse(fs.readFileSync(path.join(modules, "@anush008/tokenizers/package.json"))).version;
if (version !== "0.6.0") throw new Error(`@anush008/tokenizers is ${version}, want 0.6.0`);
const seed = 20261130;
const tmp = fs.mkdtempSync(path.join(os.tmpdir(), "tokenizers-"));
process.on("exit", () => fs.rmSync(tmp, { recursive: true, force: true }));

// ---- vocabularies

const sources = ["prose.txt", "languages.txt", "code.txt"].map((name) => path.join(here, "..", "data", name));

// byteLevel learns a byte-level vocabulary with this engine.
function byteLevel(size, pattern, special) {
  const out = path.join(tmp, `vocab-${pattern}-${size}`);
  execFileSync("go", ["run", "./cmd/reprise", "tokenize", "train", ...sources.map((s) => `--data=${s}`), `--vocab-size=${size}`,
    `--pattern=${pattern}`, ...special.map((s) => `--special=${s}`), `--out=${out}`], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  return JSON.parse(fs.readFileSync(path.join(out, "tokenizer.json"), "utf8"));
}

// pieces learns a vocabulary of characters and pieces with Hugging Face's trainer: ids for special tokens first, then bytes if
// wanted, then the characters, then the merges.
function pieces(merges, special, bytes, pre) {
  const t = new hf.Tokenizer(hf.BPE.empty());
  t.setPreTokenizer(pre);
  t.train(sources.slice(0, 2));
  const file = path.join(tmp, "pieces.json");
  t.save(file, false);
  const model = JSON.parse(fs.readFileSync(file, "utf8")).model;
  const all = Object.entries(model.vocab).sort((a, b) => a[1] - b[1]).map(([piece]) => piece);
  const characters = all.filter((p) => Array.from(p).length === 1);
  const kept = model.merges.slice(0, merges);
  const list = [...special];
  if (bytes) for (let b = 0; b < 256; b++) list.push(`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
  list.push(...characters, ...kept.map(([a, b]) => a + b));
  const vocab = Object.fromEntries([...new Set(list)].map((p, i) => [p, i]));
  if (!bytes) return { vocab, merges: kept.map(([a, b]) => `${a} ${b}`) };
  // With bytes as SentencePiece's vocabularies are converted: a piece comes from all pairs of pieces that make it.
  const pairs = (piece) => {
    const c = Array.from(piece);
    const cuts = c.slice(1).map((_, i) => [c.slice(0, i + 1).join(""), c.slice(i + 1).join("")]);
    return cuts.filter(([a, b]) => a in vocab && b in vocab).sort((x, y) => vocab[x[0]] - vocab[y[0]] || vocab[x[1]] - vocab[y[1]]);
  };
  return { vocab, merges: [...new Set(kept.map(([a, b]) => a + b))].flatMap(pairs).map(([a, b]) => `${a} ${b}`) };
}

// unigram gives the pieces of a vocabulary, less the last ones, scores, the logarithms of how often they occur: ids for special tokens first, then
// bytes if wanted. (Hugging Face's trainer for such models gives other scores every time.) The product makes scores of all digits.
function unigram({ vocab }, less, special, bytes) {
  const text = sources.slice(0, 2).map((file) => fs.readFileSync(file, "utf8").replaceAll(" ", "▁")).join("\n");
  const pieces = Object.keys(vocab).filter((p) => !special.includes(p));
  const kept = pieces.filter((p, i) => Array.from(p).length === 1 || i < pieces.length - less);
  const list = special.map((piece) => [piece, 0]);
  if (bytes) for (let b = 0; b < 256; b++) list.push([`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`, 0]);
  const score = (p) => (Math.round(1e6 * Math.log(Math.max(1, text.split(p).length - 1) / text.length)) / 1e6) * 1.000000001;
  return { type: "Unigram", unk_id: 0, vocab: [...list, ...kept.map((p) => [p, score(p)])], byte_fallback: bytes };
}

// charsMap builds a Precompiled normalizer's table from pairs: a double-array trie with the places of the replacements, then
// the replacements.
function charsMap(pairs) {
  const root = { next: new Map() };
  const blob = [];
  let size = 0;
  for (const [from, to] of pairs) {
    let node = root;
    for (const b of Buffer.from(from)) {
      if (!node.next.has(b)) node.next.set(b, { next: new Map() });
      node = node.next.get(b);
    }
    node.place = size;
    blob.push(Buffer.from(to + "\0"));
    size += blob.at(-1).length;
  }
  const units = [0], used = new Set([0]);
  const lay = (node, at) => { // the unit at `at` is the node's; choose places for its children
    const labels = [...(node.place === undefined ? [] : [0]), ...node.next.keys()];
    let from = 1;
    while (labels.some((l) => used.has(from ^ l))) from++;
    for (const l of labels) used.add(from ^ l);
    units[at] = ((units[at] ?? 0) | ((at ^ from) << 10) | (node.place === undefined ? 0 : 1 << 8)) >>> 0;
    if (node.place !== undefined) units[from] = (node.place | (1 << 31)) >>> 0;
    for (const [l, child] of node.next) {
      units[from ^ l] = l;
      if (child.next.size > 0 || child.place !== undefined) lay(child, from ^ l);
    }
  };
  lay(root, 0);
  const trie = Buffer.alloc(4 * 256 * Math.ceil(units.length / 256));
  for (let i = 0; i < units.length; i++) trie.writeUInt32LE(units[i] ?? 0, 4 * i);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(trie.length);
  return { type: "Precompiled", precompiled_charsmap: Buffer.concat([head, trie, ...blob]).toString("base64") };
}

const added = (id, content, flags = {}) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...flags });
const model = (fields) => ({ type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
  fuse_unk: false, byte_fallback: false, ignore_merges: false, ...fields });
const sequence = (...pretokenizers) => ({ type: "Sequence", pretokenizers });
const split = (pattern, behavior = "Isolated", invert = false) =>
  ({ type: "Split", pattern: typeof pattern === "string" ? { Regex: pattern } : pattern, behavior, invert });
const bytes = (fields = {}) => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false, ...fields });
const metaspace = (prepend_scheme, fields = {}) => ({ type: "Metaspace", replacement: "▁", prepend_scheme, split: true, ...fields });
const normalizers = (...list) => ({ type: "Sequence", normalizers: list });
const toMetaspace = { type: "Replace", pattern: { String: " " }, content: "▁" };
const template = (single, ids) => ({
  type: "TemplateProcessing",
  single: single.map((s) => (s === "A" ? { Sequence: { id: "A", type_id: 0 } } : { SpecialToken: { id: s, type_id: 0 } })),
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: Object.fromEntries(Object.entries(ids).map(([s, id]) => [s, { id: s, ids: [id], tokens: [s] }])),
});
const llamaDecoder = { type: "Sequence", decoders: [
  { type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }, { type: "Strip", content: " ", start: 1, stop: 0 }] };

// ---- the kinds

const gpt2 = byteLevel(480, "gpt2", ["<|endoftext|>"]);
const llama3 = byteLevel(520, "llama3", ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]);
const qwen2 = byteLevel(500, "qwen2", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]);
const words = hf.metaspacePreTokenizer(); // cuts before every space
const fallback = pieces(350, ["<unk>", "<s>", "</s>"], true, words);
const unknown = pieces(300, ["<unk>", "<s>", "</s>"], false, words);
const sentence = (fields, spec) => ({
  version: "1.0", truncation: null, padding: null, added_tokens: [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
  normalizer: null, pre_tokenizer: null, post_processor: null, decoder: llamaDecoder, ...spec,
  model: model({ unk_token: "<unk>", fuse_unk: true, ...fields }),
});
const ofGPT2 = (spec) => ({ ...structuredClone(gpt2), ...spec });
const begin = template(["<s>", "A"], { "<s>": 1 });
const asPairs = (spec) => ({ ...spec, model: { ...spec.model, merges: spec.model.merges.map((m) => m.split(" ")) } });

// Characters at which the two libraries' tables of punctuation, compatible forms and lower case are of different ages.
const common = (text) => Array.from(text).filter((c) => c.codePointAt(0) < 0x250 || (c >= "\u3000" && c <= "\u9fff") || /\p{Emoji_Presentation}/u.test(c)).join("");
const forms = (text) => Array.from(text).filter((c) => c.codePointAt(0) < 0x1c80 || (c >= "\u1e00" && c <= "\u33ff") || (c >= "\u4e00" && c <= "\u9fff") || (c >= "\uac00" && c <= "\ud7a3")).join("");

// withoutSomeMerges leaves pieces that only a word as a whole becomes (ignore_merges); wholes are texts with many of them.
const withoutSomeMerges = (m) => ({ ...m, merges: m.merges.filter((_, i) => i % 7 !== 3) });
const wholes = (spec, space = "") => {
  const merged = spec.model.merges.map((m) => m.replace(" ", "")).filter((_, i) => i % 7 === 3);
  return Array.from({ length: 12 }, (_, i) => merged.slice(3 * i, 3 * i + 3).map((p) => p.replace(/^[Ġ▁]/, " ")).join(space));
};
// More combining marks in a row than any word has: normal forms put them into an order.
const manyMarks = ["a" + "\u0301\u0316".repeat(9), "e" + "\u0323\u0302\u0308".repeat(14) + "z", "\u0345\u0301".repeat(20) + "ω" + "\u0345\u0314".repeat(5), "가" + "\u0300".repeat(40)];

const kinds = {
  "gpt2": { spec: gpt2, cases: 320 },
  "gpt2-prefix-space": { spec: ofGPT2({ pre_tokenizer: bytes({ add_prefix_space: true, use_regex: true }) }) },
  "llama3": { cases: 320, extra: wholes(llama3), spec: asPairs({ ...llama3, model: withoutSomeMerges({ ...llama3.model, ignore_merges: true }),
    post_processor: { type: "Sequence", processors: [bytes({ use_regex: true }), template(["<|begin_of_text|>", "A"], { "<|begin_of_text|>": 0 })] } }) },
  "qwen2": { cases: 320, extra: manyMarks, spec: { ...qwen2, normalizer: { type: "NFC" },
    added_tokens: [...qwen2.added_tokens, added(500, "<think>", { special: false }), added(501, "</think>", { special: false }), added(502, "<tool_call>", { special: false })] },
    template: "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}" },
  "digits-single": { spec: ofGPT2({ pre_tokenizer: sequence({ type: "Digits", individual_digits: true }, bytes({ use_regex: true })) }) },
  "digits-grouped": { spec: ofGPT2({ pre_tokenizer: sequence({ type: "Digits", individual_digits: false }, split("\\p{N}{1,3}"), bytes({ use_regex: true })) }) },
  "regex-case": { spec: ofGPT2({ pre_tokenizer: sequence(
    split("(?i:'s|'t|'re|'ve)|[^\\r\\n\\p{L}\\p{N}]?\\p{Lu}*[\\p{Ll}\\p{M}]+|\\p{Lu}+(?!\\p{Ll})|\\p{L}|\\p{N}{1,2}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"), bytes()) }) },
  "regex-several": { spec: ofGPT2({ pre_tokenizer: sequence(split("\\p{N}{1,3}"), split("[一-龥぀-ヿ]+"), split("[#$%&*+/<=>@^_|~-][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s+(?!\\S)|\\s+"), bytes()) }) },
  "split-removed": { spec: ofGPT2({ pre_tokenizer: sequence(split({ String: " " }, "Removed"), bytes()) }) },
  "split-previous": { spec: ofGPT2({ pre_tokenizer: sequence(split("\\s", "MergedWithPrevious"), bytes()) }) },
  "split-next": { spec: ofGPT2({ pre_tokenizer: sequence(split("[,.;:!? ]", "MergedWithNext"), bytes()) }) },
  "split-contiguous": { spec: ofGPT2({ pre_tokenizer: sequence(split("[aeiou\\s]", "Contiguous"), bytes()) }) },
  "split-inverted": { spec: ofGPT2({ pre_tokenizer: sequence(split("\\w+|[^\\w\\s]+", "Removed", true), bytes()) }) },
  "behind-byte-level": { without: common, spec: ofGPT2({ pre_tokenizer: sequence({ type: "Punctuation", behavior: "Contiguous" }, bytes({ use_regex: true }),
    { type: "Digits", individual_digits: false }, split("[0-9][0-9][0-9]")) }) },
  "punctuation": { without: common, spec: ofGPT2({ pre_tokenizer: sequence({ type: "Punctuation", behavior: "Isolated" }, bytes({ use_regex: true })),
    post_processor: template(["A", "<|endoftext|>"], { "<|endoftext|>": 0 }) }) },
  "added-tokens": { cases: 320, extra: ["<right> sp", "<right>  sp sp", "a<right> \n<left> sp", "<right>\u3000<left>", "<left><right><left>", "<le<left>", "sword word swords word.", "éword word_ word2 -word-", "İ Norm İ"], special: ["<left>", "<right>", "<both>", "word", "Norm", "norm", " sp", "<left><right>", "<le", "<|endoftext|>", "ŠA", "ša"], spec: ofGPT2({ normalizer: { type: "Lowercase" },
    added_tokens: [...gpt2.added_tokens, added(480, "<left>", { lstrip: true }), added(481, "<right>", { rstrip: true }), added(482, "<both>", { lstrip: true, rstrip: true }),
      added(483, "word", { single_word: true, special: false }), added(484, "Norm", { normalized: true, special: false }), added(485, " sp", { special: false }),
      added(486, "<left><right>"), added(487, "<le", { special: false }), added(488, "ŠA", { normalized: true })] }), without: forms },
  "nfd": { without: forms, extra: manyMarks, spec: ofGPT2({ normalizer: { type: "NFD" } }) },
  "nfkd-strip": { without: forms, extra: manyMarks, spec: ofGPT2({ normalizer: normalizers({ type: "NFKD" }, { type: "Strip", strip_left: true, strip_right: true }) }) },
  "nfkc-lowercase": { without: forms, extra: [...manyMarks, "İstanbul IĞDIR İİ", "ΣΑΣ ẞ ǅ Ǆ", "ﬁ Å ① x²"], spec: ofGPT2({ normalizer: normalizers({ type: "NFKC" }, { type: "Lowercase" }) }) },
  "replace": { spec: ofGPT2({ normalizer: normalizers({ type: "Replace", pattern: { Regex: "[\\s\\u200b]+" }, content: " " }, { type: "Replace", pattern: { String: "’" }, content: "'" }, { type: "Prepend", prepend: " " }) }) },
  "llama2": { cases: 320, spec: sentence({ byte_fallback: true, ...fallback },
    { normalizer: normalizers({ type: "Prepend", prepend: "▁" }, toMetaspace), post_processor: begin }) },
  "metaspace-first": { spec: sentence({ byte_fallback: true, ...fallback }, { pre_tokenizer: metaspace("first", { split: false }), post_processor: begin }) },
  "metaspace-always": { spec: sentence(unknown, { pre_tokenizer: metaspace("always"), decoder: metaspace("always") }) },
  "metaspace-never": { spec: sentence({ ...unknown, fuse_unk: false }, { pre_tokenizer: metaspace("never"), decoder: metaspace("never"), post_processor: template(["<s>", "A", "</s>"], { "<s>": 1, "</s>": 2 }) }) },
  "gemma": { spec: asPairs(sentence({ byte_fallback: true, ...fallback }, { normalizer: toMetaspace, pre_tokenizer: split({ String: " " }, "MergedWithPrevious"), post_processor: begin,
    decoder: { type: "Sequence", decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }] } })) },
  "whole-pieces": { extra: wholes({ model: fallback }, " "), spec: sentence(withoutSomeMerges({ byte_fallback: true, ignore_merges: true, ...fallback }), { pre_tokenizer: metaspace("always"), decoder: llamaDecoder }) },
  "characters": { spec: sentence({ unk_token: null, fuse_unk: false, ...unknown }, { decoder: null }) },
};

// ---- kinds of models without bytes, and of the steps that come with them

const bpe = (vocab, merges, fields) => ({ spec: sentence({ vocab: Object.fromEntries(vocab.map((p, i) => [p, i])), merges, unk_token: null, fuse_unk: false, ...fields },
  { added_tokens: [], decoder: null, normalizer: toMetaspace }) });
const row = (letters, n) => (draw) => Array.from({ length: n }, () => draw.times(1, 9, () => draw.pick(letters)).join(""));
const narrow = row(Array.from("▁▁aabbcé xyü😀"), 130);
const few = { merges: unknown.merges.slice(0, 90), vocab: {} }; // a part of the vocabulary, without letters of other scripts
for (const piece of [...Object.keys(unknown.vocab).filter((p) => Array.from(p).length === 1 && (p < "\u0250" || p === "▁")), "の", "語"]) few.vocab[piece] = 0;
for (const merge of few.merges) few.vocab[merge.replace(" ", "")] = 0;
few.merges = few.merges.filter((merge) => merge.split(" ").every((p) => p in few.vocab));
few.vocab = Object.fromEntries(["<unk>", "<s>", "</s>", ...Object.keys(few.vocab)].map((p, i) => [p, i]));
const byHand = (fields, spec) => sentence({ ...few, fuse_unk: false, ...fields }, { decoder: null, ...spec });
const small = unigram(unknown, 150, ["<unk>", "<s>", "</s>"], true), rough = unigram(unknown, 100, ["<unk>", "<s>", "</s>"], false);
const map = charsMap([["A", "a"], ["ﬁ", "fi"], ["①", "1"], ["e\u0301", "é"], ["e\u0301\u0302", "x"], ["a\u0308", "ä"], ["\r", " "], ["\n", " "], ["\t", " "], ["\u200b", ""],
  ["\u0007", ""], ["ﷺ", "صلى"], ["…", "..."], ["▁", " "], ["\u3000", " "], ["1\u20e3", "AB"], ["\u00a0", " "], ["\u0301", "-"], ["😀", ":)"], ["Ａ", "A"], ["\u0600a", "b"], ["_\u200d", "-"]]);
const clusters = row(["A", "e", "\u0301", "\u0302", "a", "\u0308", "\r", "\n", "\u200b", "\u200d", "\u0600", "क", "\u094d", "\u093e", "\ufe0f", "1", "\u20e3", "_", "\u00ad", "ب", "\u0651", "©", "™", "🇨", "가", "ᄀ",
  "\u0000", "ก", "\u0e33", "\u0d4e", "é", " ", "ｶ", "ﾞ", "½", "か", "\u{e0061}", "🏻", "\ufeff", "\u0007", "…", "ﷺ"], 70);
// Characters that the reference's older tables do not have as marks, punctuation or controls, or have otherwise.
const aged = ["a\u2e43b\u2e52c", "x\u166dy \u1b7d\u09fdz", "e\u07fde\u0898 \u1df6n\u1ac0", "o\u1885\u1734o", "a\u1cf2b\u0d00", "\u08e2w\u0890w\u0600", "㋿ \ua7f2\u{1fbf3}ﬁ", "U\u0323\u1df7\u0300"];
const tied = [["<unk>", 0], ["▁", -2], ["a", -1], ["b", -1], ["ab", -2], ["ba", -2], ["aa", -2], ["aba", -3], ["▁a", -3], ["é", -7.5], ["bb", -1.2345678901234567], ["cab", -12.4411704676633]];

Object.assign(kinds, {
  "dropped": { special: ["▁"], cases: 60, more: narrow, ...bpe(["▁", "a", "b", "c", "▁▁", "ab", "▁a", "▁▁▁", "c▁"], ["▁ ▁", "a b", "▁ a", "▁▁ ▁", "c ▁"], {}) },
  "bytes-in-part": { special: ["▁"], cases: 60, more: narrow, ...bpe(["<unk>", "▁", "a", "b", "c", "ab", "<0xC3>", "<0xA9>", "<0x78>", "a<unk>"], ["a b", "a <unk>"], { unk_token: "<unk>", byte_fallback: true }) },
  "whitespace": { cases: 135, spec: byHand({}, { pre_tokenizer: { type: "Whitespace" } }) },
  "whitespace-split": { cases: 125, extra: aged, spec: byHand({}, { normalizer: normalizers({ type: "NFD" }, { type: "StripAccents" }, { type: "Lowercase" }),
    pre_tokenizer: sequence({ type: "WhitespaceSplit" }, metaspace("first")), decoder: metaspace("first") }) },
  "bert": { cases: 125, extra: aged, spec: byHand({}, { normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }, pre_tokenizer: { type: "BertPreTokenizer" } }) },
  "delimiter": { cases: 125, extra: aged, spec: byHand({}, { normalizer: normalizers({ type: "Nmt" }, { type: "NFKC" }, { type: "Strip", strip_left: true, strip_right: false }),
    pre_tokenizer: sequence({ type: "CharDelimiterSplit", delimiter: "e" }, { type: "Punctuation", behavior: "MergedWithPrevious" }, metaspace("first", { split: false })) }) },
  "word-level": { cases: 135, spec: sentence({}, { pre_tokenizer: sequence({ type: "Whitespace" }, { type: "Digits", individual_digits: true }), decoder: null }) },
  "unigram": { cases: 75, more: clusters, spec: sentence({}, { normalizer: normalizers(map, { type: "Replace", pattern: { Regex: " {2,}" }, content: " " }), pre_tokenizer: metaspace("always"), decoder: llamaDecoder, post_processor: template(["A", "</s>"], { "</s>": 2 }) }) },
  "unigram-unknown": { cases: 140, spec: sentence({}, { pre_tokenizer: sequence({ type: "WhitespaceSplit" }, metaspace("always")), decoder: metaspace("always") }) },
  "unigram-ties": { special: ["<unk>"], cases: 60, more: row(Array.from("▁aaabbbcé xy"), 130), spec: sentence({}, { added_tokens: [], pre_tokenizer: metaspace("first", { split: false }), decoder: metaspace("never") }) },
  "spelt-added": { cases: 60, special: ["ÉA", "éa", "Ġx", "a b", "<é>"], more: row(["ÉA", "éa", "Ġx", "a b", "<é>", "a", " ", "x", "É"], 130), spec: ofGPT2({
    added_tokens: [...gpt2.added_tokens, added(480, "ÉA"), added(481, "éa", { special: false }), added(482, "Ġx"), added(483, "a b", { special: false }), added(484, "<é>")] }) },
});
kinds["word-level"].spec.model = { type: "WordLevel", unk_token: "<unk>", vocab: Object.fromEntries(["<unk>", "<s>", "</s>", ..."the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said 0 1 2 3 4 5 6 7 8 9 . , ! ? ' ( ) { } = é の".split(" ")].map((p, i) => [p, i])) };
kinds["unigram"].spec.model = small;
kinds["unigram-unknown"].spec.model = rough;
kinds["unigram-ties"].spec.model = { type: "Unigram", unk_id: 0, vocab: tied, byte_fallback: false };

// ---- the cases

const equal = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

async function cases(name, kind) {
  const t = hf.Tokenizer.fromString(JSON.stringify(kind.spec));
  const draw = generator(seed, name);
  const special = kind.special ?? [...kind.spec.added_tokens.map((a) => a.content), "<|endoftext|", "<|im_end|>", "<s", "▁", "Ġ", "<0x0A>", "\ufffd"];
  let list = texts(draw, kind.cases ?? (kind.without ? 240 : 180), { special, brief: true, long: "cases" in kind });
  const lines = sources.flatMap((s) => fs.readFileSync(s, "utf8").split("\n")).filter((l) => l.length > 8);
  for (let i = 0; i < 24; i++) { // and the beginnings of lines of the texts that the vocabulary comes from
    const line = Array.from(draw.pick(lines));
    list.push(line.slice(0, 20 + draw.below(60)).join(""));
  }
  list.push(...(kind.extra ?? []), ...(kind.more?.(draw) ?? []));
  list = [...new Set(list.map((text) => (kind.without ? kind.without(text) : text)))];

  const around = (await t.encode("a", null, { addSpecialTokens: true })).getIds();
  const inner = (await t.encode("a", null, { addSpecialTokens: false })).getIds();
  const from = around.findIndex((_, i) => equal(around.slice(i, i + inner.length), inner));
  const prefix = around.slice(0, from), suffix = around.slice(from + inner.length);
  const encode = [], decode = [];
  for (const text of list) {
    const ids = (await t.encode(text, null, { addSpecialTokens: false })).getIds();
    const full = (await t.encode(text, null, { addSpecialTokens: true })).getIds();
    if (!equal(full, [...prefix, ...ids, ...suffix])) throw new Error(`${name}: ${JSON.stringify(text)}: special tokens stand elsewhere`);
    const back = await t.decode(ids, false);
    encode.push(back === text ? [text, ids] : [text, ids, back]);
  }
  const size = t.getVocabSize(true);
  for (let i = 0; i < 40; i++) {
    let ids = draw.times(1, 9, () => draw.below(size));
    if (i % 2) { // a part of a text's ids, which may cut characters, and perhaps a special token
      const row = draw.pick(encode)[1];
      const start = draw.below(row.length + 1);
      ids = [...row.slice(start, start + 1 + draw.below(10)), ...draw.times(0, kind.spec.added_tokens.length ? 1 : 0, () => draw.pick(kind.spec.added_tokens).id)];
    }
    if (i === 38) ids = [size + 7, ...ids]; // an id that no piece has
    if (i === 39) ids = [];
    const text = await t.decode(ids, false), skipped = await t.decode(ids, true);
    decode.push(text === skipped ? [ids, text] : [ids, text, skipped]);
  }
  const rows = (l) => "[\n" + l.map((x) => JSON.stringify(x)).join(",\n") + "\n]";
  return { count: [encode.length, decode.length],
    json: `{"prefix": ${JSON.stringify(prefix)}, "suffix": ${JSON.stringify(suffix)},\n"encode": ${rows(encode)},\n"decode": ${rows(decode)}}\n` };
}

const sha = (data) => crypto.createHash("sha256").update(data).digest("hex");
const files = {}, counts = {};
for (const [name, kind] of Object.entries(kinds)) {
  fs.mkdirSync(path.join(here, name), { recursive: true });
  const spec = "{\n" + Object.entries(kind.spec).map(([k, v]) => `${JSON.stringify(k)}: ${JSON.stringify(v)}`).join(",\n") + "\n}\n";
  const { count, json } = await cases(name, kind);
  const written = [["tokenizer.json", spec], ["cases.json", json]];
  if (kind.template) written.push(["chat_template.jinja", kind.template]);
  for (const [file, text] of written) {
    fs.writeFileSync(path.join(here, name, file), text);
    files[`${name}/${file}`] = sha(text);
  }
  counts[name] = { encode: count[0], decode: count[1] };
  console.log(name, count.join(" texts, "), "rows of ids");
}
for (const file of ["make.mjs", "texts.mjs"]) files[file] = sha(fs.readFileSync(path.join(here, file)));
fs.writeFileSync(path.join(here, "manifest.json"), JSON.stringify({
  made_by: "testdata/tokenizers/make.mjs",
  command: "node testdata/tokenizers/make.mjs --modules node_modules",
  oracle: { package: "npm @anush008/tokenizers " + version, library: "Hugging Face tokenizers (Rust) 0.22.2", node: process.version },
  seed, vocabularies: "byte-level: reprise tokenize train; others: the oracle's BPE trainer; all from ../data",
  cases: counts, files,
}, null, 1) + "\n");
process.exit(0);
