"""Writes the texts and the JSON Lines of this folder. All sentences were written for this project; a seed chooses among them.

    python3 testdata/data/make.py           # Python 3.8 or later, standard library only

What the files are made into (ids, and which of them carry loss) is expected.json, which expected.mjs writes.
"""
import bz2
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261130


class Random:
    """splitmix64, so that the files do not depend on a version of Python."""

    def __init__(self, name):
        self.state = SEED
        for c in name.encode():
            self.state = (self.state * 257 + c) % 2**64

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return (z ^ z >> 31) % n

    def pick(self, items):
        return items[self.below(len(items))]

    def fill(self, pattern, words):
        """Replaces every {name} by one of words[name]."""
        out = ""
        while "{" in pattern:
            before, rest = pattern.split("{", 1)
            name, pattern = rest.split("}", 1)
            out += before + str(self.pick(words[name]))
        return out + pattern


# ---- prose in English

WORDS = {
    "who": ["The miller", "A young baker", "Marta", "The ferryman", "Our neighbour", "Professor Quill", "The lamplighter", "A tired clerk"],
    "did": ["counted", "repaired", "hid", "carried", "forgot", "painted", "weighed", "borrowed", "sold"],
    "what": ["three copper kettles", "the harbour bell", "a basket of pears", "the town's only ladder", "forty-two candles", "his sister's coat", "a box of nails", "the long rope"],
    "where": ["behind the mill", "near the old bridge", "in the cellar", "at the market", "on the hill", "beside the frozen pond", "under the stairs"],
    "when": ["before sunrise", "on Tuesday", "in late autumn", "at half past six", "during the storm", "after the fair", "in 1907"],
    "why": ["because it couldn't wait", "since nobody else would", "although it wasn't needed", "so that we'd have light", "as the winter had come early"],
    "then": ["It didn't help.", "Everyone laughed.", "Nobody noticed until noon.", "The rain stopped.", "They'd agreed on that, hadn't they?", "\"That's enough,\" she said.", "He paid 12.50 for it."],
}
STORY = ["{who} {did} {what} {where} {when}.", "{when}, {who} {did} {what}.", "{who} {did} {what} {why}.", "{then}", "{then}"]


def sentence(r):
    s = r.fill(r.pick(STORY), WORDS)
    for word in ("The", "A", "Our"):
        s = s.replace(", %s " % word, ", %s " % word.lower())
    return s[0].upper() + s[1:]


def prose():
    r = Random("prose")
    stories = []
    for _ in range(40):
        paragraphs = [" ".join(sentence(r) for _ in range(3 + r.below(4))) for _ in range(1 + r.below(2))]
        stories.append("\n\n".join(paragraphs))
    return "\n<|endoftext|>\n".join(stories) + "\n"


# ---- other languages and scripts

LANGUAGES = {
    "de": (["{a} hat {b} {c} vergessen.", "Wer sucht {b} {c}?", "{a} übersetzt die Größe: {n} Füße."],
           ["Die Müllerin", "Der alte Fährmann", "Jörg", "Unsere Nachbarin"], ["den Schlüssel", "das Gemüse", "die Äpfel", "den Straßenplan"], ["auf der Brücke", "im Keller", "über Nacht"]),
    "fr": (["{a} a oublié {b} {c}.", "Où est-ce que {a} a caché {b} ?", "« Voilà {b} », dit {a}, « pour {n} francs. »"],
           ["la boulangère", "l'élève", "le vieux garçon", "Zoé"], ["la clé", "l'œuf", "le gâteau", "une échelle"], ["près du château", "à midi", "derrière l'église"]),
    "es": (["¿Quién dejó {b} {c}?", "{a} encontró {b} {c}.", "¡Qué sueño! {a} contó {n} ovejas."],
           ["La niña", "El señor Muñoz", "Mi compañero"], ["el paraguas", "la canción", "los limones"], ["junto al río", "en otoño", "después del examen"]),
    "pl": (["{a} zgubił {b} {c}.", "Kto znalazł {b} {c}?", "Żółw liczył do {n}."],
           ["Młynarz", "Łukasz", "Wójt"], ["klucz", "źródło", "książkę"], ["w piwnicy", "przed świtem", "na wzgórzu"]),
    "tr": (["{a} {c} {b} unuttu.", "{b} kim gördü, İstanbul'da mı?", "Iğdır'a {n} kilometre kaldı."],
           ["Yaşlı kayıkçı", "Komşumuz", "Öğretmen"], ["anahtarı", "ekmeği", "güneş gözlüğünü"], ["köprüde", "dün gece", "çarşıda"]),
    "vi": (["{a} quên {b} {c}.", "{b} ở đâu? Có lẽ {c}.", "Chợ có {n} quả lê."],
           ["Người lái đò", "Chị hàng xóm", "Ông thợ"], ["chìa khoá", "chiếc thang", "quyển sách"], ["dưới cầu", "trước bình minh", "ở ngoài vườn"]),
    "ru": (["{a} забыл {b} {c}.", "Кто нашёл {b}? Наверное, {c}.", "В ящике лежало {n} свечей."],
           ["Старый мельник", "Наш сосед", "Фёдор"], ["ключ", "лестницу", "подъёмник"], ["у моста", "на рассвете", "в погребе"]),
    "el": (["{a} ξέχασε {b} {c}.", "Ποιος βρήκε {b}; Ίσως {c}.", "Μέτρησε {n} κεριά."],
           ["Ο μυλωνάς", "Η γειτόνισσα", "Ο Γιώργος"], ["το κλειδί", "τη σκάλα", "το ψωμί"], ["κοντά στη γέφυρα", "πριν την αυγή", "στο υπόγειο"]),
    "he": (["{a} שכח את {b} {c}.", "איפה {b}? אולי {c}.", "בקופסה היו {n} נרות."],
           ["הטוחן", "השכן", "האופה"], ["המפתח", "הסולם", "הלחם"], ["ליד הגשר", "לפני הזריחה", "במרתף"]),
    "ar": (["نسي {a} {b} {c}.", "أين {b}؟ ربما {c}.", "في الصندوق {n} شمعة."],
           ["الطحّان", "جارنا", "الخبّاز"], ["المفتاح", "السُّلَّم", "الخبز"], ["قرب الجسر", "قبل الشروق", "في القبو"]),
    "hi": (["{a} {c} {b} भूल गया।", "{b} कहाँ है? शायद {c}।", "डिब्बे में {n} मोमबत्तियाँ थीं।"],
           ["चक्कीवाला", "हमारा पड़ोसी", "नाविक"], ["चाबी", "सीढ़ी", "रोटी"], ["पुल के पास", "सूर्योदय से पहले", "तहख़ाने में"]),
    "th": (["{a}ลืม{b}{c}", "{b}อยู่ที่ไหน อาจจะ{c}", "ในกล่องมีเทียน {n} เล่ม"],
           ["คนพายเรือ", "เพื่อนบ้าน", "คนทำขนมปัง"], ["กุญแจ", "บันได", "ร่ม"], ["ใกล้สะพาน", "ก่อนรุ่งเช้า", "ในห้องใต้ดิน"]),
    "zh": (["{a}把{b}忘在{c}了。", "{b}在哪里？也许在{c}。", "箱子里有{n}支蜡烛。"],
           ["磨坊主", "老船夫", "我们的邻居"], ["钥匙", "梯子", "面包"], ["桥边", "地窖里", "市场上"]),
    "ja": (["{a}は{c}に{b}を忘れた。", "{b}はどこですか。たぶん{c}です。", "箱にはろうそくが{n}本あった。"],
           ["粉屋", "年老いた船頭", "パン屋のおじさん"], ["かぎ", "はしご", "コート"], ["橋のそば", "地下室", "マーケット"]),
    "ko": (["{a} {c} {b} 잊었다.", "누가 {b} 찾았어요? 아마 {c}.", "상자에 초가 {n}개 있었다."],
           ["방앗간 주인은", "늙은 뱃사공은", "이웃은"], ["열쇠를", "사다리를", "빵을"], ["다리 옆에서", "해 뜨기 전에", "지하실에서"]),
}


def languages():
    r = Random("languages")
    blocks = []
    for _ in range(3):
        for code, (patterns, a, b, c) in LANGUAGES.items():
            words = {"a": a, "b": b, "c": c, "n": [7, 12, 42, 108, 1907, 20000]}
            lines = []
            for _ in range(3 + r.below(3)):
                s = r.fill(r.pick(patterns), words)
                lines.append(s[0].upper() + s[1:] if code in ("fr", "es") else s)
            blocks.append(" ".join(lines))
    return "\n\n".join(blocks) + "\n"


# ---- code

NAMES = {"v": ["total", "index", "rows", "buffer", "weight", "maxLen", "node_id", "tmp"], "f": ["load", "merge", "resize", "count_words", "flush", "parseHeader"],
         "t": ["orders", "parts", "readings"], "k": ["price", "name", "created_at", "depth"], "n": [0, 1, 2, 8, 16, 64, 255, 1024, "0x1F", "1e-6", "3.14"], "s": ["no such key", "done", "bad header: %d", "héllo"]}
CODE = [
    "func {f}({v} []int) (int, error) {{\n\tif len({v}) == {n} {{\n\t\treturn 0, errors.New(\"{s}\")\n\t}}\n\tfor i, x := range {v} {{\n\t\t{v}[i] = x * {n}\n\t}}\n\treturn {n}, nil\n}}\n",
    "def {f}({v}, *, {k}=None):\n    \"\"\"{s}.\"\"\"\n    if {v} is None or {v} < {n}:\n        raise ValueError(\"{s}\")\n    return [{v} ** {n} for _ in range({n})]\n",
    "#include <stdio.h>\r\nint {f}(const char *{v}, size_t n) {{\r\n    return n > {n} ? (int){v}[{n}] : -1; /* {s} */\r\n}}\r\n",
    "SELECT {k}, COUNT(*) AS n FROM {t} WHERE {k} <> {n} AND {k} LIKE '%a''b%' GROUP BY {k} ORDER BY n DESC;\n",
    "<ul class=\"{t}\">\n  <li data-{k}='{n}'>{s} &amp; more</li>\n</ul>\n",
    "{{\"{k}\": [{n}, {n}, null], \"{t}\": {{\"ok\": true, \"note\": \"\\u00e9\\n\"}}}}\n",
    "for f in *.{t}; do\n  [ -s \"$f\" ] || continue\n  {f} --{k}={n} \"$f\" | tee -a log.txt >&2\ndone\n",
    "let {v} = {t}\n    .iter()\n    .filter(|x| x.{k} != {n})\n    .map(|x| x.{k} as f64 / {n}.0)\n    .sum::<f64>();\n",
    "interface {t} {{ {k}?: string | null; {v}: Array<number>; }}\nconst {f} = async ({v}: {t}) => {{ await {v}?.{k} ?? {n}; }};\n",
]


def code():
    r = Random("code")
    out = ""
    for _ in range(45):
        pattern = r.pick(CODE).replace("{{", "\x01").replace("}}", "\x02")
        out += r.fill(pattern, NAMES).replace("\x01", "{").replace("\x02", "}") + "\n"
    return out


# ---- JSON Lines

QUESTIONS = [("How many candles are in {n} boxes of twelve?", lambda n: "%d candles." % (12 * n), [3, 4, 7, 11]),
             ("Write {n} in words.", lambda n: {3: "three", 4: "four", 7: "seven", 11: "eleven"}[n], [3, 4, 7, 11]),
             ("Which number comes after {n}?", lambda n: str(n + 1), [3, 4, 7, 11])]


def question(r):
    text, answer, numbers = r.pick(QUESTIONS)
    n = r.pick(numbers)
    return text.replace("{n}", str(n)), answer(n)


def pairs():
    r = Random("pairs")
    edges = [("Trailing blanks  \n", "\n\tand leading ones "), ("", "No prompt at all."), ("Ends in an accent: é", "é́ and a combining one"),
             ("Emoji 🙂", "👍🏽 yes"), ("数を書く：", "四十二"), ("A marker <|endoftext|> in the prompt", "and <|im_end|> in the answer"), ("x" * 90, "long prompt"), ("short", "y z " * 30)]
    rows = [{"prompt": p, "completion": c} for p, c in edges]
    while len(rows) < 28:
        q, a = question(r)
        rows.append({"prompt": q, "completion": a, "id": len(rows)})
    return rows


def seams():
    """Every kind of end of a prompt meets every kind of beginning of a completion."""
    ends = ["a word", "a blank ", "a line\n", "code:\r\n", "a tab\t", "two lines\n\n", "no-break\u00a0", "問い\u3000", "数を書く：", "他说“", "ลืมกุญแจ", "한국어", "\n", ""]
    starts = ["Word", " blank", "\nline", "\r\nline", "    return x  \n", "\u00a0no-break", "\u3000全角", "四十二", "“四”", "ร่ม", "단어"]
    return [{"prompt": p, "completion": c} for p in ends for c in starts]


def marks():
    """Texts and pairs that spell the tokens of a document's beginning and end themselves."""
    texts = ["<s>[INST] Count to three. [/INST] One, two, three. </s>", "<s>One.</s>\n<s>Two.</s>\n", "A bell rang.<|endoftext|>\n\n", "<|endoftext|>It rained.",
             "It ended</s> in the middle<|endoftext|> of a text."]
    return [{"text": t} for t in texts] + [
        {"prompt": "<s>Count to three.", "completion": "One, two, three.</s>"}, {"prompt": "Count to two.\n", "completion": "One, two.<|endoftext|>\n"},
        {"prompt": "", "completion": "<s>Alone</s>"}, {"prompt": "<s>A</s><s>B", "completion": "C</s></s>"},
        {"segments": [{"text": "<s>Count.", "label": False}, {"text": " One.</s>", "label": True}, {"text": "\n", "label": False}]},
        {"segments": [{"text": "<s>Said first", "label": True}, {"text": " and unsaid.<|endoftext|>", "label": False}]}]


def choices():
    r = Random("choices")
    rows = []
    while len(rows) < 16:
        q, a = question(r)
        options = [a] + ["none", "a few", "nobody knows"]
        at = r.below(4)
        options[0], options[at] = options[at], options[0]
        rows.append({r.pick(["prompt", "question"]): q, "choices": options, "answer": at})
    return rows


def segments():
    r = Random("segments")
    rows = []
    while len(rows) < 14:
        parts = []
        for i in range(2 + r.below(3)):
            parts.append({"text": r.pick(["", " "]) + sentence(r), "label": i % 2 == 1})
        rows.append({"segments": parts})
    return rows


def alpaca():
    r = Random("alpaca")
    rows = []
    while len(rows) < 14:
        q, a = question(r)
        row = {"instruction": q, "input": r.pick(["", sentence(r)]), "output": a}
        rows.append(row)
    rows[3]["input"] = None
    return rows


def talk(r, turns):
    messages = []
    if r.below(2):
        messages.append({"role": "system", "content": r.pick(["Answer briefly.", "Sois bref.", "簡潔に答える。"])})
    for _ in range(turns):
        q, a = question(r)
        messages += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
    return messages


def messages():
    r = Random("messages")
    rows = [{"messages": talk(r, 1 + r.below(3))} for _ in range(16)]
    rows[2]["messages"].append({"role": "user", "content": "This last question has no answer."})
    rows[5]["messages"][-1]["content"] = [{"type": "text", "text": "in "}, {"type": "text", "text": "two parts"}]
    return rows


def sharegpt():
    r = Random("sharegpt")
    rows = []
    for i in range(10):
        turns = [{"from": {"user": "human", "assistant": "gpt", "system": "system"}[m["role"]], "value": m["content"]} for m in talk(r, 1 + r.below(2))]
        row = {"conversations": turns}
        if turns[0]["from"] == "system":  # also as a field of its own
            row = {"system": turns[0]["value"], "conversations": turns[1:]}
        rows.append(row)
    return rows


def texts():
    r = Random("texts")
    rows = [{"text": sentence(r) + " " + sentence(r), "source": "made"} for _ in range(12)]
    rows += [{"text": r.fill(r.pick(p), {"a": a, "b": b, "c": c, "n": [5]})} for p, a, b, c in LANGUAGES.values()]
    return rows


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(name, text):
    data = text if isinstance(text, bytes) else text.encode()
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


write("prose.txt", prose())
write("languages.txt", languages())
write("code.txt", code())
write("pairs.jsonl", jsonl(pairs()))
write("seams.jsonl", jsonl(seams()))
write("marks.jsonl", jsonl(marks()))
write("choices.jsonl.bz2", bz2.compress(jsonl(choices()).encode()))
write("segments.jsonl", jsonl(segments()))
write("alpaca.json", json.dumps(alpaca(), ensure_ascii=False, indent=1) + "\n")
write("messages.jsonl", jsonl(messages()))
write("sharegpt.jsonl", jsonl(sharegpt()))
write("texts.jsonl", jsonl(texts()))
