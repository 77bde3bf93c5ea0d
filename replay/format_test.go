package replay

import (
	"bytes"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/asm"
	"reprise/data"
	"reprise/internal/exact"
	"reprise/loss"
	"reprise/tensor"
)

// rounded is a float32 as the file stores it.
func rounded(v float32) float32 {
	var half [1]uint16
	var out [1]float32
	asm.F16FromF32(half[:], []float32{v})
	asm.F32FromF16(out[:], half[:])
	return out[0]
}

// Appended sequences are read back in any order and with reused memory; only rounding to float16 changes them.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := invent(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(0, 6).Draw(rt, "sequences"), rapid.IntRange(2, 80).Draw(rt, "max_seq_len"), rapid.IntRange(30, 70000).Draw(rt, "vocabulary"))
		r.h.Compress = rapid.Bool().Draw(rt, "compress")
		r.h.CrossDocument = rapid.Bool().Draw(rt, "cross")
		path := r.write(t)
		if err := Verify(path); err != nil {
			rt.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer f.Close()
		h := f.Header()
		if d := h.difference(&r.h, false); d != "" || f.Len() != len(r.seqs) {
			rt.Fatalf("header: %s; %d sequences, want %d", d, f.Len(), len(r.seqs))
		}
		var s data.Sequence
		for _, i := range tensor.NewRNG(1, "order", 0).Perm(len(r.seqs)) {
			if err := f.Sequence(i, &s); err != nil {
				rt.Fatal(err)
			}
			same(rt, &s, &r.seqs[i], &r.subs[i])
		}
		i := 0
		for s, err := range f.All() {
			if err != nil {
				rt.Fatal(err)
			}
			same(rt, s, &r.seqs[i], &r.subs[i])
			i++
		}
		if i != len(r.seqs) {
			rt.Fatalf("All gave %d sequences, want %d", i, len(r.seqs))
		}
	})
}

func same(t *rapid.T, s *data.Sequence, q *data.Sequence, u *loss.Subsets) {
	v := s.Subsets
	if !slices.Equal(s.IDs, q.IDs) || !slices.Equal(s.Target, q.Target) || !slices.Equal(s.DocStarts, q.DocStarts) ||
		!slices.Equal(v.Rows, u.Rows) || !slices.Equal(v.Offsets, u.Offsets) || !slices.Equal(v.IDs, u.IDs) ||
		!slices.Equal(v.Gold, u.Gold) || !slices.Equal(v.Outside, u.Outside) {
		t.Fatalf("read %+v\nwrote %+v %+v", s, q, u)
	}
	for i, l := range v.LogProb {
		if l != rounded(u.LogProb[i]) {
			t.Fatalf("log-probability %g became %g, want %g", u.LogProb[i], l, rounded(u.LogProb[i]))
		}
	}
	for i, m := range v.Mass {
		if m != 1-rounded(1-u.Mass[i]) {
			t.Fatalf("mass %g became %g, want %g", u.Mass[i], m, 1-rounded(1-u.Mass[i]))
		}
	}
}

// The summary has the same counts as a simple loop over the sequences.
func TestSummary(t *testing.T) {
	h := Header{Rule: Rule{Tau: 0.9, KMin: 1, KMax: 2}, VocabSize: 50, MaxSeqLen: 8, Sequences: 1}
	q := data.Sequence{IDs: []int32{7, 5, 9, 5}, Target: []bool{false, true, false, true}, DocStarts: []int32{0, 2}}
	u := loss.Subsets{
		Rows: []int32{0, 2}, Offsets: []int32{0, 2, 5}, IDs: []int32{5, 8, 1, 2, 5}, Gold: []int32{0, 2},
		LogProb: []float32{-1, -2, -3, -4, -5}, Mass: []float32{0.75, 1}, Outside: []bool{true, true},
	}
	h.DataDigest = data.Digest([]data.Sequence{q})
	path := recording{h: h, seqs: []data.Sequence{q}, subs: []loss.Subsets{u}}.write(t)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := f.Summary()
	want := Summary{Sequences: 1, Documents: 2, Tokens: 4, Positions: 2, IDs: 5, MeanSubset: 2.5, Coverage: 0.875, AtKMax: 0.5, GoldOutside: 1, Bytes: int64(len(contents(t, path)))}
	if got != want {
		t.Errorf("summary %+v\nwant    %+v", got, want)
	}
	counts := f.GoldCounts(50)
	for id, n := range counts {
		if want := int64(0); id == 5 && n != 2 || id != 5 && n != want {
			t.Errorf("id %d is gold %d times", id, n)
		}
	}
}

// Every flipped bit and every shorter file is detected, wherever it is.
func TestEveryFlipIsDetected(t *testing.T) {
	for i, r := range []recording{invent(5, 3, 12, 500), invent(5, 3, 12, 500), rehearsing(6, 2, 2, 1, 12, 500), rehearsing(7, 1, 2, 2, 12, 500)} {
		compress := i%2 == 1
		r.h.Compress = compress
		if compress {
			repetitive(&r)
		}
		b := r.bytes(t)
		if compress && len(r.packs) > 0 && !bytes.Contains(b, kindOwnPacked[:]) {
			t.Errorf("record %d: no compressed pack in it", i)
		}
		path := put(t, b)
		if err := Verify(path); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for at := range b {
			for bit := range 8 {
				if _, err := f.WriteAt([]byte{b[at] ^ 1<<bit}, int64(at)); err != nil {
					t.Fatal(err)
				}
				if err := Verify(path); err == nil {
					t.Errorf("record %d: bit %d of byte %d of %d: not noticed", i, bit, at, len(b))
				} else if !strings.Contains(err.Error(), path) {
					t.Errorf("the error does not name the file: %v", err)
				}
			}
			f.WriteAt(b[at:at+1], int64(at))
		}
		for n := len(b) - 1; n >= 0; n-- {
			if err := f.Truncate(int64(n)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path); err == nil {
				t.Errorf("record %d: cut to %d of %d bytes: not noticed", i, n, len(b))
			}
		}
		if _, err := Open(put(t, append(b, 0))); err == nil {
			t.Errorf("a byte after the end: not noticed")
		}
	}
}

// repetitive makes sequences that compress.
func repetitive(r *recording) {
	for _, u := range slices.Concat(r.subs, r.packSubs) {
		for k := range u.LogProb {
			u.LogProb[k] = -1
		}
	}
}

// Errors name the file, the problem and the remedy.
func TestOpenErrors(t *testing.T) {
	b := invent(1, 2, 12, 500).bytes(t)
	future := slices.Clone(b)
	future[8] = newest + 1
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "truncated"},
		{"another file", []byte("{\"text\": 1, and so on}"), "not a record: the first bytes are not REPLAY; replay.Record makes one"},
		{"version", future, "record version 3, this program knows 1 to 2"},
		{"unfinished", b[:len(b)-1], "the end of a record is missing: the file is truncated, damaged, or not finished; copy it again, or resume"},
		{"head only", b[:20], "truncated"},
	} {
		path := put(t, c.b)
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "replay: opening "+path) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("absent file: no error")
	}
}

// A malicious file with correct checksums: no panic, no memory beyond the bound, and sequences that are returned without
// an error can be indexed safely.
func TestHostile(t *testing.T) {
	r := invent(9, 2, 40, 500)
	var c codec
	payloads := [][]byte{nil, {0}, {1, 1, 0, 5, 1, 0}}
	for i := range r.seqs {
		payloads = append(payloads, c.encode(nil, r.seqs[i].With(&r.subs[i])))
	}
	rng := tensor.NewRNG(3, "hostile", 0)
	var s data.Sequence
	accepted := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	total := 0
	for range 200000 {
		p := slices.Clone(payloads[rng.Intn(len(payloads))])
		for range 1 + rng.Intn(3) {
			switch {
			case len(p) == 0 || rng.Intn(8) == 0:
				p = append(p, byte(rng.Uint32()))
			case rng.Intn(8) == 0:
				p = p[:rng.Intn(len(p))]
			case rng.Intn(2) == 0:
				p[rng.Intn(min(8, len(p)))] = byte(rng.Uint32())
			default:
				p[rng.Intn(len(p))] = byte(rng.Uint32())
			}
		}
		total += len(p)
		if c.decode(p, &r.h, &s) == nil {
			accepted++
			if err := c.check(&r.h, &s); err != nil {
				t.Fatalf("%x: accepted, but %v", p, err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(16*total) {
		t.Errorf("%d bytes allocated for %d bytes of payload", got, total)
	}
	t.Logf("%d of 200000 altered payloads were still sound", accepted)
}

// A log-probability above 0 in a file is an error. The writer stores 0 in place of one that comes from the recorder's rounding.
func TestLogProbabilitiesOfAFile(t *testing.T) {
	r := tiny()
	r.subs[0].LogProb[0] = maxLogProb / 2
	var c codec
	var s data.Sequence
	p := c.encode(nil, r.seqs[0].With(&r.subs[0]))
	if err := c.decode(p, &r.h, &s); err != nil || s.Subsets.LogProb[0] != 0 {
		t.Fatalf("log-probability %g, %v; want 0", s.Subsets.LogProb[0], err)
	}
	first := len(p) - 2*(len(r.subs[0].IDs)+len(r.subs[0].Rows))
	le.PutUint16(p[first:], 0x1000) // 2⁻¹¹
	if err := c.decode(p, &r.h, &s); err == nil {
		t.Errorf("a file's log-probability of %g is accepted", s.Subsets.LogProb[0])
	}
}

// The same for whole files: every section is altered, and its checksum recomputed.
func TestHostileFiles(t *testing.T) {
	for _, r := range []recording{invent(11, 3, 12, 500), rehearsing(12, 2, 2, 1, 12, 500)} {
		hostileFiles(t, r.bytes(t))
	}
}

func hostileFiles(t *testing.T, b []byte) {
	rng := tensor.NewRNG(4, "hostile", 0)
	_, head, err := parseHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	spans := [][2]int{{0, head}}
	for at := head; at < len(b)-trailerSize; {
		n := sectionFrame + int(le.Uint32(b[at+8:]))
		spans = append(spans, [2]int{at, at + n})
		at += n
	}
	spans = append(spans, [2]int{len(b) - trailerSize, len(b)})
	dir := t.TempDir()
	path := filepath.Join(dir, "h.replay")
	for range 1000 {
		p := slices.Clone(b)
		span := spans[rng.Intn(len(spans))]
		part := p[span[0]:span[1]]
		for range 1 + rng.Intn(2) {
			part[rng.Intn(len(part)-4)] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(rng.Uint32())}[rng.Intn(6)]
		}
		le.PutUint32(part[len(part)-4:], crc32.Checksum(part[:len(part)-4], castagnoli))
		if err := os.WriteFile(path, p, 0o644); err != nil {
			t.Fatal(err)
		}
		Verify(path) // an altered seed is not an error, so only a panic is a failure here
	}
}

// A compressed section cannot claim more than 256 times its size.
func TestCompressionBomb(t *testing.T) {
	r := invent(2, 1, 12, 500)
	un := unpacker{h: &r.h}
	frame := section(nil, kindCompressed, 0, make([]byte, 100), maxExpansion*100+1)
	var s data.Sequence
	if err := un.open(frame, 0, &s); err != errPayload || un.raw != nil {
		t.Errorf("error %v, buffer of %d bytes", err, cap(un.raw))
	}
}

// Reading allocates nothing once its buffers exist.
func TestReadingAllocatesNothing(t *testing.T) {
	for _, compress := range []bool{false, true} {
		r := invent(5, 4, 60, 500)
		r.h.Compress = compress
		repetitive(&r)
		f, err := Open(r.write(t))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var s data.Sequence
		pass := func() {
			for i := range f.Len() {
				if err := f.Sequence(i, &s); err != nil {
					t.Fatal(err)
				}
			}
		}
		pass()
		if n := testing.AllocsPerRun(20, pass); n > 0 {
			t.Errorf("compress %v: %v allocations per pass, want 0", compress, n)
		}
	}
}

// The size of a recorded id before compression: two bytes for its log-probability and, with a vocabulary of 32,000 and 32 to 64
// ids distributed as in natural text, one to two bytes for its distance from the id before it.
func TestBytesPerID(t *testing.T) {
	h := Header{Rule: Rule{Tau: 0.95, KMin: 32, KMax: 64}, VocabSize: 32000, MaxSeqLen: 512, Sequences: 1}
	rng := tensor.NewRNG(1, "size", 0)
	q := data.Sequence{DocStarts: []int32{0}}
	for i := range 512 {
		q.IDs = append(q.IDs, zipf(rng, h.VocabSize))
		q.Target = append(q.Target, i > 0)
	}
	u := loss.Subsets{Offsets: []int32{0}}
	for t := range 511 {
		set := map[int32]bool{q.IDs[t+1]: true}
		for len(set) < 32+rng.Intn(33) {
			set[zipf(rng, h.VocabSize)] = true
		}
		ids := make([]int32, 0, len(set))
		for id := range set {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		u.Rows, u.Gold = append(u.Rows, int32(t)), append(u.Gold, int32(slices.Index(ids, q.IDs[t+1])))
		u.IDs, u.Offsets = append(u.IDs, ids...), append(u.Offsets, int32(len(u.IDs)+len(ids)))
		u.Mass, u.Outside = append(u.Mass, 0.95), append(u.Outside, false)
		for range ids {
			u.LogProb = append(u.LogProb, float32(-10*rng.Float64()))
		}
	}
	h.DataDigest = data.Digest([]data.Sequence{q})
	size := len(recording{h: h, seqs: []data.Sequence{q}, subs: []loss.Subsets{u}}.bytes(t))
	per := float64(size) / float64(len(u.IDs))
	t.Logf("%d ids in %d bytes: %.2f bytes per id, tokens and all else included", len(u.IDs), size, per)
	if per > 3.5 {
		t.Errorf("%.2f bytes per id, want at most 3.5", per)
	}
}

// zipf draws an id whose probability falls as 1/(id+3).
func zipf(rng *tensor.RNG, vocab int) int32 {
	v := 3 * exact.Pow(float64(vocab)/3, rng.Float64())
	return int32(math.Min(v-3, float64(vocab-1)))
}
