package checkpoint

import (
	"fmt"
	"slices"
	"strings"
)

// DType is the element type of a stored tensor, spelled as in a safetensors header.
type DType string

// The types that weights may have.
const (
	F32  DType = "F32"
	BF16 DType = "BF16"
	F16  DType = "F16"
)

// Types that can be read only as integers or raw bytes.
const (
	F64 DType = "F64"
	I64 DType = "I64"
	I32 DType = "I32"
	U8  DType = "U8"
)

// dtypes lists every type that a header may name, with its bytes per element, in the order in which the reference
// implementation ranks them: tensors of a higher rank come first in a file, so that wide elements stay aligned.
var dtypes = []struct {
	name  DType
	bytes int
}{
	{"BOOL", 1}, {U8, 1}, {"I8", 1}, {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
	{"I16", 2}, {"U16", 2}, {F16, 2}, {BF16, 2},
	{I32, 4}, {"U32", 4}, {F32, 4},
	{F64, 8}, {I64, 8}, {"U64", 8},
}

// rank is the position in dtypes, or -1.
func (d DType) rank() int {
	for i := range dtypes {
		if dtypes[i].name == d {
			return i
		}
	}
	return -1
}

// Size is the number of bytes of an element, or 0 for an unknown type.
func (d DType) Size() int {
	if i := d.rank(); i >= 0 {
		return dtypes[i].bytes
	}
	return 0
}

// IsWeight says whether tensors of this type can be read and written as float32.
func (d DType) IsWeight() bool { return d == F32 || d == BF16 || d == F16 }

// weightNames are the other spellings of the weight types; the first of each is PyTorch's, which config.json uses.
var weightNames = map[DType][]string{
	F32:  {"float32", "f32", "fp32", "float"},
	BF16: {"bfloat16", "bf16"},
	F16:  {"float16", "f16", "fp16", "half"},
}

// ParseDType reads the name of a weight type as a user may write it: "bf16", "bfloat16", "BF16".
func ParseDType(s string) (DType, error) {
	for d, names := range weightNames {
		if slices.Contains(names, strings.ToLower(s)) {
			return d, nil
		}
	}
	return "", fmt.Errorf("checkpoint: dtype %q is not supported; supported: f32, bf16, f16", s)
}

// torch is the name that config.json gives a weight type.
func (d DType) torch() string { return weightNames[d][0] }
