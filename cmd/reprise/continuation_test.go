package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"reprise/tensor"
	"reprise/tokenizer"
)

// tokenizers opens those of testdata.
func tokenizers(t *testing.T) map[string]*tokenizer.Tokenizer {
	t.Helper()
	dirs, err := filepath.Glob("../../testdata/tokenizers/*/tokenizer.json")
	if err != nil || len(dirs) < 10 {
		t.Fatalf("%d tokenizers (%v), want more", len(dirs), err)
	}
	all := map[string]*tokenizer.Tokenizer{}
	for _, path := range dirs {
		tok, err := tokenizer.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(filepath.Dir(path))] = tok
	}
	return all
}

// grow feeds ids to a continuation and returns the pieces that were printed, and how many ids it took.
func grow(c *continuation, ids []int32) (pieces []string, n int) {
	for i, id := range ids {
		print, stopped := c.add(id)
		pieces = append(pieces, print)
		if n = i + 1; stopped {
			break
		}
	}
	return append(pieces, c.finish()), n
}

// TestContinuationIsTheTextOfItsIDs: printed in pieces or at once, with the tokenizers of testdata and texts whose characters are
// spread over several tokens, it is what the ids after the prompt add to its text; every piece is whole characters.
func TestContinuationIsTheTextOfItsIDs(t *testing.T) {
	const mixed = "Zoë ½ price — 中文字 and 😀🎉 नमस्ते <b>x</b>\n\tend. "
	for name, tok := range tokenizers(t) {
		rng := tensor.NewRNG(1, "continuation "+name, 0)
		text := tok.Encode(mixed+mixed, false)
		rows := slices.Clone(text[:1]) // a few bytes of two characters, and special tokens, which are no text
		for _, piece := range []string{"<0xE4>", "<0xB8>", "<0xAD>", "<0xC3>", "<0xA9>", "<s>", "</s>", "<unk>"} {
			if id, ok := tok.ID(piece); ok {
				rows = append(rows, id)
			}
		}
		for round := range 120 {
			prompt := tok.Encode([]string{"", "Say:", "中", "a 😀"}[rng.Intn(4)], true)
			var ids []int32
			for range 1 + rng.Intn(40) {
				switch {
				case round%4 == 0: // any id
					ids = append(ids, int32(rng.Intn(tok.VocabSize())))
				case round%4 == 1: // what the text is made of, and bytes of characters that never end
					ids = append(ids, text[rng.Intn(len(text))])
				case round%4 == 2:
					ids = append(ids, rows[rng.Intn(len(rows))])
				default:
					ids = append(ids, text[len(ids)%len(text)])
				}
			}
			pieces, n := grow(newContinuation(tok, prompt, nil), ids)
			all := tok.Decode(append(slices.Clone(prompt), ids...), true)
			want, ok := strings.CutPrefix(all, tok.Decode(prompt, true))
			if !ok { // the bytes after the prompt do not go on where it ends
				want = tok.Decode(ids, true)
			}
			if got := strings.Join(pieces, ""); got != want || n != len(ids) {
				t.Fatalf("%s: ids %v after %v: printed %q, want %q", name, ids, prompt, got, want)
			}
			for _, p := range pieces {
				if !utf8.ValidString(p) {
					t.Errorf("%s: %q is not whole characters", name, p)
				}
			}
		}
	}
}

// TestTextAppearsAsItIsMade: whole characters are handed out with the token that completes them, and before the text ends.
func TestTextAppearsAsItIsMade(t *testing.T) {
	tok := tokenizers(t)["gpt2"]
	for _, text := range []string{" ½ price 中文", "one two three four", "a\uFFFDb c"} {
		ids := tok.Encode(text, false)
		c := newContinuation(tok, nil, nil)
		var printed string
		for i, id := range ids {
			piece, _ := c.add(id)
			printed += piece
			if want := strings.TrimRight(tok.Decode(ids[:i+1], true), "\uFFFD"); printed != want {
				t.Errorf("%q: %q is printed after %d tokens, want %q", text, printed, i+1, want)
			}
		}
	}
}

// TestStopStrings: the text ends before the stop string that begins first, at the token with which it is complete, and nothing of
// it is printed, however it lies in tokens.
func TestStopStrings(t *testing.T) {
	for name, tok := range tokenizers(t) {
		rng := tensor.NewRNG(2, "stops "+name, 0)
		prompt := tok.Encode("stop here", true)
		for range 40 {
			var ids []int32
			source := tok.Encode("the stop here, a 中文 and 😀🎉! stop there\n\nstop", false)
			from := rng.Intn(len(source))
			for i := range 30 {
				ids = append(ids, source[(from+i)%len(source)])
			}
			whole := newContinuation(tok, prompt, nil)
			pieces, _ := grow(whole, ids)
			runes := []rune(strings.Join(pieces, ""))
			var stops []string
			for range 1 + rng.Intn(3) {
				at := rng.Intn(len(runes))
				stops = append(stops, string(runes[at:min(len(runes), at+1+rng.Intn(5))]))
			}
			stops = append(stops, "never there")
			// By definition: the first number of ids whose text has a stop string, and the first place where one begins in it.
			want, taken := whole.text(), len(ids)
			for n := range ids {
				text := strings.TrimRight(whole.until(whole.from+n+1), "\uFFFD")
				if n == len(ids)-1 {
					text = whole.text()
				}
				at := -1
				for _, s := range stops {
					if i := strings.Index(text, s); i >= 0 && (at < 0 || i < at) {
						at = i
					}
				}
				if at >= 0 {
					want, taken = text[:at], n+1
					break
				}
			}
			c := newContinuation(tok, prompt, stops)
			pieces, n := grow(c, ids)
			if got := strings.Join(pieces, ""); got != want || c.text() != want || n != taken {
				t.Fatalf("%s: stops %q in %q: printed %q and %q after %d tokens, want %q after %d", name, stops, whole.text(), got, c.text(), n, want, taken)
			}
		}
	}
}

// A stop string that does not come is printed after all; nothing in the prompt ends the text.
func TestWhatLooksLikeAStopString(t *testing.T) {
	tok := tokenizers(t)["gpt2"]
	for _, c := range []struct{ text, stop, want string }{
		{"ends in ENDLESS", "ENDING", "ends in ENDLESS"},
		{"ends in EN", "END", "ends in EN"},
		{"one END two", "END", "one "},
		{"aaab", "aab", "a"},
		{"中文", "文", "中"},
		{"x", "x", ""},
		{"a\uFFFD", "\uFFFD", "a"},
	} {
		pieces, _ := grow(newContinuation(tok, tok.Encode("END ", false), []string{c.stop}), tok.Encode(c.text, false))
		if got := strings.Join(pieces, ""); got != c.want {
			t.Errorf("%q with the stop string %q: printed %q, want %q", c.text, c.stop, got, c.want)
		}
	}
}
