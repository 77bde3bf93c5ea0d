package replay

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/data"
)

// TestGaugePacks: all held-out packs are read, each into its own memory, and a gold id that would have been recorded anyway, as one of
// Always, does not count as added. A record without such packs has none.
func TestGaugePacks(t *testing.T) {
	r := rehearsing(3, 4, 2, 5, 24, 40)
	always := r.h.Rehearsal.Always
	if len(always) == 0 {
		t.Fatal("the test wants ids that are always recorded")
	}
	open := func(path string) *Reader {
		reader, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reader.Close() })
		return reader
	}
	reader := open(r.write(t))
	packs, err := reader.GaugePacks()
	if err != nil || len(packs) != 5 {
		t.Fatalf("%d packs, %v", len(packs), err)
	}
	changed := 0
	for i := range packs {
		var want data.Sequence
		if err := reader.GaugePack(i, &want); err != nil {
			t.Fatal(err)
		}
		u := want.Subsets
		for p := range u.Gold {
			if id := u.IDs[u.Offsets[p]+u.Gold[p]]; id == always[0] && u.Outside[p] {
				u.Outside[p] = false
				changed++
			}
		}
		if diff := cmp.Diff(want, packs[i]); diff != "" {
			t.Errorf("pack %d: %s", i, diff)
		}
	}
	if changed == 0 {
		t.Error("no gold id of Always is outside its prefix: the test shows nothing")
	}
	if packs, err := open(invent(3, 4, 24, 40).write(t)).GaugePacks(); err != nil || len(packs) != 0 {
		t.Errorf("without the model's own text: %d packs, %v", len(packs), err)
	}
}
