package checkpoint

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// seeds are whole files and damaged ones.
func seeds(t testing.TB) [][]byte {
	list := [][]byte{
		encode(t),
		encode(t, Tensor{Name: "w", DType: F16, Shape: []int{3, 5}, Data: ramp(15)}),
		encode(t, Tensor{Name: "model.norm.weight", DType: F32, Shape: []int{7}, Data: ramp(7)},
			Tensor{Name: "ids", DType: I64, Shape: []int{2}, Raw: make([]byte, 16)},
			Tensor{Name: "none", DType: BF16, Shape: []int{0}, Data: []float32{}}),
	}
	for _, c := range malformed {
		if len(c.data) < 4096 {
			list = append(list, c.data)
		}
	}
	return list
}

// littleMemory fails a test when work on an input of less than 1 MB allocates more than 64 MB in all.
func littleMemory(t *testing.T, input []byte, work func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; len(input) < 1<<20 && n > 64<<20 {
		t.Errorf("%d bytes allocated for an input of %d", n, len(input))
	}
}

// checkAnyFile checks what holds for arbitrary bytes: they are refused, or the tensors tile the file and can all be read.
func checkAnyFile(t *testing.T, data []byte) {
	var f *File
	var err error
	littleMemory(t, data, func() { f, err = NewFile("fuzz", bytes.NewReader(data), int64(len(data))) })
	if err != nil {
		if len(err.Error()) > 2000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		return
	}
	var total int64
	for _, name := range f.Names() {
		info, err := f.Info(name)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := f.ReadRaw(name)
		if err != nil || int64(len(raw)) != info.Bytes {
			t.Fatalf("%q: %d bytes, want %d: %v", name, len(raw), info.Bytes, err)
		}
		total += info.Bytes
		if info.DType.IsWeight() {
			if err := f.ReadFloat32(name, make([]float32, info.Len())); err != nil {
				t.Fatal(err)
			}
		}
		f.ReadInt64(name)
	}
	if total > int64(len(data)) {
		t.Fatalf("tensors of %d bytes in a file of %d", total, len(data))
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(checkAnyFile)
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":8},"weight_map":{"w":"model-00001-of-00002.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"w":"../x"}}`))
	f.Fuzz(checkAnyIndex)
}

// checkAnyIndex checks what holds for arbitrary bytes: they are refused, or all shards are below the index's directory.
func checkAnyIndex(t *testing.T, text []byte) {
	var layout map[string]string
	var err error
	littleMemory(t, text, func() { layout, err = parseIndex(text) })
	if err != nil {
		return
	}
	if len(layout) == 0 {
		t.Error("an empty index was accepted")
	}
	for _, shard := range layout {
		if !filepath.IsLocal(shard) {
			t.Errorf("%q leaves the directory", shard)
		}
	}
}

// Headers and indexes of nearly 1 MB, made of the elements that take the most memory for their length.
func TestMemoryOfHeadersAndIndexes(t *testing.T) {
	name := func(i int) string {
		s := []byte{'"', byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26), byte('a' + i/17576%26), '"'}
		return string(s)
	}
	for _, value := range []string{`{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, `{"dtype":"U8","shape":[0,0,0,0,0,0,0,0,0],"data_offsets":[0,0]}`, `{}`, `1`} {
		var b strings.Builder
		b.WriteString(`{"__metadata__":{"format":"pt"}`)
		for i := 0; b.Len() < 1<<20-200; i++ {
			b.WriteString("," + name(i) + ":" + value)
		}
		b.WriteString("}")
		checkAnyFile(t, append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.String()...))
	}
	for _, value := range []string{`"a"`, `1`, `[]`} {
		for _, open := range []string{`{"weight_map":{"x":"y"`, `{"metadata":{"x":1`, `{"x":{"x":1`} {
			var b strings.Builder
			b.WriteString(open)
			for i := 0; b.Len() < 1<<20-200; i++ {
				b.WriteString("," + name(i) + ":" + value)
			}
			b.WriteString("}}")
			checkAnyIndex(t, []byte(b.String()))
		}
	}
}

// A fixed number of mutations of the seeds runs with the ordinary tests.
func TestDamagedFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	list := seeds(t)
	for range 20000 {
		data := bytes.Clone(list[rng.IntN(len(list))])
		for range 1 + rng.IntN(3) {
			if len(data) == 0 {
				break
			}
			i := rng.IntN(len(data))
			switch rng.IntN(4) {
			case 0:
				data[i] ^= 1 << rng.IntN(8)
			case 1:
				data = data[:i]
			case 2:
				data = append(data[:i], data[min(i+1+rng.IntN(8), len(data)):]...)
			case 3:
				data[i] = `0123456789-,:[]{}"e `[rng.IntN(20)]
			}
		}
		checkAnyFile(t, data)
	}
}
