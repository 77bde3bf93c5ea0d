// Texts that tokenizers find hard, made from a seed: words, code, rare blanks, controls, emoji, combining marks, digits of all
// scripts, rows of one character, marks of special tokens. make.mjs and tokenizer/testdata/oracle.mjs draw from them.

// Where the classes or normal forms of Unicode 17 are not those of 15.0, which Go has (with up to 7 characters between), and
// U+017F, which some programs take for an s. No text holds one of these.
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
const marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<s>", "</s>", "<unk>", "<think>", "</tool_call>",
  "<left>", "<right>", "<both>", "<|endoftext|", "<|", "|>", "<0x0A>", "▁", "▁▁", "Ġ", "Ċ", "\ufffd"];

// generator returns what draws from a seed, a number, and a name.
export function generator(seed, name = "") {
  let state = Number(seed) >>> 0;
  for (const c of name) state = (Math.imul(state, 31) + c.codePointAt(0)) >>> 0;
  function random() { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];
  const times = (low, high, f) => Array.from({ length: low + below(high - low + 1) }, f);
  return { below, pick, times };
}

// texts makes n texts. special are marks that the tokenizer knows; brief keeps the texts short, long adds
// five with long words and long rows; surrogates allows halves of surrogate pairs.
export function texts({ below, pick, times }, n, { special = marks, brief = false, long = false, surrogates = false } = {}) {
  const char = (ranges) => {
    const [low, high = low] = pick(ranges);
    return String.fromCodePoint(low + below(high - low + 1));
  };
  const some = (low, high, f) => times(low, brief ? Math.min(high, 8) : high, f).join("");
  const rows = (...lengths) => 1 + below(pick(brief ? lengths.slice(0, 1) : lengths));
  const script = (name, low, high) => some(low, high, () => char(scripts[name]));
  const parts = [
    () => times(1, brief ? 7 : 25, () => pick(words)).join(" ") + pick([".", "", "!\n", "?\n\n", ", ", " "]),
    () => { const s = pick(code); return brief ? s.slice(0, 8 + below(30)) : s; },
    () => some(1, 12, () => pick([pick(emoji), pick(emoji), " ", "\u200d", "\ufe0f", "🏻"])),
    () => some(1, 12, () => pick(blanks)),
    () => some(1, 8, () => pick([pick(blanks), pick(almostBlanks), pick(words)])),
    () => pick([" ", " ", "\n", "\t", "\r\n", "\u00a0", "▁"]).repeat(rows(8, 40, 300)),
    () => pick(special),
    () => pick([" ", "", "a", "\n", "é"]) + pick(special) + pick([" ", "", "b", "  ", "\u3000"]) + pick(special) + pick(["", ".", " c"]),
    () => pick(["'", "’"]) + pick(["s", "t", "re", "ve", "m", "ll", "d", "S", "T", "Re", "VE", "M", "lL", "D", "x", "sx", "l"]),
    () => String(below(10 ** below(16))) + pick(["", ".5", ",000", "%", "th", "e10"]),
    () => pick(["a", "ab", "xyz", "=", "-", "ha", "あ", "é", "0", "🙂", "́"]).repeat(rows(10, 60, 400)),
    () => some(1, 6, () => pick("aeiouncAEOKgxर가ω") + script("marks", 0, 4)),
    ...Object.keys(scripts).map((name) => () => script(name, 1, 30)),
  ];
  if (surrogates) parts.push(() => some(1, 4, () => pick(["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d", "\ude00", "a", " ", "é"])));
  const out = ["", " ", "\n", "\u0000", "a\u0000b", "a", "\ufeff", "▁", "'", "  a  ", " \u0000 "];
  if (surrogates) out.push("\ud800");
  const each = brief ? 2 : 15;
  for (const f of parts) for (let i = 0; i < each; i++) out.push(f()); // every kind by itself
  if (long) { // other code merges these
    out.push("ab".repeat(60), " ".repeat(130), "antidisestablishmentarianism".repeat(3), pick(["=", "あ", "0"]).repeat(90), "the cat sat on the mat ".repeat(6));
  }
  while (out.length < n) out.push(times(1, brief ? 3 : 8, () => pick(parts)() + pick(["", "", " "])).join(""));
  return out.slice(0, n).map((text) => Array.from(text).filter((c) => usable(c.codePointAt(0))).join(""));
}
