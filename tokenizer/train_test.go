package tokenizer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naiveMerges is the definition: count every adjacent pair of every word, merge the most frequent one (ties: the smaller
// ids), and repeat.
func naiveMerges(words []string, special, size int) (merges [][2]string) {
	symbol, order := byteSymbols(int32(special))
	pieces := make([]string, special)
	for _, r := range order {
		pieces = append(pieces, string(r))
	}
	var rows [][]int32
	for _, w := range words {
		var row []int32
		for i := range len(w) {
			row = append(row, symbol[w[i]])
		}
		rows = append(rows, row)
	}
	for len(pieces) < size {
		counts := map[[2]int32]int{}
		for _, row := range rows {
			for i := 1; i < len(row); i++ {
				counts[[2]int32{row[i-1], row[i]}]++
			}
		}
		var best [2]int32
		n := 1
		for p, c := range counts {
			if c > n || c == n && n > 1 && (p[0] < best[0] || p[0] == best[0] && p[1] < best[1]) {
				best, n = p, c
			}
		}
		if n < 2 {
			return merges
		}
		merged := pieces[best[0]] + pieces[best[1]]
		merges = append(merges, [2]string{pieces[best[0]], pieces[best[1]]})
		to := int32(slices.Index(pieces, merged))
		if to < 0 {
			to = int32(len(pieces))
			pieces = append(pieces, merged)
		}
		for r, row := range rows {
			var out []int32
			for i := 0; i < len(row); i++ {
				if i+1 < len(row) && row[i] == best[0] && row[i+1] == best[1] {
					out = append(out, to)
					i++
				} else {
					out = append(out, row[i])
				}
			}
			rows[r] = out
		}
	}
	return merges
}

// mergesOf reads the merges back from tokenizer.json.
func mergesOf(t interface{ Fatal(...any) }, data []byte) [][2]string {
	var file struct {
		Model struct{ Merges mergeList }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Model.Merges
}

func TestTrainEqualsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("aaabbc  é'\n")), 0, 60, -1), 1, 6).Draw(t, "texts")
		size := 257 + rapid.IntRange(0, 40).Draw(t, "merges")
		got, err := Train(slices.Values(texts), TrainOptions{VocabSize: size})
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, text := range texts {
			for i := 0; i < len(text); {
				j := scanGPT2(text, i)
				words = append(words, text[i:j])
				i = j
			}
		}
		want := naiveMerges(words, 1, size)
		if merges := mergesOf(t, got); !slices.Equal(merges, want) {
			t.Fatalf("merges\n got %q\nwant %q", merges, want)
		}
		slices.Reverse(texts)
		if again, _ := Train(slices.Values(texts), TrainOptions{VocabSize: size}); !bytes.Equal(got, again) {
			t.Fatal("another order of the texts gives another vocabulary")
		}
		tok, err := Parse(got, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if back := tok.Decode(tok.Encode(text, true), false); back != text {
				t.Fatalf("%q comes back as %q", text, back)
			}
		}
	})
}

func TestTrainSpecial(t *testing.T) {
	text := strings.Repeat("low lower<|sep|>lowest <low>&", 9)
	data, err := Train(slices.Values([]string{text}), TrainOptions{
		VocabSize: 300, Special: []string{"<|endoftext|>", "<|sep|>"}, Pattern: Llama3Pattern,
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := tok.EOS(); !ok || id != 0 {
		t.Errorf("EOS is %d, %v", id, ok)
	}
	if id, _ := tok.ID("<|sep|>"); id != 1 || !tok.IsSpecial(1) || tok.IsSpecial(2) {
		t.Errorf("<|sep|> has id %d", id)
	}
	if tok.Piece(2) != "!" || tok.Piece(257) != "Ń" {
		t.Errorf("bytes begin with %q and end with %q", tok.Piece(2), tok.Piece(257))
	}
	if _, ok := tok.ID("sep"); ok {
		t.Error("a special token was counted as text")
	}
	if got := tok.Decode(tok.Encode(text, false), true); got != strings.ReplaceAll(text, "<|sep|>", "") {
		t.Errorf("without special tokens: %q", got)
	}
	if !tok.ByteLevel() || tok.AddsBOS() {
		t.Errorf("ByteLevel %v, AddsBOS %v", tok.ByteLevel(), tok.AddsBOS())
	}
}

func TestTrainRefuses(t *testing.T) {
	none := slices.Values([]string{})
	for want, opt := range map[string]TrainOptions{
		"at least 257":  {VocabSize: 256},
		"at most":       {VocabSize: 1<<24 + 1},
		"given twice":   {VocabSize: 999, Special: []string{"<a>", "<a>"}},
		"spelling":      {VocabSize: 999, Special: []string{"Ġthe"}},
		`Special[0] "a`: {VocabSize: 999, Special: []string{"a"}},
		"Pattern":       {VocabSize: 999, Pattern: "(a"},
	} {
		if _, err := Train(none, opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", opt, err, want)
		}
	}
	if data, err := Train(none, TrainOptions{VocabSize: 999}); err != nil {
		t.Error(err)
	} else if tok, err := Parse(data, nil); err != nil || tok.VocabSize() != 257 {
		t.Errorf("no text: %v", err)
	}
}
