package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
)

// Fingerprint identifies what in the configuration the logits depend on, next to the weights: the SHA-256, in hexadecimal digits, of
// one line "name value" for every such field that is not zero, in a fixed order. Names of families, special ids, the longest
// sequence, the layout of the file and what only fresh weights depend on are not in it. A field that is added to Config later must
// mean with its zero value what models had before, so that their fingerprints stay.
func (c Config) Fingerprint() string {
	var text strings.Builder
	for _, f := range []struct {
		name  string
		value any
	}{
		{"vocabulary", c.VocabSize}, {"hidden", c.HiddenSize}, {"intermediate", c.IntermediateSize}, {"layers", c.Layers},
		{"heads", c.Heads}, {"kv heads", c.KVHeads}, {"head width", c.HeadDim}, {"norm eps", c.NormEps}, {"tied", c.TieEmbeddings},
		{"layer norm", c.LayerNorm}, {"learned positions", c.LearnedPositions}, {"gelu", c.GELU}, {"exact gelu", c.ExactGELU},
		{"qkv bias", c.QKVBias}, {"output bias", c.OBias}, {"mlp bias", c.MLPBias}, {"qk norm", c.QKNorm},
		{"rope theta", c.RopeTheta}, {"rope scaling", c.RopeScaling.Kind}, {"rope factor", c.RopeScaling.Factor},
		{"rope low", c.RopeScaling.LowFreqFactor}, {"rope high", c.RopeScaling.HighFreqFactor},
		{"rope positions", c.RopeScaling.OriginalPositions},
	} {
		if !reflect.ValueOf(f.value).IsZero() {
			fmt.Fprintf(&text, "%s %v\n", f.name, f.value)
		}
	}
	if c.Windows != nil {
		fmt.Fprintf(&text, "windows %v\n", c.Windows)
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:])
}
