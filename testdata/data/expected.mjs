// Writes expected.json and manifest.json: what data.LoadDocuments should make of the files beside it. The rules are written
// down again here, from the package's documentation; the ids come from Hugging Face's tokenizers.
//
//   npm i --ignore-scripts @anush008/tokenizers@0.6.0
//   python3 testdata/data/make.py
//   node testdata/data/expected.mjs --modules node_modules       # from the root of the repository
//
// A run is a file, a tokenizer of ../tokenizers and options; a document is its ids and, as [from, to), those with loss.
import fs from "node:fs";
import path from "node:path";
import crypto from "node:crypto";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const at = process.argv.indexOf("--modules");
if (at < 0) {
  console.error("expected.mjs: --modules is missing; see the top of this file");
  process.exit(2);
}
const modules = path.resolve(process.argv[at + 1]);
const hf = createRequire(path.join(modules, "x"))("@anush008/tokenizers");
const version = JSON.parse(fs.readFileSync(path.join(modules, "@anush008/tokenizers/package.json"))).version;
if (version !== "0.6.0") throw new Error(`@anush008/tokenizers is ${version}, want 0.6.0`);

const tokenizers = {
  gpt2: { bos: null, eos: "<|endoftext|>", space: " " }, // a prompt and a completion meet at a space
  llama2: { bos: "<s>", eos: "</s>", space: "" },        // which this one's normalizer adds
  qwen2: { bos: null, eos: "<|endoftext|>", space: " ", endOfTurn: "<|im_end|>" },
};
for (const [name, t] of Object.entries(tokenizers)) {
  t.oracle = hf.Tokenizer.fromFile(path.join(here, "..", "tokenizers", name, "tokenizer.json"));
  t.encode = async (text) => (await t.oracle.encode(text, null, { addSpecialTokens: false })).getIds();
  // The ids of a text that continues another: with llama2 those after a byte that no merge takes in.
  t.encodeOn = async (text) => (t.space === " " ? t.encode(text) : (await t.encode("\u0001" + text)).slice(2));
  t.id = (token) => (token === null ? null : t.oracle.tokenToId(token));
}

const bytesOf = (text) => Buffer.byteLength(text, "utf8");
const read = (name) => {
  if (name.endsWith(".bz2")) return execFileSync("bzip2", ["-dc", path.join(here, name)], { encoding: "utf8" });
  return fs.readFileSync(path.join(here, name), "utf8");
};

// The ids that begin and end a document are not doubled where a text spells them; what is white after such an end is left out.
const white = /\p{White_Space}/u;
const withoutEnd = (t, s) => {
  const body = s.replace(/\p{White_Space}+$/u, "");
  return body.endsWith(t.eos) ? body.slice(0, -t.eos.length) : s;
};
const encodeFirst = async (t, s) => {
  const ids = await t.encode(s);
  return t.bos !== null && ids[0] === t.id(t.bos) ? { ids: ids.slice(1), spelled: bytesOf(t.bos) } : { ids, spelled: 0 };
};

// text cuts the ids of a text into windows. All but the first id of a window carries loss; the last one ends with EOS.
async function text(t, s, { max, evaluation }) {
  const bos = t.id(t.bos), eos = t.id(t.eos);
  const first = bos === null ? [] : [bos];
  s = withoutEnd(t, s);
  let { ids, spelled } = await encodeFirst(t, s);
  const docs = [];
  let bytes = bytesOf(s) - spelled;
  while (ids.length > 0) {
    const n = max - first.length;
    const row = [...first, ...ids.slice(0, n)];
    if (bos === null) bytes -= Array.from(t.oracle.idToToken(ids[0])).length; // byte-level: a character for a byte
    ids = ids.slice(n);
    if (ids.length === 0 && !evaluation && row.length < max) row.push(eos);
    if (row.length > 1) docs.push({ ids: row, loss: [[1, row.length]] });
  }
  return { docs, bytes, cut: false };
}

// Scripts that write no spaces between words, with their punctuation, and characters that belong to their neighbours.
const spaceless = new RegExp("[" + ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"].map((n) => `\\p{Script=${n}}`).join("") +
  "\u3001-\u303f\u30fc\uff01-\uff9f]", "u");
const neighbour = /[\p{Script=Inherited}·—―‘-‟‥…]/u;
const meets = (chars) => spaceless.test([...chars].find((c) => !neighbour.test(c)) ?? "");

// join is how a prompt and a completion meet: what is kept of them, and whether a space is put between.
function join(prompt, completion, seam = "auto") {
  if (seam === "exact") return { prompt, completion, space: false };
  if (seam === "space") return { prompt: prompt.replace(/\p{White_Space}+$/u, ""), completion: completion.replace(/^\p{White_Space}+/u, ""), space: true };
  const written = white.test([...prompt].at(-1) ?? "") || white.test([...completion][0]);
  return { prompt, completion, space: !written && !(meets([...prompt].reverse()) && meets(completion)) };
}

// pair joins a prompt and a completion, which carries loss, and so does the end. What is too long loses the beginning of the
// prompt, then the end of the completion.
async function pair(t, prompt, completion, { max, seam }) {
  const bos = t.id(t.bos);
  completion = withoutEnd(t, completion);
  if (prompt === "" && t.bos !== null && completion.startsWith(t.bos)) completion = completion.slice(t.bos.length);
  const j = join(prompt, completion, seam);
  let before = (await encodeFirst(t, j.prompt)).ids;
  const answer = j.space ? t.encode(t.space + j.completion) : j.prompt === "" ? t.encode(j.completion) : t.encodeOn(j.completion);
  let after = [...(await answer), t.id(t.eos)];
  const first = bos === null ? [] : [bos];
  const least = bos === null ? Math.min(1, before.length) : 0;
  const over = first.length + before.length + after.length - max;
  if (over > 0) {
    const drop = Math.min(over, before.length - least);
    before = before.slice(drop);
    after = after.slice(0, after.length - (over - drop));
  }
  const from = first.length + before.length;
  const ids = [...first, ...before, ...after];
  let bytes = bytesOf(j.completion); // a space between is not counted
  if (from === 0) bytes -= Array.from(t.oracle.idToToken(after[0])).length - (j.space ? 1 : 0);
  return { docs: [{ ids, loss: [[Math.max(from, 1), ids.length]] }], bytes: over > 0 ? null : bytes, cut: over > 0 };
}

async function segments(t, parts) {
  const ids = t.bos === null ? [] : [t.id(t.bos)];
  const loss = [];
  let bytes = 0;
  const last = parts.findLastIndex((p) => /\P{White_Space}/u.test(p.text));
  if (withoutEnd(t, parts[last].text) !== parts[last].text) {
    parts = parts.slice(0, last + 1);
    parts[last] = { ...parts[last], text: withoutEnd(t, parts[last].text) };
  }
  let before = "";
  for (const [i, p] of parts.entries()) {
    const from = ids.length;
    const on = before !== "" && ![t.bos, t.eos].some((mark) => mark && before.endsWith(mark)); // after a mark a text begins
    const { ids: own, spelled } = i === 0 ? await encodeFirst(t, p.text) : { ids: await (on ? t.encodeOn : t.encode)(p.text), spelled: 0 };
    before += p.text;
    ids.push(...own);
    if (p.label) {
      const at = Math.max(from, 1);
      loss.push([at, ids.length]);
      bytes += bytesOf(p.text) - spelled;
      if (at > from) bytes -= Array.from(t.oracle.idToToken(own[0])).length; // nothing stands before the first id
    }
  }
  if (parts.at(-1).label) loss.at(-1)[1]++;
  ids.push(t.id(t.eos));
  return { docs: [{ ids, loss }], bytes, cut: false };
}

// chat writes ChatML. What the assistant says carries loss, up to the mark that ends its turn. Whatever comes after its last
// message is left out.
async function chat(t, messages) {
  const ids = [], loss = [];
  let before = "", bytes = 0;
  for (const m of messages) {
    const content = typeof m.content === "string" ? m.content : m.content.map((p) => p.text).join("");
    if (m.role !== "assistant") {
      before += `<|im_start|>${m.role}\n${content}<|im_end|>\n`;
      continue;
    }
    ids.push(...(await t.encode(before + "<|im_start|>assistant\n")));
    const answer = await t.encode(content + "<|im_end|>\n");
    const learnt = answer.indexOf(t.id(t.endOfTurn)) + 1;
    loss.push([ids.length, ids.length + learnt]);
    ids.push(...answer);
    bytes += bytesOf(content + "<|im_end|>");
    before = "";
  }
  return { docs: [{ ids, loss }], bytes, cut: false };
}

const roles = { human: "user", gpt: "assistant", system: "system" };

async function sample(t, row, options) {
  if (row.text !== undefined) return text(t, row.text, options);
  if (row.segments) return segments(t, row.segments);
  if (row.messages) return chat(t, row.messages);
  if (row.conversations) {
    const turns = row.conversations.map((c) => ({ role: roles[c.from], content: c.value }));
    return chat(t, row.system ? [{ role: "system", content: row.system }, ...turns] : turns);
  }
  if (row.instruction !== undefined) return pair(t, row.instruction + (row.input ? "\n\n" + row.input : ""), row.output, options);
  return pair(t, row.prompt ?? row.question, row.completion ?? row.choices[row.answer], options);
}

function rows(file, split) {
  const all = read(file);
  if (/\.jsonl(\.bz2)?$/.test(file)) return all.trimEnd().split("\n").map((l) => JSON.parse(l));
  if (file.endsWith(".json")) return JSON.parse(all);
  const separator = split === "blank-line" ? "\n\n" : "\n<|endoftext|>\n";
  return all.split(separator).map((s) => ({ text: s }));
}

const plan = [];
for (const tokenizer of ["gpt2", "llama2"]) {
  plan.push(
    { file: "prose.txt", tokenizer, max: 64 }, { file: "texts.jsonl", tokenizer, max: 30, evaluation: true },
    { file: "languages.txt", tokenizer, max: 100, split: "blank-line" }, { file: "code.txt", tokenizer, max: 128 },
    { file: "texts.jsonl", tokenizer, max: 40 }, { file: "pairs.jsonl", tokenizer, max: 512 }, { file: "pairs.jsonl", tokenizer, max: 20 },
    { file: "choices.jsonl.bz2", tokenizer, max: 512 }, { file: "segments.jsonl", tokenizer, max: 512 }, { file: "alpaca.json", tokenizer, max: 512 },
    { file: "marks.jsonl", tokenizer, max: 512 }, { file: "marks.jsonl", tokenizer, max: 512, evaluation: true });
  for (const seam of ["auto", "exact", "space"]) {
    plan.push({ file: "seams.jsonl", tokenizer, max: 512, seam }, { file: "pairs.jsonl", tokenizer, max: 512, seam });
  }
}
plan.push({ file: "messages.jsonl", tokenizer: "qwen2", max: 512 }, { file: "sharegpt.jsonl", tokenizer: "qwen2", max: 512 });

const runs = [];
for (const run of plan) {
  const t = tokenizers[run.tokenizer];
  const stats = { documents: 0, tokens: 0, targets: 0, truncated: 0, bytes: 0 };
  const docs = [];
  for (const row of rows(run.file, run.split)) {
    const s = await sample(t, row, run);
    stats.documents++;
    if (s.cut) stats.truncated++;
    for (const d of s.docs) {
      stats.tokens += d.ids.length;
      stats.targets += d.loss.reduce((n, [from, to]) => n + to - from, 0);
    }
    stats.bytes = s.bytes === null || stats.bytes === null ? null : stats.bytes + s.bytes;
    docs.push(...s.docs);
  }
  runs.push({ ...run, stats, docs });
  console.log(run.file, run.tokenizer, run.max, JSON.stringify(stats), docs.length, "documents");
}
const lines = runs.map(({ docs, ...head }) =>
  JSON.stringify(head).slice(0, -1) + `, "docs": [\n` + docs.map((d) => JSON.stringify([d.ids, d.loss])).join(",\n") + "\n]}");
fs.writeFileSync(path.join(here, "expected.json"), "[\n" + lines.join(",\n") + "\n]\n");

const sha = (name) => crypto.createHash("sha256").update(fs.readFileSync(path.join(here, name))).digest("hex");
const names = fs.readdirSync(here).filter((n) => n !== "manifest.json").sort();
fs.writeFileSync(path.join(here, "manifest.json"), JSON.stringify({
  made_by: "testdata/data/make.py (texts), testdata/data/expected.mjs (expected.json)",
  command: "python3 testdata/data/make.py && node testdata/data/expected.mjs --modules node_modules",
  oracle: { package: "npm @anush008/tokenizers " + version, library: "Hugging Face tokenizers (Rust) 0.22.2", node: process.version },
  seed: 20261130,
  files: Object.fromEntries(names.map((n) => [n, sha(n)])),
}, null, 1) + "\n");
process.exit(0);
