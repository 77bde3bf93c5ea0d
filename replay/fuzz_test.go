package replay

import (
	"bytes"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// FuzzReader reads whole files that were altered and whose checksums were recomputed, so that the checks after the checksums are
// reached. There must be no panic and no memory beyond the bound of docs/FORMAT.md. The seeds run with every test; for more:
//
//	go test ./replay -run '^$' -fuzz FuzzReader -fuzztime 200000x
func FuzzReader(f *testing.F) {
	for i, compress := range []bool{false, true} {
		r := invent(uint64(50+i), 3, 12, 500)
		r.h.Compress = compress
		repetitive(&r)
		f.Add(r.bytes(f))
	}
	for i, compress := range []bool{false, true} {
		r := rehearsing(uint64(53+i), 2, 2, 1, 12, 500)
		r.h.Compress = compress
		repetitive(&r)
		f.Add(r.bytes(f))
	}
	f.Add(tiny().bytes(f))
	empty := invent(52, 0, 12, 500)
	f.Add(empty.bytes(f))
	f.Add([]byte("REPLAY\r\n"))
	path := filepath.Join(f.TempDir(), "f.replay")
	f.Fuzz(func(t *testing.T, b []byte) {
		mend(b)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Verify(path)
		_, report, inspectErr := Inspect(path)
		runtime.ReadMemStats(&after)
		if err == nil && (inspectErr != nil || report.Bytes != int64(len(b)) || math.IsNaN(report.Entropy)) {
			t.Errorf("verified, but inspecting gives %+v, %v", report, inspectErr)
		}
		limit := 2<<20 + 2*(32+16)*len(b) // both read the file
		if bytes.Contains(b, kindCompressed[:]) {
			limit += 16<<20 + 2*(16+1)*maxExpansion*len(b) // and the memory of the decoder itself
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(limit) {
			t.Errorf("%d bytes allocated for a file of %d", got, len(b))
		}
	})
}

// mend recomputes the checksums of header, sections and trailer as far as their lengths make sense.
func mend(b []byte) {
	sum := func(part []byte) {
		le.PutUint32(part[len(part)-4:], crc32.Checksum(part[:len(part)-4], castagnoli))
	}
	if len(b) < 20+trailerSize {
		return
	}
	end := len(b) - trailerSize
	sum(b[end:])
	at := 16 + int(le.Uint32(b[12:])) + 4
	if at > end || at < 20 {
		return
	}
	sum(b[:at])
	for end-at >= sectionFrame {
		n := sectionFrame + int(le.Uint32(b[at+8:]))
		if n > end-at {
			return
		}
		sum(b[at : at+n])
		at += n
	}
}

// TestStreamingMemory reads a record that is much larger than the allowed memory, because only one sequence at a time is in memory.
func TestStreamingMemory(t *testing.T) {
	r := invent(60, 600, 200, 500)
	path := r.write(t)
	size := len(contents(t, path))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Verify(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Inspect(path); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	got := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes allocated to read %d bytes twice", got, size)
	if got > uint64(size)/2 {
		t.Errorf("%d bytes allocated to read a file of %d", got, size)
	}
}
