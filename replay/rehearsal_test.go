package replay

import (
	"bytes"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/data"
	"reprise/loss"
	"reprise/tensor"
)

// The model's own text is read back, the packs that are trained on apart from the held-out ones. Everything that is the domain's is
// what it is without such text.
func TestRehearsalRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		packs, gauge := rapid.IntRange(0, 5).Draw(rt, "packs"), rapid.IntRange(1, 4).Draw(rt, "gauge")
		r := rehearsing(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(0, 4).Draw(rt, "sequences"), packs, gauge,
			rapid.IntRange(2, 60).Draw(rt, "max_seq_len"), rapid.IntRange(30, 70000).Draw(rt, "vocabulary"))
		r.h.Compress = rapid.Bool().Draw(rt, "compress")
		if rapid.Bool().Draw(rt, "start") {
			r.h.Rehearsal.Start = Start{ID: 3}
		}
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
		if d := h.difference(&r.h, false); d != "" || !reflect.DeepEqual(h.Rehearsal, r.h.Rehearsal) || h.Config != r.h.Config {
			rt.Fatalf("header: %s\n%+v\n%+v", d, h.Rehearsal, r.h.Rehearsal)
		}
		if f.Len() != len(r.seqs) || f.Rehearsed() != packs || f.Gauged() != gauge {
			rt.Fatalf("%d sequences, %d packs, %d of the gauge; want %d, %d, %d", f.Len(), f.Rehearsed(), f.Gauged(), len(r.seqs), packs, gauge)
		}
		var s data.Sequence
		for _, i := range tensor.NewRNG(1, "order", 0).Perm(packs) {
			if err := f.RehearsalPack(i, &s); err != nil {
				rt.Fatal(err)
			}
			same(rt, &s, &r.packs[i], &r.packSubs[i])
		}
		for i := range gauge {
			if err := f.GaugePack(i, &s); err != nil {
				rt.Fatal(err)
			}
			same(rt, &s, &r.packs[packs+i], &r.packSubs[packs+i])
		}
		for i := range r.seqs {
			if err := f.Sequence(i, &s); err != nil {
				rt.Fatal(err)
			}
			same(rt, &s, &r.seqs[i], &r.subs[i])
		}
		if f.RehearsalDigest() != data.Digest(r.packs) {
			rt.Fatal("the digest is not that of the packs")
		}

		domain, own := r, r
		domain.h.Rehearsal = nil
		own.h.Rehearsal, own.h.Rule = nil, r.h.Rehearsal.Rule
		own.seqs, own.subs = r.packs[:packs], r.packSubs[:packs]
		own.h.Sequences, own.h.DataDigest = packs, data.Digest(own.seqs)
		d, err1 := Open(domain.write(t))
		o, err2 := Open(own.write(t))
		if err1 != nil || err2 != nil {
			rt.Fatal(err1, err2)
		}
		defer d.Close()
		defer o.Close()
		for _, c := range []struct {
			what   string
			a, b   Summary
			ga, gb []int64
		}{
			{"domain", f.Summary(), d.Summary(), f.GoldCounts(500), d.GoldCounts(500)},
			{"own text", f.RehearsalSummary(), o.Summary(), f.RehearsalGoldCounts(500), o.GoldCounts(500)},
		} {
			c.a.Bytes, c.b.Bytes = 0, 0
			if c.a != c.b || !slices.Equal(c.ga, c.gb) {
				rt.Fatalf("%s: counts %+v, a record of it alone has %+v", c.what, c.a, c.b)
			}
		}
	})
}

// A record without the model's own text has none, whatever its version.
func TestNoRehearsal(t *testing.T) {
	r := invent(3, 2, 12, 500)
	with := r
	with.h.Config = "c0"
	for version, r := range map[uint32]recording{1: r, 2: with} {
		b := r.bytes(t)
		if got := le.Uint32(b[8:]); got != version {
			t.Errorf("version %d, want %d", got, version)
		}
		f, err := Open(put(t, b))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Rehearsed() != 0 || f.Gauged() != 0 || f.RehearsalSummary() != (Summary{}) || slices.Max(f.RehearsalGoldCounts(500)) != 0 {
			t.Errorf("version %d: %d packs, %d of the gauge, %+v", version, f.Rehearsed(), f.Gauged(), f.RehearsalSummary())
		}
	}
}

// Shards in any order merge to the file that one run writes: all sequences, then all packs.
func TestMergeRehearsal(t *testing.T) {
	for _, compress := range []bool{false, true} {
		for _, shards := range []int{1, 2, 5, 12} {
			r := rehearsing(31, 7, 6, 3, 40, 500)
			r.h.Compress = compress
			want := r.bytes(t)
			r.h.Shards = shards
			var paths []string
			packs, gauge := 0, 0
			for _, i := range tensor.NewRNG(1, "shards", 0).Perm(shards) {
				r.h.Shard = i
				path := r.write(t)
				if err := Verify(path); err != nil {
					t.Fatal(err)
				}
				f, err := Open(path)
				if err != nil {
					t.Fatal(err)
				}
				packs, gauge = packs+f.Rehearsed(), gauge+f.Gauged()
				f.Close()
				paths = append(paths, path)
			}
			if packs != 6 || gauge != 3 {
				t.Errorf("%d shards hold %d packs and %d of the gauge, want 6 and 3", shards, packs, gauge)
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

// Shards with other rehearsal, or of another version, are not of one recording, and the error names what differs.
func TestRehearsalDiffers(t *testing.T) {
	r := rehearsing(32, 4, 4, 2, 12, 500)
	r.h.Shards = 2
	first := r.write(t)
	r.h.Shard = 1
	kept := *r.h.Rehearsal
	for want, change := range map[string]func(h *Header){
		"rehearsal: 4 packs and 2 of the gauge against none":                       func(h *Header) { h.Rehearsal = nil },
		"rehearsal: 4 packs and 2 of the gauge against 3 packs and 3 of the gauge": func(h *Header) { h.Rehearsal.Packs, h.Rehearsal.Gauge = 3, 3 },
		"rehearsal's start: after 32 ids that are thrown away against with id 5":   func(h *Header) { h.Rehearsal.Start = Start{ID: 5} },
		"rehearsal's stop: [2 1] against [2]":                                      func(h *Header) { h.Rehearsal.Stop = []int32{2} },
		"rehearsal's temperature: 1 against 0.97":                                  func(h *Header) { h.Rehearsal.Temperature = 0.97 },
		"rehearsal's prompts: 010203":                                              func(h *Header) { h.Rehearsal.Prompts = [32]byte{9} },
		"rehearsal's chat: 0.5 against 0":                                          func(h *Header) { h.Rehearsal.Chat = 0 },
		"rehearsal's tau: 0.9 against 0.8":                                         func(h *Header) { h.Rehearsal.Tau = 0.8 },
		"rehearsal's k_min: 3 against 2":                                           func(h *Header) { h.Rehearsal.KMin = 2 },
		"rehearsal's k_max: 9 against 10":                                          func(h *Header) { h.Rehearsal.KMax = 10 },
		"rehearsal's always: [7] against [7 7]":                                    func(h *Header) { h.Rehearsal.Always = []int32{7, 7} },
		"rehearsal's seed: 33 against 34":                                          func(h *Header) { h.Rehearsal.Seed = 34 },
		"rehearsal's base model: b5 against b6":                                    func(h *Header) { h.Rehearsal.BaseModel = "b6" },
		"configuration: c0 against c1":                                             func(h *Header) { h.Config = "c1" },
		"configuration: c0 against ":                                               func(h *Header) { h.Config = "" },
	} {
		other, rehearsal := r, kept
		other.h.Rehearsal = &rehearsal
		change(&other.h)
		err := Merge(filepath.Join(t.TempDir(), "m"), []string{first, other.write(t)})
		if err == nil || !strings.Contains(err.Error(), "not of one recording ("+want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if n, want := reflect.TypeFor[Rehearsal]().NumField(), 10; n != want {
		t.Errorf("Rehearsal has %d fields: the cases above know %d", n, want)
	}
}

// An interrupted recording keeps whole packs, wherever it stopped.
func TestResumeRehearsal(t *testing.T) {
	for _, compress := range []bool{false, true} {
		r := rehearsing(21, 3, 4, 2, 20, 500)
		r.h.Compress = compress
		want := r.bytes(t)
		rapid.Check(t, func(rt *rapid.T) {
			path := filepath.Join(t.TempDir(), "r.replay")
			stop := rapid.IntRange(0, 9).Draw(rt, "stop")
			w, _, err := Resume(path, r.h)
			if err != nil {
				rt.Fatal(err)
			}
			r.append(t, w, 0, min(stop, 3))
			r.rehearse(t, w, 0, max(stop-3, 0))
			if err := w.Suspend(); err != nil {
				rt.Fatal(err)
			}
			b := contents(t, path+".partial")
			if rapid.Bool().Draw(rt, "damage") {
				b[rapid.IntRange(0, len(b)-1).Draw(rt, "byte")] ^= 0x10
			} else {
				b = b[:rapid.IntRange(0, len(b)).Draw(rt, "cut")]
			}
			if err := os.WriteFile(path+".partial", b, 0o644); err != nil {
				rt.Fatal(err)
			}
			w, done, err := Resume(path, r.h)
			if err != nil {
				rt.Fatal(err)
			}
			kept := w.Rehearsed()
			if kept > 0 && done < 3 || done+kept > stop {
				rt.Fatalf("%d sequences and %d packs are kept of %d", done, kept, stop)
			}
			r.append(t, w, done, 3)
			r.rehearse(t, w, kept, 6)
			if err := w.Close(); err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(contents(t, path), want) {
				rt.Fatal("the resumed record differs from one run's")
			}
		})
	}
	// The end was written, but the file has not got its name.
	r := rehearsing(22, 3, 4, 2, 20, 500)
	want := r.bytes(t)
	path := filepath.Join(t.TempDir(), "r.replay")
	if err := os.WriteFile(path+".partial", want, 0o644); err != nil {
		t.Fatal(err)
	}
	w, done, err := Resume(path, r.h)
	if err != nil || done != 3 || w.Rehearsed() != 6 {
		t.Fatalf("%d sequences and %d packs kept, %v; want 3 and 6", done, w.Rehearsed(), err)
	}
	if err := w.Close(); err != nil || !bytes.Equal(contents(t, path), want) {
		t.Fatalf("differs from one run's, or %v", err)
	}
}

// Packs come after the sequences, in order, and all of them; they are held to the rule of their own.
func TestRehearseErrors(t *testing.T) {
	r := rehearsing(23, 2, 2, 1, 20, 500)
	path := filepath.Join(t.TempDir(), "r.replay")
	w, err := Create(path, r.h)
	if err != nil {
		t.Fatal(err)
	}
	try := func(i, k int, want string) {
		t.Helper()
		if err := w.Rehearse(i, r.packs[k].With(&r.packSubs[k])); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	r.append(t, w, 0, 1)
	try(0, 0, "rehearsal pack 0: out of order: sequence 1 of 0 to 1 comes first")
	r.append(t, w, 1, 2)
	try(1, 1, "out of order: want 0 of 0 to 2")
	long := r.packs[0]
	long.IDs = append(slices.Clone(long.IDs), make([]int32, 20)...)
	if err := w.Rehearse(0, long.With(&r.packSubs[0])); err == nil || !strings.Contains(err.Error(), "tokens, want 1 to 20") {
		t.Errorf("a long pack: %v", err)
	}
	r.rehearse(t, w, 0, 2)
	if err := w.Append(2, r.seqs[0].With(&r.subs[0])); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("a sequence after packs: %v", err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "holds 2 of 2 sequences and 2 of 3 rehearsal packs; resume") {
		t.Errorf("closing with a pack missing: %v", err)
	}
	plain := invent(24, 1, 20, 500)
	if w, err = Create(path, plain.h); err != nil {
		t.Fatal(err)
	}
	plain.append(t, w, 0, 1)
	try(0, 0, "out of order: want 0 of 0 to -1")
	w.Suspend()

	narrow := r
	rehearsal := *r.h.Rehearsal
	rehearsal.KMax, rehearsal.KMin, rehearsal.Always = 3, 3, nil
	narrow.h.Rehearsal = &rehearsal
	if w, err = Create(path, narrow.h); err != nil {
		t.Fatal(err)
	}
	narrow.append(t, w, 0, 2)
	wide := slices.IndexFunc(r.packSubs, func(u loss.Subsets) bool { return len(u.IDs) > 4*len(u.Rows) })
	for i := range wide {
		r.packs[i], r.packSubs[i] = r.packs[wide], r.packSubs[wide]
	}
	try(0, wide, "ids, want 1 to 4")
	w.Suspend()
}

// Numbers in a header that make no sense are refused, before a file is written and when one is read.
func TestRehearsalHeader(t *testing.T) {
	for want, change := range map[string]func(r *Rehearsal){
		"packs: 0 to be trained on and 0 of the gauge": func(r *Rehearsal) { r.Packs, r.Gauge = 0, 0 },
		"packs: -1":                               func(r *Rehearsal) { r.Packs = -1 },
		"packs: 268435456":                        func(r *Rehearsal) { r.Packs = maxSequences },
		"start: id 500 is outside":                func(r *Rehearsal) { r.Start = Start{ID: 500} },
		"start: id -2 is outside":                 func(r *Rehearsal) { r.Start = Start{ID: -2} },
		"start: 32 ids are thrown away and id 3":  func(r *Rehearsal) { r.Start.ID = 3 },
		"start: 0 ids are thrown away, want 1 to": func(r *Rehearsal) { r.Start.BurnIn = 0 },
		"stop: id 500":                            func(r *Rehearsal) { r.Stop = []int32{1, 500} },
		"stop: 1025 ids":                          func(r *Rehearsal) { r.Stop = make([]int32, maxStop+1) },
		"temperature: 0":                          func(r *Rehearsal) { r.Temperature = 0 },
		"chat: 1.5":                               func(r *Rehearsal) { r.Chat = 1.5 },
		"base model: 256 bytes":                   func(r *Rehearsal) { r.BaseModel = strings.Repeat("b", 256) },
		"tau: 0":                                  func(r *Rehearsal) { r.Tau = 0 },
		"k_min, k_max: 10 and 9":                  func(r *Rehearsal) { r.KMin = 10 },
		"always: id -1":                           func(r *Rehearsal) { r.Always = []int32{-1} },
		"always: 1025 ids":                        func(r *Rehearsal) { r.Always = make([]int32, maxAlways+1) },
	} {
		r := rehearsing(24, 1, 1, 1, 20, 500)
		change(r.h.Rehearsal)
		if _, err := Create(filepath.Join(t.TempDir(), "r"), r.h); err == nil || !strings.Contains(err.Error(), "header: rehearsal: "+want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if _, _, err := parseHeader(r.h.append(nil)); err == nil && r.h.Rehearsal.BaseModel == "b5" {
			t.Errorf("%s: read without an error", want)
		}
	}
}

// withField inserts a tagged field into a header and mends its length and checksum.
func withField(b []byte, at int, tag byte, value string) []byte {
	f := append(le.AppendUint32([]byte{tag}, uint32(len(value))), value...)
	b = slices.Insert(slices.Clone(b), at, f...)
	le.PutUint32(b[12:], le.Uint32(b[12:])+uint32(len(f)))
	return resum(b)
}

func resum(b []byte) []byte {
	end := 16 + int(le.Uint32(b[12:]))
	le.PutUint32(b[end:], crc32.Checksum(b[:end], castagnoli))
	return b
}

// A later program may add fields. Those that are not critical are passed over, and copied; a critical one is refused.
func TestFieldsOfLaterPrograms(t *testing.T) {
	h, plain := rehearsing(25, 1, 1, 1, 20, 500).h, invent(1, 1, 20, 500).h
	b, old := h.append(nil), plain.append(nil)
	end := len(b) - 4
	got, size, err := parseHeader(withField(b, end, 3, "later"))
	if err != nil || size != len(b)+10 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if !bytes.Equal(got.append(nil), withField(b, end, 3, "later")) {
		t.Error("a field that is passed over is not copied")
	}
	if d := got.Difference(&h); !strings.HasPrefix(d, "fields of a later program") {
		t.Errorf("difference %q", d)
	}
	_, _, err = parseHeader(withField(b, end, 3|critical, "later"))
	if err == nil || !strings.Contains(err.Error(), "field 3 is unknown to this program") || !strings.Contains(err.Error(), "use the program that wrote the record or a later one") {
		t.Errorf("a critical field: %v", err)
	}
	for what, b := range map[string][]byte{
		"twice":           withField(b, end, 2, "x"),
		"number 0":        withField(b, end, 0, "x"),
		"an empty config": withField(old, len(old)-4, tagConfig, ""),
		"a long config":   withField(old, len(old)-4, tagConfig, strings.Repeat("c", 256)),
		"trailing bytes":  resum(append(le.AppendUint32(slices.Clone(b[:12]), le.Uint32(b[12:])+1), append(b[16:end:end], 9, 0, 0, 0, 0)...)),
		"cut": func() []byte {
			c := slices.Clone(b)
			le.PutUint32(c[12:], le.Uint32(c[12:])-5)
			return resum(c)
		}(),
		"version 1 with fields":    resum(append(le.AppendUint32(slices.Clone(b[:8]), 1), b[12:]...)),
		"version 2 without fields": resum(append(le.AppendUint32(slices.Clone(old[:8]), 2), old[12:]...)),
	} {
		if _, _, err := parseHeader(b); err == nil || !strings.Contains(err.Error(), "contradict each other") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Verify finds packs that contradict the header or the statistics, although every checksum is right.
func TestVerifyRehearsal(t *testing.T) {
	r := rehearsing(41, 2, 2, 1, 20, 500)
	lacking := r
	rehearsal := *r.h.Rehearsal
	rehearsal.Always = []int32{7, 499}
	lacking.h.Rehearsal = &rehearsal
	if err := Verify(lacking.write(t)); err == nil || !strings.Contains(err.Error(), "rehearsal pack 0: position 0 lacks id 499") {
		t.Errorf("always: %v", err)
	}
	b := r.bytes(t)
	tr, err := parseTrailer(b[len(b)-trailerSize:], int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	from := int(tr.stats) + sectionFrame + int(le.Uint32(b[tr.stats+8:]))
	for want, change := range map[string]func(stat []byte){
		"statistics: rehearsal: documents":                                  func(stat []byte) { stat[8]++ },
		"statistics: rehearsal: they count 3 packs and 1 of the gauge, the": func(stat []byte) { stat[0]++ },
		"statistics: rehearsal: the packs are not the text":                 func(stat []byte) { stat[len(stat)-1]++ },
	} {
		b := slices.Clone(b)
		stat := b[from:tr.index]
		change(stat[sectionHead : len(stat)-4])
		copy(stat, section(nil, kindOwnStats, 0, stat[sectionHead:len(stat)-4], len(stat)-sectionFrame))
		if err := Verify(put(t, b)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// testdata/version1.replay was written by the last program before version 2. Such a record is read, merged and finished as what it is,
// also by a job that would now name the configuration.
func TestVersion1(t *testing.T) {
	old := filepath.Join("testdata", "version1.replay")
	r := invent(90, 4, 20, 500)
	r.h.Compress = true
	repetitive(&r)
	want := contents(t, old)
	if got := r.bytes(t); !bytes.Equal(got, want) {
		t.Error("a record without anything of version 2 differs from one of version 1")
	}
	if err := Verify(old); err != nil {
		t.Fatal(err)
	}
	h, report, err := Inspect(old)
	if err != nil || h.Config != "" || h.Rehearsal != nil || report.Rehearsal != nil || report.Sequences != 4 {
		t.Errorf("%+v %+v %v", h, report, err)
	}
	out := filepath.Join(t.TempDir(), "merged.replay")
	if err := Merge(out, []string{old}); err != nil || !bytes.Equal(contents(t, out), want) {
		t.Errorf("merging it alone gives another file, or %v", err)
	}
	now := r.h
	now.Config = "c0"
	if done, s, err := finished(old, &now); !done || err != nil || s.Sequences != 4 {
		t.Errorf("finished: %v, %+v, %v", done, s, err)
	}
	for cut := 0; cut < len(want); cut += 23 {
		path := filepath.Join(t.TempDir(), "r.replay")
		if err := os.WriteFile(path+".partial", want[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		w, done, err := Resume(path, now)
		if err != nil {
			t.Fatal(err)
		}
		r.append(t, w, done, 4)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		version, config := uint32(1), ""
		if _, _, err := parseHeader(want[:cut]); err != nil { // not even the header was there
			version, config = 2, "c0"
		}
		got := contents(t, path)
		if h := w.Header(); le.Uint32(got[8:]) != version || h.Config != config || version == 1 && !bytes.Equal(got, want) {
			t.Fatalf("cut at %d: version %d, want %d, and the bytes of the finished file", cut, got[8], version)
		}
	}
	path := filepath.Join(t.TempDir(), "r.replay")
	if err := os.WriteFile(path+".partial", want[:300], 0o644); err != nil {
		t.Fatal(err)
	}
	now.Rehearsal = rehearsing(1, 1, 2, 1, 20, 500).h.Rehearsal
	if _, _, err := Resume(path, now); err == nil || !strings.Contains(err.Error(), "rehearsal: none against 2 packs and 1 of the gauge") {
		t.Errorf("resuming it with rehearsal: %v", err)
	}
}
