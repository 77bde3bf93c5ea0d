package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/internal/testfiles"
	"reprise/tokenizer"
)

// What pairs become with each seam. Unscored tokens stand in brackets, ^ is BOS, $ the end id.
func TestSeams(t *testing.T) {
	for _, c := range []struct {
		row                string
		seam               tokenizer.Seam
		want               string
		bytes, pairs, with int
	}{
		{`{"prompt":"def f(x):\n","completion":"    return x\n"}`, "", "[^def f(x):\n]    return x\n$", 13, 1, 0},
		{`{"prompt":"def f(x):\n","completion":"    return x\n"}`, "exact", "[^def f(x):\n]    return x\n$", 13, 1, 0},
		{`{"prompt":"def f(x):\n","completion":"    return x\n"}`, "space", "[^def f(x):] return x\n$", 9, 1, 1},
		{`{"prompt":"a","completion":"b "}`, "auto", "[^a] b $", 2, 1, 1},
		{`{"prompt":"a","completion":"b "}`, "exact", "[^a]b $", 2, 1, 0},
		{`{"prompt":"a\r\n","completion":"b"}`, "auto", "[^a\r\n]b$", 1, 1, 0},
		{`{"prompt":"a","completion":"\n\nb"}`, "auto", "[^a]\n\nb$", 3, 1, 0},
		{`{"question":"a\t","choices":["b","c"],"answer":1}`, "auto", "[^a\t]c$", 1, 1, 0},
		{`{"instruction":"a","input":"b\n","output":"c"}`, "auto", "[^a\n\nb\n]c$", 1, 1, 0},
		{`{"prompt":"a","completion":"\n"}`, "exact", "[^a]\n$", 1, 1, 0},
		{`{"text":"a b"}`, "space", "[^]a b$", 3, 0, 0},
		{`{"segments":[{"text":"a","label":false},{"text":"b","label":true}]}`, "space", "[^a]b$", 1, 0, 0},
	} {
		docs, stats, err := LoadDocuments(write(t, "a.jsonl", c.row), byteTokenizer(t, true), Options{MaxSeqLen: 64, Reading: Reading{Seam: c.seam}})
		if err != nil {
			t.Errorf("%s, %s: %v", c.row, c.seam, err)
			continue
		}
		if got := show(docs[0]); got != c.want || stats.Bytes != c.bytes || stats.Pairs != c.pairs || stats.Spaced != c.with {
			t.Errorf("%s, %s: %q, %+v; want %q, %d bytes, %d pairs, %d with a space", c.row, c.seam, got, stats, c.want, c.bytes, c.pairs, c.with)
		}
	}
	const nothing = "a sequence with no loss tokens"
	for seam, want := range map[tokenizer.Seam]string{"": nothing, "auto": nothing, "space": nothing, "none": `seam: "none", want auto, exact or space`} {
		_, _, err := LoadDocuments(write(t, "a.jsonl", `{"prompt":"a","completion":" \n"}`), byteTokenizer(t, true), Options{MaxSeqLen: 64, Reading: Reading{Seam: seam}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("seam %q, a blank completion: %v, want %s", seam, err, want)
		}
	}
}

// Special tokens in the middle of a text are learnt, and said; those of the beginning and the end are not doubled.
func TestSpelledTokens(t *testing.T) {
	content := strings.Join([]string{
		`{"text":"<|bos|>a<|endoftext|> \n"}`, `{"text":"a<|endoftext|><|bos|>b<|endoftext|>"}`, `{"prompt":"<|bos|>a<|endoftext|>","completion":"<|bos|>b<|endoftext|>"}`,
		`{"segments":[{"text":"<|bos|>a","label":false},{"text":"b<|endoftext|>","label":true},{"text":"\n","label":false}]}`,
	}, "\n")
	docs, stats, err := LoadDocuments(write(t, "a.jsonl", content), byteTokenizer(t, true), Options{MaxSeqLen: 64})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shown(docs), []string{"[^]a$", "[^]a$^b$", "[^a$] ^b$", "[^a]b$"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if want := map[string]int{"<|endoftext|>": 1, "<|bos|>": 2}; !maps.Equal(stats.Special, want) {
		t.Errorf("learnt in the middle: %v, want %v", stats.Special, want)
	}
	want := "special tokens that the texts themselves spell are learnt as a part of them: <|bos|> (2), <|endoftext|> (1)"
	if got := stats.Notices(64); !slices.Equal(got, []string{want}) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A template's own special tokens are not counted, those that a message of the assistant spells are.
func TestSpelledTokensOfConversations(t *testing.T) {
	content := `{"messages":[{"role":"user","content":"a<|endoftext|>"},{"role":"assistant","content":"b<|endoftext|>"}]}`
	_, stats, err := LoadDocuments(write(t, "a.jsonl", content), chatTokenizer(t, chatML), Options{MaxSeqLen: 64})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"<|endoftext|>": 1}; !maps.Equal(stats.Special, want) {
		t.Errorf("learnt in the middle: %v, want %v", stats.Special, want)
	}
}

// Only what is learnt counts: not messages without loss, nor what was cut away.
func TestSpelledTokensThatAreNotLearnt(t *testing.T) {
	const q, a = `{"role":"user","content":"Q"}`, `{"role":"assistant","content":"b<|endoftext|>c"}`
	silent := strings.TrimSuffix(a, "}") + `,"weight":0}`
	for _, c := range []struct {
		row       string
		maxSeqLen int
		want      map[string]int
	}{
		{`{"messages":[` + q + "," + a + "," + q + "," + silent + `]}`, 200, map[string]int{"<|endoftext|>": 1}},
		{`{"messages":[` + q + "," + silent + "," + q + `,{"role":"assistant","content":"d"}]}`, 200, nil},
		{`{"messages":[` + q + `,{"role":"assistant","content":"d"},` + q + "," + a + `]}`, 30, nil},
		{`{"messages":[` + q + `,{"role":"assistant","content":"defghi<|endoftext|>c"}]}`, 5, nil},
		{`{"messages":[` + q + `,{"role":"assistant","content":"d<|im_end|>"}]}`, 200, map[string]int{"<|im_end|>": 1}},
		{`{"prompt":"Q","completion":"defghi<|endoftext|>c"}`, 5, nil},
	} {
		docs, stats, err := LoadDocuments(write(t, "a.jsonl", c.row), chatTokenizer(t, chatML), Options{MaxSeqLen: c.maxSeqLen})
		if err != nil || !maps.Equal(stats.Special, c.want) {
			t.Errorf("%s: %v of %q, want %v; %v", c.row, stats.Special, shown(docs), c.want, err)
		}
	}
}

// Several ids that the post-processor puts before a text begin every document and every window.
func TestPrefixOfSeveralIDs(t *testing.T) {
	spec := byteSpec(true)
	post := spec["post_processor"].(map[string]any)
	single := post["single"].([]map[string]any)
	post["single"] = slices.Insert(single, 1, map[string]any{"SpecialToken": map[string]any{"id": "<|endoftext|>", "type_id": 0}})
	post["special_tokens"].(map[string]any)["<|endoftext|>"] = map[string]any{"id": "<|endoftext|>", "ids": []int{256}, "tokens": []string{"<|endoftext|>"}}
	tok := parse(t, spec, map[string]any{"eos_token": "<|endoftext|>", "bos_token": "<|bos|>"})
	content := `{"text":"abcde"}` + "\n" + `{"prompt":"abcdef","completion":"gh"}` + "\n" + `{"segments":[{"text":"a","label":true}]}` + "\n" + `{"text":"<|bos|><|endoftext|>ab"}`
	path := write(t, "a.jsonl", content)
	docs, _, err := LoadDocuments(path, tok, Options{MaxSeqLen: 6})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shown(docs), []string{"[^$]abcd", "[^$]e$", "[^$] gh$", "[^$]a$", "[^$]ab$"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, _, err := LoadDocuments(path, tok, Options{MaxSeqLen: 2}); err == nil || !strings.Contains(err.Error(), "max_seq_len: 2, want more than the 2 ids") {
		t.Errorf("no room after the prefix: %v", err)
	}
	if _, _, err := Pair(tok, "a", "b", "", 2, true); err == nil || !strings.Contains(err.Error(), "want more than the 2 ids") {
		t.Errorf("no room after the prefix of a pair: %v", err)
	}
}

// The words of a header and the seam that they stand for.
func TestSeamWords(t *testing.T) {
	sentence, err := tokenizer.Load(testfiles.Box(t, "tokenizers", "llama2"))
	if err != nil {
		t.Fatal(err)
	}
	bytes := byteTokenizer(t, false)
	for _, c := range []struct {
		tok  *tokenizer.Tokenizer
		seam tokenizer.Seam
		want string // the first two stand in all records from before there was a choice
	}{
		{bytes, "auto", "space in the completion"}, {sentence, "auto", "space from the normalizer"}, {bytes, "exact", "end to end"}, {sentence, "exact", "end to end"},
		{bytes, "space", "always one space"}, {sentence, "space", "always one space"},
	} {
		words := SeamWords(c.tok, c.seam)
		if back, err := ParseSeam(words); words != c.want || back != c.seam || err != nil {
			t.Errorf("%s: %q, want %q; read as %s, %v", c.seam, words, c.want, back, err)
		}
	}
	if SeamWords(bytes, "") != "space in the completion" {
		t.Error("no seam is not auto")
	}
	for _, words := range []string{"", "auto", "Space in the completion"} {
		if _, err := ParseSeam(words); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("seam: %q is not known", words)) {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// What is learnt of a pair is the completion, to the byte, and before it stand the ids that generation starts from.
func TestPairsAreWhatGenerationSees(t *testing.T) {
	toks := []*tokenizer.Tokenizer{byteTokenizer(t, false), byteTokenizer(t, true)}
	for _, name := range []string{"gpt2", "llama2", "llama3", "gemma", "qwen2", "metaspace-first", "gpt2-prefix-space"} {
		tok, err := tokenizer.Load(testfiles.Box(t, "tokenizers", name))
		if err != nil {
			t.Fatal(err)
		}
		toks = append(toks, tok)
	}
	words := []string{" ", "\n", "\t", "\r\n", "\u3000", "the", "cat ", "x = 1", "é", "数を", "書く。", "ร่ม"}
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 6).Draw(t, "words"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		prompt, completion := text.Draw(t, "prompt"), text.Draw(t, "completion")
		seam := rapid.SampledFrom([]tokenizer.Seam{"auto", "exact", "space"}).Draw(t, "seam")
		for _, tok := range toks {
			j := tok.Join(prompt, completion, seam)
			d, cut, err := Pair(tok, prompt, completion, seam, 1000, true)
			if j.Completion == "" && err != nil {
				continue
			}
			if err != nil || cut {
				t.Fatal(cut, err)
			}
			first := slices.Index(d.Target, true)
			if start := tok.EncodePrompt(j.Prompt); len(start) > 0 && !slices.Equal(d.IDs[:first], start) {
				t.Fatalf("%q and %q: %v before the first id that is learnt, generation starts from %v", prompt, completion, d.IDs[:first], start)
			}
			if j.Prompt == "" {
				continue // the first id may have nothing before it
			}
			before, whole := tok.Decode(d.IDs[:first], true), tok.Decode(d.IDs, true)
			if learnt := strings.TrimPrefix(whole, before); strings.TrimPrefix(learnt, " ") != strings.TrimPrefix(j.Completion, " ") || len(j.Completion) != d.Bytes {
				t.Fatalf("%q and %q: %q is learnt after %q, %d bytes", prompt, completion, learnt, before, d.Bytes)
			}
		}
	})
}
