package tokenizer

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// naiveMerge is the definition: merge the leftmost pair of the lowest rank until no pair is left.
func naiveMerge(t *mergeTable, sym []int32) []int32 {
	sym = slices.Clone(sym)
	for {
		best, at := noRank, 0
		for i := 1; i < len(sym); i++ {
			if r := t.rank(sym[i-1], sym[i]); r < best {
				best, at = r, i
			}
		}
		if best == noRank {
			return sym
		}
		sym[at-1] = t.result[best]
		sym = slices.Delete(sym, at, at+1)
	}
}

func TestMergeEqualsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const letters = 4
		var pairs []uint64
		var result []int32
		for range rapid.IntRange(0, 20).Draw(t, "merges") {
			id := rapid.Int32Range(0, letters+int32(len(pairs)))
			pairs = append(pairs, pairKey(id.Draw(t, "a"), id.Draw(t, "b")))
			// Mostly a new piece, sometimes one that exists already.
			result = append(result, rapid.Int32Range(letters, letters+int32(len(pairs))).Draw(t, "to"))
		}
		m := &bpe{merges: newMergeTable(pairs, result)}
		e := newEncoder(m)
		sym := rapid.SliceOfN(rapid.Int32Range(0, letters), 0, 3*shortWord).Draw(t, "word")
		want := naiveMerge(&m.merges, sym)
		short, long := slices.Clone(sym), slices.Clone(sym)
		if got := short[:e.merge(short)]; !slices.Equal(got, want) {
			t.Fatalf("merge(%v) = %v, want %v", sym, got, want)
		}
		if len(sym) > 0 {
			if got := long[:e.mergeLong(long)]; !slices.Equal(got, want) {
				t.Fatalf("mergeLong(%v) = %v, want %v", sym, got, want)
			}
		}
	})
}

func TestMergeTable(t *testing.T) {
	pairs := []uint64{pairKey(0, 0), pairKey(1, 2), pairKey(2, 1), pairKey(1, 2)}
	m := newMergeTable(pairs, []int32{9, 10, 11, 12})
	for _, c := range []struct {
		a, b int32
		rank uint32
	}{{0, 0, 0}, {2, 1, 2}, {1, 2, 3}, {0, 1, noRank}} {
		if got := m.rank(c.a, c.b); got != c.rank {
			t.Errorf("rank(%d, %d) = %d, want %d", c.a, c.b, got, c.rank)
		}
	}
	if empty := newMergeTable(nil, nil); empty.rank(0, 0) != noRank {
		t.Error("an empty table has a merge")
	}
}

// Cutting a SentencePiece text at spaces gives the ids of the whole text.
func TestCutSpaces(t *testing.T) {
	tok := sentencePiece(t, nil)
	if !tok.model.cutSpaces {
		t.Fatal("no merge crosses a space, yet texts are not cut there")
	}
	runes := rapid.RuneFrom([]rune("▁▁▁abbc é"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(runes, 0, 60, -1).Draw(t, "text")
		cut, whole := newEncoder(tok.model), newEncoder(tok.model)
		cut.encodeText(text)
		whole.encodeWord(text)
		if !slices.Equal(cut.out, whole.out) {
			t.Fatalf("%q: cut %v, whole %v", text, cut.out, whole.out)
		}
	})
	crossing := sentencePiece(t, func(spec object) {
		m := spec["model"].(object)
		m["vocab"].(object)["b▁"] = 280
		m["merges"] = append(m["merges"].([]string), "b ▁")
	})
	if crossing.model.cutSpaces {
		t.Error("a merge crosses a space, yet texts are cut there")
	}
	dropping := sentencePiece(t, func(spec object) {
		m := spec["model"].(object)
		m["byte_fallback"], m["unk_token"] = false, nil
	})
	if dropping.model.cutSpaces {
		t.Error("a dropped character may make two spaces adjacent, yet texts are cut there")
	}
}

func TestCacheChangesNothing(t *testing.T) {
	tok := byteLevel(t)
	var words strings.Builder
	for i := range 3 * cacheWords / 2 {
		words.WriteString(" w")
		for n := i; n > 0; n /= 26 {
			words.WriteByte(byte('a' + n%26))
		}
	}
	text := words.String() + strings.Repeat("x", 3*cacheBytes)
	first := tok.Encode(text, false)
	if again := tok.Encode(text, false); !slices.Equal(first, again) {
		t.Error("the same text has other ids the second time")
	}
	if back := tok.Decode(first, false); back != text {
		t.Error("the text does not come back")
	}
}

func TestConcurrentEncode(t *testing.T) {
	tok := byteLevel(t)
	want := tok.Encode("the cat sat on the mat", false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if got := tok.Encode("the cat sat on the mat", false); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkEncode(b *testing.B) {
	text := strings.Repeat("It's the cat that sat on the mat; 1,234 of them didn't.\n", 2000)
	for name, tok := range map[string]*Tokenizer{"bytes": byteLevel(b), "sentence": sentencePiece(b, nil)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Encode(text, false)
			}
		})
	}
}
