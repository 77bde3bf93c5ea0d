package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/nlpodyssey/safetensors"

	"reprise/internal/testfiles"
)

// encode writes tensors into memory.
func encode(t testing.TB, tensors ...Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decode opens a file in memory.
func decode(t testing.TB, data []byte) *File {
	t.Helper()
	f, err := NewFile("model.safetensors", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ramp is n values that all three weight types hold exactly.
func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%251-125) / 64
	}
	return x
}

func TestRoundTrip(t *testing.T) {
	x := ramp(3*chunk + 5) // several chunks and a remainder
	for _, d := range []DType{F32, BF16, F16} {
		f := decode(t, encode(t,
			Tensor{Name: "b", DType: d, Shape: []int{1, len(x)}, Data: x},
			Tensor{Name: "a", DType: I64, Shape: []int{2}, Raw: []byte{1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 255, 255, 255, 255, 255, 255, 255}},
			Tensor{Name: "c<&>\u00e9\"", DType: I32, Raw: []byte{7, 0, 0, 0}},
			Tensor{Name: "empty", DType: d, Shape: []int{0, 4}, Data: []float32{}},
		))
		if diff := cmp.Diff([]string{"a", "b", "c<&>\u00e9\"", "empty"}, f.Names()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]string{"format": "pt"}, f.Metadata()); diff != "" {
			t.Error(diff)
		}
		got := make([]float32, len(x))
		if err := f.ReadFloat32("b", got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x, got); diff != "" {
			t.Errorf("%s: %s", d, diff)
		}
		if err := f.ReadFloat32("empty", nil); err != nil {
			t.Error(err)
		}
		wide, err := f.ReadInt64("a")
		if diff := cmp.Diff([]int64{1, -2}, wide); diff != "" || err != nil {
			t.Error(diff, err)
		}
		wide, err = f.ReadInt64("c<&>\u00e9\"")
		if diff := cmp.Diff([]int64{7}, wide); diff != "" || err != nil {
			t.Error(diff, err)
		}
		info, err := f.Info("b")
		if err != nil || info.DType != d || info.Len() != len(x) || !cmp.Equal(info.Shape, []int{1, len(x)}) {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

func TestHeaderIsLaidOutAsHuggingFaceDoes(t *testing.T) {
	data := encode(t,
		Tensor{Name: "w.a", DType: BF16, Shape: []int{1}, Data: []float32{1}},
		Tensor{Name: "z", DType: F32, Data: []float32{2}},
	)
	header := `{"__metadata__":{"format":"pt"},"z":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"w.a":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]}}`
	header += strings.Repeat(" ", -len(header)&7)
	want := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	want = append(append(want, header...), 0, 0, 0, 0x40, 0x80, 0x3f)
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Error(diff)
	}
}

// Every BF16 and F16 pattern survives reading and writing: reading is exact, and rounding returns an exact value to itself.
func TestHalfPatterns(t *testing.T) {
	raw := make([]byte, 2<<16)
	for i := range 1 << 16 {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(i))
	}
	for _, d := range []DType{BF16, F16} {
		x := make([]float32, 1<<16)
		f := decode(t, encode(t, Tensor{Name: "w", DType: d, Shape: []int{256, 256}, Raw: raw}))
		if err := f.ReadFloat32("w", x); err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			want := math.Float32frombits(uint32(i) << 16)
			if d == F16 {
				want = halfValue(uint16(i))
			}
			if v != want && !(v != v && want != want) || math.Signbit(float64(v)) != math.Signbit(float64(want)) {
				t.Fatalf("%s: pattern %#04x reads as %g, want %g", d, i, v, want)
			}
		}
		again, err := decode(t, encode(t, Tensor{Name: "w", DType: d, Shape: []int{1 << 16}, Data: x})).ReadRaw("w")
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if u := binary.LittleEndian.Uint16(again[2*i:]); int(u) != i && x[i] == x[i] {
				t.Fatalf("%s: pattern %#04x came back as %#04x", d, i, u)
			}
		}
	}
}

// halfValue is the definition of IEEE binary16.
func halfValue(u uint16) float32 {
	exponent, fraction := int(u>>10&31), float64(u&1023)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		if v = math.Inf(1); fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	return float32(math.Copysign(v, 1-2*float64(u>>15)))
}

func TestValuesThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		d    DType
		x    float32
		want string // part of the error; "": no error
	}{
		{F16, 65504, ""}, {F16, 65519, ""}, {F16, 65520, "element 1 is 65520, too large for F16"}, {F16, -1e9, "too large for F16"},
		{BF16, 3.38e38, ""}, {BF16, math.MaxFloat32, "too large for BF16"}, {F16, float32(math.Inf(1)), ""}, {BF16, float32(math.NaN()), ""},
	} {
		err := Write(&bytes.Buffer{}, []Tensor{{Name: "w", DType: c.d, Shape: []int{2}, Data: []float32{0, c.x}}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%g as %s: %v, want %q", c.x, c.d, err, c.want)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	one := []float32{1}
	for want, tensors := range map[string][]Tensor{
		`tensor "w": the name is reserved or used twice`:           {{Name: "w", DType: F32, Data: one}, {Name: "w", DType: F32, Data: one}},
		`tensor "__metadata__": the name is reserved`:              {{Name: "__metadata__", DType: F32, Data: one}},
		`tensor "w": 1 values, want the 2 of shape [2]`:            {{Name: "w", DType: F32, Shape: []int{2}, Data: one}},
		`tensor "w": more than the 0 values of shape [0]`:          {{Name: "w", DType: F32, Shape: []int{0}, Data: one}},
		`tensor "w": shape [-1] has a negative dimension`:          {{Name: "w", DType: F32, Shape: []int{-1}, Data: one}},
		`tensor "w": dtype "I64" cannot be written from float32`:   {{Name: "w", DType: I64, Data: one}},
		`tensor "w": dtype "" cannot be written`:                   {{Name: "w", Data: one}},
		`tensor "w": 3 bytes, but shape [1] of F32 takes 4`:        {{Name: "w", DType: F32, Shape: []int{1}, Raw: make([]byte, 3)}},
		`tensor "w": shape [4611686018427387904 4] is too large`:   {{Name: "w", DType: F32, Shape: []int{1 << 62, 4}, Data: one}},
		`tensor "w": shape [4611686018427387904] is too large`:     {{Name: "w", DType: F32, Shape: []int{1 << 62}, Data: one}},
		`tensor "z": the file becomes too large`:                   {{Name: "w", DType: F32, Shape: []int{1 << 60}, Data: one}, {Name: "z", DType: F32, Shape: []int{1 << 60}, Data: one}},
		`tensor "w": shape [9223372036854775807 0 2] is too large`: {{Name: "w", DType: F32, Shape: []int{math.MaxInt, 0, 2}, Data: one}},
		`tensor "w": shape [2305843009213693952 2 0] is too large`: {{Name: "w", DType: F32, Shape: []int{1 << 61, 2, 0}, Data: one}},
	} {
		if err := Write(&bytes.Buffer{}, tensors); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestReadingRefuses(t *testing.T) {
	f := decode(t, encode(t, Tensor{Name: "w", DType: F32, Shape: []int{2}, Data: []float32{1, 2}},
		Tensor{Name: "u", DType: U8, Shape: []int{1}, Raw: []byte{9}}))
	_, err64 := f.ReadInt64("w")
	_, err32 := f.ReadInt32("u")
	_, errInfo := f.Info("v")
	for want, err := range map[string]error{
		`checkpoint: model.safetensors: tensor "w": shape [2] has 2 elements, want 3`:            f.ReadFloat32("w", make([]float32, 3)),
		`checkpoint: model.safetensors: tensor "u": dtype U8, want F32, BF16 or F16`:             f.ReadFloat32("u", make([]float32, 1)),
		`checkpoint: model.safetensors: tensor "w": dtype F32, want I64 or I32`:                  err64,
		`checkpoint: model.safetensors: tensor "u": dtype U8, want I32`:                          err32,
		`checkpoint: model.safetensors: tensor "v" is missing`:                                   errInfo,
		`checkpoint: model.safetensors: tensor "w": 1 dimensions, want 2: shape [2], want [1 2]`: f.checkShape(f.tensors[1], []int{1, 2}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "none")); err == nil || !os.IsNotExist(unwrap(err)) {
		t.Error(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty); err == nil || !strings.Contains(err.Error(), "0 bytes, too short") {
		t.Error(err)
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

// The oracle, an independent implementation, reads our files, and we read its files.
func TestAgreesWithTheOracle(t *testing.T) {
	x := ramp(30)
	ours := encode(t,
		Tensor{Name: "b.w", DType: BF16, Shape: []int{5, 6}, Data: x},
		Tensor{Name: "a.w", DType: F32, Shape: []int{30}, Data: x},
		Tensor{Name: "ids", DType: I64, Shape: []int{1}, Raw: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
	)
	compareWithOracle(t, "written here", ours)

	views := map[string]oracle.TensorView{}
	for name, d := range map[string]oracle.DType{"x": oracle.F32, "y": oracle.I32, "z": oracle.U8} {
		raw := make([]byte, 6*d.Size())
		for i := range raw {
			raw[i] = byte(7*i + len(name))
		}
		view, err := oracle.NewTensorView(d, []uint64{2, 3}, raw)
		if err != nil {
			t.Fatal(err)
		}
		views[name] = view
	}
	theirs, err := oracle.Serialize(views, map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	compareWithOracle(t, "written by the oracle", theirs)
}

// compareWithOracle reads one file with both implementations.
func compareWithOracle(t *testing.T, what string, data []byte) {
	t.Helper()
	want, err := oracle.Deserialize(data)
	if err != nil {
		t.Fatalf("%s: the oracle refuses: %v", what, err)
	}
	f := decode(t, data)
	if len(f.Names()) != want.Len() {
		t.Errorf("%s: %d tensors, the oracle finds %d", what, len(f.Names()), want.Len())
	}
	for _, name := range f.Names() {
		view, ok := want.Tensor(name)
		info, err := f.Info(name)
		raw, errRaw := f.ReadRaw(name)
		if !ok || err != nil || errRaw != nil {
			t.Errorf("%s: %s: oracle %v, %v, %v", what, name, ok, err, errRaw)
			continue
		}
		if got, want := fmt.Sprintf("%s %v", info.DType, info.Shape), fmt.Sprintf("%s %v", view.DType(), view.Shape()); got != want {
			t.Errorf("%s: %s is %s, the oracle says %s", what, name, got, want)
		}
		if !bytes.Equal(raw, view.Data()) {
			t.Errorf("%s: %s: the bytes differ from the oracle's", what, name)
		}
	}
}

// Every reference file can be read and agrees with the oracle. Writing it again gives the same bytes if its layout is the
// usual one.
func TestReferenceFiles(t *testing.T) {
	count := 0
	for _, part := range []string{"goldens", "models"} {
		err := filepath.WalkDir(testfiles.Path(t, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".safetensors" {
				return err
			}
			count++
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			compareWithOracle(t, path, data)
			f, err := Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			var again []Tensor
			for _, info := range f.tensors {
				one := Tensor{Name: info.Name, DType: info.DType, Shape: info.Shape}
				if info.DType.IsWeight() {
					x := make([]float32, info.Len())
					if err := f.ReadFloat32(info.Name, x); err != nil {
						return err
					}
					one.Data = x
				} else if one.Raw, err = f.ReadRaw(info.Name); err != nil {
					return err
				}
				again = append(again, one)
			}
			if strings.HasPrefix(d.Name(), "model") && !bytes.Equal(encode(t, again...), data) {
				t.Errorf("%s: reading and writing changes the bytes", path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if count < 20 {
		t.Errorf("only %d files found", count)
	}
}
