package data

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"reprise/tokenizer"
)

// byteTokenizer has one id per byte (the byte's value), "<|endoftext|>" as 256 and, with bos, "<|bos|>" as 257 before a text.
func byteTokenizer(t testing.TB, bos bool) *tokenizer.Tokenizer {
	t.Helper()
	config := map[string]any{"eos_token": "<|endoftext|>"}
	if bos {
		config["bos_token"] = "<|bos|>"
	}
	return parse(t, byteSpec(bos), config)
}

func byteSpec(bos bool) map[string]any {
	vocab := map[string]int{}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !('!' <= r && r <= '~' || 0xA1 <= r && r <= 0xAC || 0xAE <= r && r <= 0xFF) {
			r, next = next, next+1
		}
		vocab[string(r)] = b
	}
	type m = map[string]any
	added := []m{{"id": 256, "content": "<|endoftext|>", "special": true}}
	byteLevel := m{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	spec := m{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil,
		"pre_tokenizer": byteLevel, "decoder": byteLevel,
		"model": m{"type": "BPE", "vocab": vocab, "merges": []string{}},
	}
	if bos {
		added = append(added, m{"id": 257, "content": "<|bos|>", "special": true})
		spec["post_processor"] = m{
			"type":           "TemplateProcessing",
			"single":         []m{{"SpecialToken": m{"id": "<|bos|>", "type_id": 0}}, {"Sequence": m{"id": "A", "type_id": 0}}},
			"pair":           []m{{"Sequence": m{"id": "A", "type_id": 0}}, {"Sequence": m{"id": "B", "type_id": 1}}},
			"special_tokens": m{"<|bos|>": m{"id": "<|bos|>", "ids": []int{257}, "tokens": []string{"<|bos|>"}}},
		}
	}
	spec["added_tokens"] = added
	return spec
}

func parse(t testing.TB, spec, config map[string]any) *tokenizer.Tokenizer {
	t.Helper()
	a, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	return writeIn(t, t.TempDir(), name, content)
}

// writeIn writes a file below a directory, with the folders that its name has.
func writeIn(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// show writes a document with its unscored tokens in brackets: BOS as ^, the end id as $.
func show(d Document) string {
	var b strings.Builder
	for i, id := range d.IDs {
		s := string(rune(id))
		switch id {
		case 256:
			s = "$"
		case 257:
			s = "^"
		}
		if !d.Target[i] {
			s = "[" + s + "]"
		}
		b.WriteString(s)
	}
	return strings.ReplaceAll(b.String(), "][", "")
}

func shown(docs []Document) []string {
	var out []string
	for _, d := range docs {
		out = append(out, show(d))
	}
	return out
}

// The documents that files give. Unscored tokens stand in brackets, ^ is BOS, $ the end id.
func TestLoad(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		bos                 bool
		opt                 Options
		want                []string
		bytes, truncated    int
	}{
		{name: "text is one document", file: "a.txt", content: "ab\n\ncd", opt: Options{MaxSeqLen: 16}, want: []string{"[a]b\n\ncd$"}, bytes: 5},
		{name: "BOS is not scored", file: "a.txt", content: "abcd", bos: true, opt: Options{MaxSeqLen: 16}, want: []string{"[^]abcd$"}, bytes: 4},
		{name: "windows", file: "a.txt", content: "abcdefg", bos: true, opt: Options{MaxSeqLen: 4}, want: []string{"[^]abc", "[^]def", "[^]g$"}, bytes: 7},
		{name: "windows without BOS", file: "a.txt", content: "abcdefg", opt: Options{MaxSeqLen: 4}, want: []string{"[a]bcd", "[e]fg$"}, bytes: 5},
		{name: "no window for the end id alone", file: "a.txt", content: "abcdef", bos: true, opt: Options{MaxSeqLen: 4}, want: []string{"[^]abc", "[^]def"}, bytes: 6},
		{name: "a last id that nothing precedes", file: "a.txt", content: "abcde", opt: Options{MaxSeqLen: 4, Evaluation: true}, want: []string{"[a]bcd"}, bytes: 3},
		{name: "evaluation has no end id", file: "a.txt", content: "abcd", bos: true, opt: Options{MaxSeqLen: 8, Evaluation: true}, want: []string{"[^]abcd"}, bytes: 4},
		{name: "end markers", file: "a.txt", content: "ab\n<|endoftext|>\ncd\n\nef\n </s> \r\n\n<|endoftext|>\n", opt: Options{MaxSeqLen: 16}, want: []string{"[a]b$", "[c]d\n\nef$"}, bytes: 6},
		{name: "blank lines", file: "a.md", content: "ab\ncd\n\n\nef\n", opt: Options{MaxSeqLen: 16, Split: SplitBlankLine}, want: []string{"[a]b\ncd$", "[e]f\n$"}, bytes: 6},
		{name: "byte order mark", file: "a.txt", content: "\xef\xbb\xbfab", opt: Options{MaxSeqLen: 16}, want: []string{"[a]b$"}, bytes: 1},
		{name: "multi-byte text", file: "a.txt", content: "aé", bos: true, opt: Options{MaxSeqLen: 16}, want: []string{"[^]a\u00c3\u00a9$"}, bytes: 3},

		{name: "JSON text", file: "a.jsonl", content: "{\"text\":\"abc\"}\n\n{\"text\":\"d\",\"id\":7}\n", opt: Options{MaxSeqLen: 16}, want: []string{"[a]bc$", "[d]$"}, bytes: 2},
		{name: "JSON with a byte order mark", file: "a.jsonl", content: "\xef\xbb\xbf{\"text\":\"ab\"}\r\n", opt: Options{MaxSeqLen: 16}, want: []string{"[a]b$"}, bytes: 1},
		{name: "pairs", file: "a.jsonl", content: `{"prompt":"ab","completion":"cd"}`, opt: Options{MaxSeqLen: 16}, want: []string{"[ab] cd$"}, bytes: 2},
		{name: "pairs end in evaluation too", file: "a.ndjson", content: `{"question":"ab","completion":"cd"}`, bos: true, opt: Options{MaxSeqLen: 16, Evaluation: true}, want: []string{"[^ab] cd$"}, bytes: 2},
		{name: "choices", file: "a.jsonl", content: `{"question":"q","choices":["x","yz"],"answer":1}`, opt: Options{MaxSeqLen: 16}, want: []string{"[q] yz$"}, bytes: 2},
		{name: "choices beside a completion", file: "a.jsonl", content: `{"prompt":"q","completion":"w","choices":["x","yz"],"answer":1}`, opt: Options{MaxSeqLen: 16}, want: []string{"[q] w$"}, bytes: 1},
		{name: "long prompt", file: "a.jsonl", content: `{"prompt":"abcdef","completion":"gh"}`, opt: Options{MaxSeqLen: 6}, want: []string{"[ef] gh$"}, bytes: 2, truncated: 1},
		{name: "long prompt with BOS", file: "a.jsonl", content: `{"prompt":"abcdef","completion":"gh"}`, bos: true, opt: Options{MaxSeqLen: 6}, want: []string{"[^f] gh$"}, bytes: 2, truncated: 1},
		{name: "long completion keeps one id of the prompt", file: "a.jsonl", content: `{"prompt":"abc","completion":"defgh"}`, opt: Options{MaxSeqLen: 5}, want: []string{"[c] def"}, bytes: 3, truncated: 1},
		{name: "long completion after BOS", file: "a.jsonl", content: `{"prompt":"abc","completion":"defgh"}`, bos: true, opt: Options{MaxSeqLen: 5}, want: []string{"[^] def"}, bytes: 3, truncated: 1},
		{name: "only the end id too long", file: "a.jsonl", content: `{"prompt":"","completion":"defg"}`, bos: true, opt: Options{MaxSeqLen: 6}, want: []string{"[^] defg"}, bytes: 4, truncated: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, stats, err := LoadDocuments(write(t, c.file, c.content), byteTokenizer(t, c.bos), c.opt)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(docs); !slices.Equal(got, c.want) {
				t.Errorf("documents %q, want %q", got, c.want)
			}
			if stats.Bytes != c.bytes || stats.Truncated != c.truncated {
				t.Errorf("%d bytes, %d truncated; want %d and %d", stats.Bytes, stats.Truncated, c.bytes, c.truncated)
			}
			tokens, targets := 0, 0
			for _, d := range docs {
				tokens, targets = tokens+len(d.IDs), targets+d.Targets()
				if len(d.IDs) > c.opt.MaxSeqLen || d.Target[0] || d.EndID != (d.IDs[len(d.IDs)-1] == 256) || d.Line == 0 || d.Source == "" {
					t.Errorf("document %+v", d)
				}
			}
			if tokens != stats.Tokens || targets != stats.Targets {
				t.Errorf("stats %+v, counted %d tokens, %d targets", stats, tokens, targets)
			}
		})
	}
}

// An error names the line and the field, and says what would be right.
func TestLoadErrors(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"a.jsonl", "{\"text\":\"a b\"}\n{\"text\":", "line 2: bad JSON at byte 8"},
		{"a.jsonl", "[\n", "line 1: want a JSON object, found a list; if the file is one list of objects, name it a.json"},
		{"a.jsonl", "[{\"text\":\"a\"}]", "line 1: want a JSON object, found a list"},
		{"a.jsonl", "{\"txt\":\"a\",\"n\":1}", `line 1: no known field: want "text", or`},
		{"a.jsonl", "{\"txt\":\"a\",\"n\":1}", `found "n", "txt"`},
		{"a.jsonl", "{\"Text\":\"a\"}", "no known field"},
		{"a.jsonl", "{\"prompt\":\"a\"}", "no known field"},
		{"a.jsonl", "{\"completion\":\"a\"}", `field "prompt" is missing`},
		{"a.jsonl", "\n{\"prompt\":3,\"completion\":\"a\"}", `line 2: field "prompt": want a string, found a number`},
		{"a.jsonl", "{\"text\":null}", `field "text" is null, so there is nothing to learn`},
		{"a.jsonl", "{\"text\":\"\"}", `field "text" is empty`},
		{"a.jsonl", "{\"prompt\":\"\",\"completion\":\"\"}", `field "completion" is empty`},
		{"a.jsonl", "{\"prompt\":\"a\",\"question\":\"a\",\"completion\":\"b\"}", `field "question": beside another question; leave one of them out`},
		{"a.jsonl", "{\"prompt\":\"a\",\"text\":\"a\",\"completion\":\"b\"}", `field "text": beside a question and its answer; leave one of them out`},
		{"a.jsonl", "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"]}", `field "answer" is missing`},
		{"a.jsonl", "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":2}", `field "answer": 2, want 0 to 1`},
		{"a.jsonl", "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":\"B\"}", `field "answer": want the index`},
		{"a.jsonl", "{\"prompt\":\"a\",\"choices\":[\"b\",null],\"answer\":0}", `field "choices": option 1 is empty`},
		{"a.jsonl", "{\"prompt\":\"a\",\"choices\":\"bc\",\"answer\":0}", `field "choices": want a list of strings, found a string`},
		{"a.jsonl", "{\"text\":\"a\xff\"}", "line 1: byte 11 of the line is 0xff, not UTF-8; convert the file"},
		{"a.jsonl", " \n\n", "the file is empty"},
		{"a.txt", "", "the file is empty"},
		{"a.txt", "<|endoftext|>\n\n", "the file is empty"},
		{"a.txt", "ab\nc\xc3(", "line 2: byte 5 of the text is 0xc3, not UTF-8; convert the file"},
		{"a.xlsx", "x", "the name does not say what the file holds; name it .txt, .jsonl"},
		{"a.tar.bz2", "x", "the name does not say what the file holds"},
		{"a.jsonl.gz", "x", "compressed with gzip, and it is not: if it is plain, name it a.jsonl"},
		{"a.jsonl.bz2", "BZh9", "unexpected EOF"},
		{"a.txt.zst", "xxxxxxxx", "compressed with zstd, and it is not"},
	} {
		path := write(t, c.name, c.content)
		_, _, err := LoadDocuments(path, byteTokenizer(t, false), Options{MaxSeqLen: 8})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "data: reading "+path+": ") {
			t.Errorf("%s %q: error %v, want one with %q", c.name, c.content, err, c.want)
		}
	}
	tok := byteTokenizer(t, false)
	if _, _, err := LoadDocuments(write(t, "a.txt", "a"), tok, Options{MaxSeqLen: 8, Evaluation: true}); err == nil || !strings.Contains(err.Error(), "line 1: a sequence with no loss tokens") {
		t.Errorf("a text of one id: error %v", err)
	}
	if _, _, err := LoadDocuments(filepath.Join(t.TempDir(), "absent.txt"), tok, Options{MaxSeqLen: 8}); err == nil || !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("absent file: error %v", err)
	}
	if _, _, err := LoadDocuments("a.txt", tok, Options{MaxSeqLen: 1}); err == nil || !strings.Contains(err.Error(), "max_seq_len: 1, want 2 or more") {
		t.Errorf("max_seq_len 1: error %v", err)
	}
	if _, _, err := LoadDocuments("a.txt", tok, Options{MaxSeqLen: 8, Split: "page"}); err == nil || !strings.Contains(err.Error(), `split: "page"`) {
		t.Errorf("split: error %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}

// A compressed file gives the same documents as the plain one.
func TestCompressed(t *testing.T) {
	const content = "{\"prompt\":\"ab\",\"completion\":\"cd\"}\n{\"text\":\"xyz\"}\n"
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	fmt.Fprint(g, content)
	g.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(z, content)
	z.Close()
	tok := byteTokenizer(t, false)
	want, _, err := LoadDocuments(write(t, "a.jsonl", content), tok, Options{MaxSeqLen: 16})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]string{"a.jsonl.gz": gz.String(), "A.JSONL.ZST": zst.String()} {
		got, _, err := LoadDocuments(write(t, name, c), tok, Options{MaxSeqLen: 16})
		if err != nil || !slices.Equal(shown(got), shown(want)) {
			t.Errorf("%s: %q, %v; want %q", name, shown(got), err, shown(want))
		}
		for _, cut := range []int{5, 16, 22} { // the error does not blame the line that was cut
			if _, _, err := LoadDocuments(write(t, name, c[:len(c)-cut]), tok, Options{MaxSeqLen: 16}); err == nil || !strings.Contains(err.Error(), "cut off or damaged") {
				t.Errorf("%s without its last %d bytes: %v", name, cut, err)
			}
		}
	}
}

func TestRows(t *testing.T) {
	path := write(t, "a.jsonl", `{"question":"q","choices":["x","y"],"answer":1}

{"prompt":"p","completion":"c","answer":"elsewhere"}
{"text":"t"}`)
	rows, _, err := Rows(path, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Prompt: "q", Choices: []string{"x", "y"}, Answer: 1, File: path, Line: 1},
		{Prompt: "p", Completion: "c", Answer: -1, File: path, Line: 3},
		{Text: "t", Answer: -1, File: path, Line: 4},
	}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
	if _, _, err := Rows(write(t, "a.txt", "text"), Reading{}); err == nil || !strings.Contains(err.Error(), "want rows with prompts") {
		t.Errorf("text file: error %v", err)
	}
}

// For texts of any length: no window is too long, nothing is lost or repeated, and Bytes is the length of the scored text.
func TestTextProperties(t *testing.T) {
	toks := []*tokenizer.Tokenizer{byteTokenizer(t, false), byteTokenizer(t, true)}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "bytes")
		opt := Options{MaxSeqLen: rapid.IntRange(2, 40).Draw(t, "max_seq_len"), Evaluation: rapid.Bool().Draw(t, "evaluation")}
		bos := rapid.Bool().Draw(t, "bos")
		tok := toks[0]
		if bos {
			tok = toks[1]
		}
		text := strings.Repeat("abcdefghij", 10)[:n]
		var back strings.Builder
		scored, ends := 0, 0
		docs := Text(tok, text, opt)
		for _, d := range docs {
			if len(d.IDs) < 2 || len(d.IDs) > opt.MaxSeqLen || d.Target[0] || d.Targets() != len(d.IDs)-1 {
				t.Fatalf("window %q", show(d))
			}
			back.WriteString(tok.Decode(d.IDs, true))
			scored += d.Targets()
			if d.EndID {
				ends++
				scored--
			}
		}
		sum := 0
		for _, d := range docs {
			sum += d.Bytes
		}
		if sum != scored { // one byte per id
			t.Fatalf("%d bytes, %d scored ids", sum, scored)
		}
		lost := len(text) - back.Len()
		if !strings.HasPrefix(text, back.String()) || lost > 1 || lost == 1 && bos || ends > 1 || ends == 1 && opt.Evaluation {
			t.Fatalf("%q became %q", text, shown(docs))
		}
	})
}
