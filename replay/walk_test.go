package replay

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"reprise/data"
	"reprise/loss"
)

// tiny is the record that docs/FORMAT.md walks through.
func tiny() recording {
	q := data.Sequence{IDs: []int32{7, 5, 9, 5}, Target: []bool{false, true, false, true}, DocStarts: []int32{0, 2}}
	u := loss.Subsets{
		Rows: []int32{0, 2}, Offsets: []int32{0, 2, 5}, IDs: []int32{5, 8, 1, 5, 40}, Gold: []int32{0, 1},
		LogProb: []float32{-0.5, -1, -0.25, -6, -2}, Mass: []float32{0.96875, 1}, Outside: []bool{false, true},
	}
	h := Header{
		BaseModel: "b4", Tokenizer: "70", Seam: "sp", Rule: Rule{Tau: 0.95, KMin: 1, KMax: 2}, VocabSize: 50, MaxSeqLen: 8, Seed: 1,
		Sequences: 1, DataDigest: data.Digest([]data.Sequence{q}), Config: "c0",
		Rehearsal: &Rehearsal{
			Packs: 1, Gauge: 1, Start: Start{ID: 1}, Stop: []int32{2}, Temperature: 1, Rule: Rule{Tau: 0.9, KMin: 1, KMax: 1}, Seed: 1, BaseModel: "b4",
		},
	}
	pack := func(word, other int32) (data.Sequence, loss.Subsets) {
		return data.Sequence{IDs: []int32{1, word, 2}, Target: []bool{false, true, true}, DocStarts: []int32{0}}, loss.Subsets{
			Rows: []int32{0, 1}, Offsets: []int32{0, 2, 3}, IDs: []int32{word, other, 2}, Gold: []int32{0, 0},
			LogProb: []float32{-2, -0.5, -0.25}, Mass: []float32{0.75, 0.75}, Outside: []bool{true, false},
		}
	}
	p, u1 := pack(5, 7)
	g, u2 := pack(6, 9)
	return recording{h, []data.Sequence{q}, []loss.Subsets{u}, []data.Sequence{p, g}, []loss.Subsets{u1, u2}}
}

// The bytes in docs/FORMAT.md are the bytes that are written. Every line of the walk-through has an offset, bytes, two
// spaces, and the meaning of the bytes.
func TestWalkThrough(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "FORMAT.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^([0-9a-f]{4})  ((?:[0-9a-f]{2} )+) `)
	var written []byte
	for _, m := range line.FindAllStringSubmatch(string(doc), -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(m[2], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		at, _ := hex.DecodeString(m[1])
		if offset := int(at[0])<<8 | int(at[1]); offset != len(written) {
			t.Errorf("line %q: %d bytes stand before it", m[0], len(written))
		}
		written = append(written, b...)
	}
	path := tiny().write(t)
	if err := Verify(path); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, path); !bytes.Equal(got, written) {
		t.Errorf("the file is\n%x\ndocs/FORMAT.md has\n%x", got, written)
	}
}
