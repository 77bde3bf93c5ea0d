package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// file joins a header and n zero bytes.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// malformed are files that must be refused, with a part of the reason.
var malformed = []struct {
	name string
	data []byte
	want string
}{
	{"empty", nil, "0 bytes, too short"},
	{"seven bytes", make([]byte, 7), "7 bytes, too short"},
	{"no header", make([]byte, 8), "not a JSON object"},
	{"length beyond the file", file("{}", 0)[:9], "claims 2 bytes, but only 1 follow"},
	{"length beyond the limit", []byte{0, 0, 0, 8, 0, 0, 0, 0}, "claims 134217728 bytes, at most 100000000"},
	{"length negative", bytes.Repeat([]byte{255}, 8), "claims 18446744073709551615 bytes"},
	{"git lfs", []byte("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
	{"list", file("[]", 0), "not a JSON object"},
	{"blank first", file(" {}", 0), "not a JSON object"},
	{"not utf-8", file("{\"\xff\":1}", 0), "not valid UTF-8"},
	{"cut", file(`{"w":{"dtype":"F32","shape":[1]`, 4), "too early"},
	{"two objects", file("{}{}", 0), "something follows"},
	{"rubbish after", file("{} x", 0), "something follows"},
	{"unquoted", file(`{w:1}`, 0), "invalid character"},
	{"tensor is a number", file(`{"w":1}`, 0), `tensor "w": 1, want an object`},
	{"tensor is null", file(`{"w":null}`, 0), `tensor "w": null, want an object`},
	{"no dtype", file(`{"w":{"shape":[1],"data_offsets":[0,4]}}`, 4), "dtype is missing"},
	{"no shape", file(`{"w":{"dtype":"F32","data_offsets":[0,4]}}`, 4), "shape is missing"},
	{"no offsets", file(`{"w":{"dtype":"F32","shape":[1]}}`, 4), "data_offsets is missing"},
	{"other case", file(`{"w":{"DType":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `unknown key "DType"`},
	{"unknown dtype", file(`{"w":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}`, 4), `dtype "F31" is not known`},
	{"dtype is a number", file(`{"w":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}`, 4), "dtype: 32, want a text"},
	{"key twice", file(`{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "dtype is given twice"},
	{"tensor twice", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `tensor "w": listed twice`},
	{"negative dimension", file(`{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "shape: -1, want a whole number"},
	{"fractional dimension", file(`{"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4), "shape: 1.0, want a whole number"},
	{"huge dimension", file(`{"w":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}`, 4), "want a whole number"},
	{"dimension is a list", file(`{"w":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}`, 4), "shape: a list, want a number"},
	{"shape is a number", file(`{"w":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}`, 4), "shape: 1, want a list"},
	{"too many dimensions", file(`{"w":{"dtype":"U8","shape":[`+strings.Repeat("1,", 64)+`1],"data_offsets":[0,1]}}`, 1), "more than 64"},
	{"overflow", file(`{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), "is too large"},
	{"overflow in bytes", file(`{"w":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0), "is too large"},
	{"one offset", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[4]}}`, 4), "1 numbers, want 2"},
	{"three offsets", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), "more than 2"},
	{"negative offset", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4), "want a whole number"},
	{"backwards", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "run backwards"},
	{"wrong byte count", file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "give 4 bytes, but shape [2] of F32 takes 8"},
	{"gap first", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `tensor "w": begins at byte 4 of the data, after a gap that begins at 0`},
	{"gap", file(`{"v":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), "after a gap"},
	{"overlap", file(`{"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), "inside the one before it"},
	{"same place", file(`{"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2), "inside the one before it"},
	{"data cut", file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 7), "which has only 7; the file is cut short"},
	{"data left over", file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 9), "take 8 bytes, but 9 follow"},
	{"offset at the limit", file(`{"w":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}`, 7), "cut short"},
	{"metadata is a number", file(`{"__metadata__":1}`, 0), "want an object"},
	{"metadata value is a number", file(`{"__metadata__":{"a":1}}`, 0), `"a": 1, want a text`},
	{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), "listed twice"},
	{"metadata key twice", file(`{"__metadata__":{"a":"","a":""}}`, 0), "given twice"},
	{"deep", file(`{"w":`+strings.Repeat("[", 100000), 0), "want an object"},
	{"deep inside", file(`{"w":{"dtype":"F32","shape":`+strings.Repeat("[", 100000), 0), "want a number"},
}

func TestMalformedHeaders(t *testing.T) {
	for _, c := range malformed {
		_, err := NewFile("model.safetensors", bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "checkpoint: model.safetensors: ") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		} else if len(err.Error()) > 400 {
			t.Errorf("%s: an error of %d bytes", c.name, len(err.Error()))
		}
	}
	var many strings.Builder
	for i := range maxTensors + 1 {
		fmt.Fprintf(&many, `,"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	data := file("{"+many.String()[1:]+"}", 0)
	if _, err := NewFile("many", bytes.NewReader(data), int64(len(data))); err == nil || !strings.Contains(err.Error(), "more than 131072 tensors") {
		t.Error(err)
	}
	for _, ok := range []string{"{}", "{}   ", `{"__metadata__":{"format":"pt"}}`,
		`{"v":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"U8","shape":[0,7],"data_offsets":[0,0]}}`} {
		data := file(ok, 0)
		if _, err := NewFile("f", bytes.NewReader(data), int64(len(data))); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}
