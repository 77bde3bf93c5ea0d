package replay

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/data"
	"reprise/loss"
	"reprise/tensor"
)

// A recording may be interrupted any number of times, at any place, with any bytes left at the end of the file: resuming it
// gives the same bytes as one run.
func TestResume(t *testing.T) {
	for _, compress := range []bool{false, true} {
		r := invent(21, 12, 30, 500)
		r.h.Compress = compress
		want := r.bytes(t)
		rapid.Check(t, func(rt *rapid.T) {
			path := filepath.Join(t.TempDir(), "r.replay")
			for breaks := 0; ; breaks++ {
				w, done, err := Resume(path, r.h)
				if err != nil {
					rt.Fatal(err)
				}
				stop := len(r.seqs)
				if breaks < 3 {
					stop = rapid.IntRange(done, len(r.seqs)).Draw(rt, "stop")
				}
				r.append(t, w, done, stop)
				if breaks == 3 {
					if err := w.Close(); err != nil {
						rt.Fatal(err)
					}
					break
				}
				if err := w.Suspend(); err != nil {
					rt.Fatal(err)
				}
				b := contents(t, path+".partial")
				switch rapid.IntRange(0, 3).Draw(rt, "damage") {
				case 0:
					b = b[:rapid.IntRange(0, len(b)).Draw(rt, "cut")]
				case 1:
					b[rapid.IntRange(0, len(b)-1).Draw(rt, "byte")] ^= 0x10
				case 2:
					b = append(b, make([]byte, 100)...)
				}
				if err := os.WriteFile(path+".partial", b, 0o644); err != nil {
					rt.Fatal(err)
				}
			}
			if !bytes.Equal(contents(t, path), want) {
				rt.Fatal("the resumed record differs from one run's")
			}
			if _, err := os.Stat(path + ".partial"); !os.IsNotExist(err) {
				rt.Fatalf("the partial file is still there: %v", err)
			}
		})
	}
}

// After a crash between writing the end and the rename, no sequence is lost.
func TestResumeBeforeRename(t *testing.T) {
	r := invent(22, 3, 30, 500)
	want := r.bytes(t)
	path := filepath.Join(t.TempDir(), "r.replay")
	if err := os.WriteFile(path+".partial", want, 0o644); err != nil {
		t.Fatal(err)
	}
	w, done, err := Resume(path, r.h)
	if err != nil || done != 3 {
		t.Fatalf("%d sequences kept, %v; want 3", done, err)
	}
	if err := w.Close(); err != nil || !bytes.Equal(contents(t, path), want) {
		t.Fatalf("differs from one run's, or %v", err)
	}
}

func TestResumeRefusesOtherSettings(t *testing.T) {
	r := invent(23, 3, 30, 500)
	path := filepath.Join(t.TempDir(), "r.replay")
	w, err := Create(path, r.h)
	if err != nil {
		t.Fatal(err)
	}
	r.append(t, w, 0, 2)
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "holds 2 of 3 sequences; resume") {
		t.Errorf("closing an incomplete record: error %v", err)
	}
	h := r.h
	h.Tau = 0.9
	if _, _, err := Resume(path, h); err == nil || !strings.Contains(err.Error(), "tau: 0.95 against 0.9") || !strings.Contains(err.Error(), path+".partial") {
		t.Errorf("another tau: error %v", err)
	}
	if _, done, err := Resume(path, r.h); err != nil || done != 2 {
		t.Errorf("%d sequences kept, %v; want 2", done, err)
	}
}

// A sequence that contradicts the header or itself is an error before it is written.
func TestAppendErrors(t *testing.T) {
	h := Header{Rule: Rule{Tau: 0.9, KMin: 1, KMax: 2}, VocabSize: 50, MaxSeqLen: 4, Sequences: 1}
	for name, c := range map[string]struct {
		break_ func(q *data.Sequence, u *loss.Subsets)
		want   string
	}{
		"too long":           {func(q *data.Sequence, u *loss.Subsets) { q.IDs = append(q.IDs, 1, 2) }, "5 tokens, want 1 to 4"},
		"vocabulary":         {func(q *data.Sequence, u *loss.Subsets) { q.IDs[0] = 50 }, "token 0: id 50 is outside the vocabulary of 50"},
		"target flags":       {func(q *data.Sequence, u *loss.Subsets) { q.Target = q.Target[1:] }, "2 target flags for 3 tokens"},
		"document start":     {func(q *data.Sequence, u *loss.Subsets) { q.DocStarts = []int32{1} }, "does not start at token 0"},
		"scored start":       {func(q *data.Sequence, u *loss.Subsets) { q.DocStarts = []int32{0, 1} }, "token 1 begins a document and carries loss"},
		"position":           {func(q *data.Sequence, u *loss.Subsets) { u.Rows[0] = 1 }, "token 1 carries loss, but position 0"},
		"positions":          {func(q *data.Sequence, u *loss.Subsets) { q.Target[2] = false }, "2 positions for 1 tokens"},
		"descending":         {func(q *data.Sequence, u *loss.Subsets) { u.IDs[0], u.IDs[1] = 8, 5 }, "id 5 after 8: want ascending"},
		"outside":            {func(q *data.Sequence, u *loss.Subsets) { u.IDs[1] = 50 }, "id 50 after 5"},
		"gold":               {func(q *data.Sequence, u *loss.Subsets) { u.Gold[0] = 1 }, "gold index 1 does not point at id 5"},
		"gold out of bounds": {func(q *data.Sequence, u *loss.Subsets) { u.Gold[1] = 3 }, "gold index 3"},
		"too many ids":       {func(q *data.Sequence, u *loss.Subsets) { u.IDs = []int32{1, 2, 3, 5, 9}; u.Offsets = []int32{0, 4, 5} }, "4 ids, want 1 to 3"},
		"empty":              {func(q *data.Sequence, u *loss.Subsets) { u.Offsets[1] = 0 }, "0 ids, want 1 to 3"},
		"mass":               {func(q *data.Sequence, u *loss.Subsets) { u.Mass[1] = 1.5 }, "covered mass 1.5"},
		"probability":        {func(q *data.Sequence, u *loss.Subsets) { u.LogProb[1] = 0.5 }, "log-probability 0.5"},
		"lengths":            {func(q *data.Sequence, u *loss.Subsets) { u.Mass = u.Mass[1:] }, "1 masses"},
	} {
		q := data.Sequence{IDs: []int32{7, 5, 9}, Target: []bool{false, true, true}, DocStarts: []int32{0}}
		u := loss.Subsets{
			Rows: []int32{0, 1}, Offsets: []int32{0, 2, 5}, IDs: []int32{5, 8, 1, 2, 9}, Gold: []int32{0, 2},
			LogProb: []float32{-1, -2, -3, -4, 1e-6}, Mass: []float32{0.75, 1}, Outside: []bool{true, true},
		}
		w, err := Create(filepath.Join(t.TempDir(), "a.replay"), h)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(1, q.With(&u)); err == nil || !strings.Contains(err.Error(), "out of order: want 0") {
			t.Errorf("sequence 1 first: error %v", err)
		}
		c.break_(&q, &u)
		if err := w.Append(0, q.With(&u)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
		w.Suspend()
	}
	h.Tau = 2
	if _, err := Create(filepath.Join(t.TempDir(), "a.replay"), h); err == nil || !strings.Contains(err.Error(), "header: tau: 2") {
		t.Errorf("tau 2: error %v", err)
	}
}

// Shards in any order merge to the file that one run writes, even if there are more shards than sequences.
func TestMerge(t *testing.T) {
	for _, compress := range []bool{false, true} {
		for _, shards := range []int{1, 2, 3, 7, 12} {
			r := invent(31, 7, 40, 500)
			r.h.Compress = compress
			want := r.bytes(t)
			r.h.Shards = shards
			var paths []string
			total := 0
			for _, i := range tensor.NewRNG(1, "shards", 0).Perm(shards) {
				r.h.Shard = i
				lo, hi := r.h.Range()
				total += hi - lo
				path := r.write(t)
				if err := Verify(path); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			if total != 7 {
				t.Errorf("%d shards hold %d sequences, want 7", shards, total)
			}
			out := filepath.Join(t.TempDir(), "merged.replay")
			if err := Merge(out, paths); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(contents(t, out), want) {
				t.Errorf("compress %v: %d shards: the merged file differs from one run's", compress, shards)
			}
		}
	}
}

func TestMergeErrors(t *testing.T) {
	r := invent(32, 6, 40, 500)
	r.h.Shards = 3
	var paths []string
	for i := range 3 {
		r.h.Shard = i
		paths = append(paths, r.write(t))
	}
	other := invent(33, 6, 40, 500)
	other.h.Shards, other.h.Shard = 3, 2
	damaged := contents(t, paths[1])
	damaged[len(damaged)/3] ^= 1
	out := filepath.Join(t.TempDir(), "merged.replay")
	for _, c := range []struct {
		out    string
		shards []string
		want   string
	}{
		{out, nil, "no shards given"},
		{out, paths[:2], "one of 3 shards, 2 files were given"},
		{out, []string{paths[0], paths[1], paths[0]}, "both shard 0"},
		{out, []string{paths[0], paths[1], other.write(t)}, "not of one recording (seed: 32 against 33)"},
		{out, []string{paths[0], put(t, damaged), paths[2]}, "the file is damaged"},
		{out, []string{paths[0], paths[1], filepath.Join(t.TempDir(), "absent")}, "absent"},
		{paths[2], paths, "it is one of the shards"},
	} {
		if err := Merge(c.out, c.shards); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Fatalf("%s: a failed merge left a file: %v", c.want, err)
		}
	}
}

// Verify finds errors that checksums cannot: files whose content contradicts their header.
func TestVerify(t *testing.T) {
	r := invent(41, 3, 30, 500)
	wrong := r
	wrong.h.DataDigest[0] ^= 1
	lacking := r
	lacking.h.Always = []int32{3, 0, 499}
	for _, c := range []struct {
		r    recording
		want string
	}{
		{wrong, "not the data that the header names"},
		{lacking, "lacks id 499"},
	} {
		if err := Verify(c.r.write(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	// Statistics that are not those of the sequences, with a correct checksum.
	b := r.bytes(t)
	tr, err := parseTrailer(b[len(b)-trailerSize:], int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	stat := b[tr.stats:tr.index]
	stat[sectionHead+8*5]++ // at_k_max
	copy(stat, section(nil, kindStats, 0, stat[sectionHead:len(stat)-4], len(stat)-sectionFrame))
	if err := Verify(put(t, b)); err == nil || !strings.Contains(err.Error(), "statistics: at_k_max") {
		t.Errorf("statistics: error %v", err)
	}
}
