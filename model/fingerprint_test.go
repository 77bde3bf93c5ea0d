package model

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// Every field that the logits depend on changes the fingerprint, and no other field does. A new field of Config belongs to one of the
// two lists.
func TestFingerprint(t *testing.T) {
	within := []string{
		"VocabSize", "HiddenSize", "IntermediateSize", "Layers", "Heads", "KVHeads", "HeadDim", "NormEps", "TieEmbeddings", "LayerNorm",
		"LearnedPositions", "RopeTheta", "RopeScaling.Kind", "RopeScaling.Factor", "RopeScaling.LowFreqFactor",
		"RopeScaling.HighFreqFactor", "RopeScaling.OriginalPositions", "GELU", "ExactGELU", "QKVBias", "OBias", "MLPBias", "QKNorm", "Windows",
	}
	without := []string{"ModelType", "MaxPositions", "InitRange", "BOS", "EOS", "EOSOutside", "Conv1D", "Prefix", "Notices"}
	var base Config
	seen := map[string]string{base.Fingerprint(): "the zero Config"}
	var fields []string
	check := func(name string, find func(c *Config) reflect.Value) {
		fields = append(fields, name)
		c := base
		other(find(&c))
		print := c.Fingerprint()
		if slices.Contains(without, name) {
			if print != base.Fingerprint() {
				t.Errorf("%s: the logits do not depend on it, but the fingerprint does", name)
			}
			return
		}
		if !slices.Contains(within, name) {
			t.Errorf("%s: in neither list: do the logits depend on it?", name)
		}
		if before, twice := seen[print]; twice {
			t.Errorf("%s: the fingerprint is that of %s", name, before)
		}
		seen[print] = name
	}
	kind := reflect.TypeFor[Config]()
	for i := range kind.NumField() {
		if kind.Field(i).Name != "RopeScaling" {
			check(kind.Field(i).Name, func(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().Field(i) })
			continue
		}
		for k := range kind.Field(i).Type.NumField() {
			check("RopeScaling."+kind.Field(i).Type.Field(k).Name, func(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().Field(i).Field(k) })
		}
	}
	for _, name := range slices.Concat(within, without) {
		if !slices.Contains(fields, name) {
			t.Errorf("%s is not a field of Config", name)
		}
	}
}

// other gives a field a value that is not its zero.
func other(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.3)
	case reflect.String:
		v.SetString("x")
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), 1, 1)
		other(s.Index(0))
		v.Set(s)
	default:
		panic(fmt.Sprintf("a field of type %v", v.Type()))
	}
}

// The fingerprint is in records: it must not change for models that exist. What config.json says about ids, dtype or dropout is not in it.
func TestFingerprintStays(t *testing.T) {
	const shape = `"vocab_size":100,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":4,` +
		`"num_key_value_heads":2,"max_position_embeddings":64,"tie_word_embeddings":true`
	read := func(text string) Config {
		t.Helper()
		c, err := ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	llama := read(`{"model_type":"llama",` + shape + `}`)
	const want = "14ab394e574666757c585fc012b3cad0bf838a6cc598802db9a21b14523ee28c"
	if got := llama.Fingerprint(); got != want {
		t.Errorf("fingerprint %s, want %s: every record that was made would be refused", got, want)
	}
	for text, same := range map[string]bool{
		`"bos_token_id":1,"eos_token_id":[2,3],"torch_dtype":"bfloat16","attention_dropout":0.1`: true,
		`"initializer_range":0.5`:                          true,
		`"rope_theta":10000.0`:                             true,
		`"rope_theta":500000`:                              false,
		`"rms_norm_eps":1e-5`:                              false,
		`"head_dim":8`:                                     false,
		`"rope_scaling":{"rope_type":"linear","factor":2}`: false,
		`"attention_bias":true`:                            false,
	} {
		c := read(`{"model_type":"llama",` + shape + `,` + text + `}`)
		if got := c.Fingerprint() == llama.Fingerprint(); got != same {
			t.Errorf("%s: the same fingerprint: %v, want %v", text, got, same)
		}
	}
	mistral := read(`{"model_type":"mistral","sliding_window":32,` + shape + `}`)
	if mistral.Fingerprint() == llama.Fingerprint() {
		t.Error("attention over 32 tokens has the fingerprint of attention over all")
	}
}
