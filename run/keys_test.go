package run

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"reprise/internal/keys"
	"reprise/optim"
	"reprise/tokenizer"
)

// later is the recipe of a later program, with two more keys.
type later struct {
	Recipe `yaml:",inline"`
	Extra  float64 `yaml:"extra" bound:"any" help:"A key at 0.5 by default."`
	Look   struct {
		Often int `yaml:"often" bound:"any" bits:"no" help:"A key that decides nothing."`
	} `yaml:"look"`
}

// TestNewKeyLeavesDigests: an added key is left out of digests at its default, and is in them with any other value, even 0.
func TestNewKeyLeavesDigests(t *testing.T) {
	for _, c := range digestCases {
		r := DefaultRecipe()
		r.Replay, r.Model = "domain.replay", "base"
		c.change(&r)
		standard := later{Recipe: DefaultRecipe(), Extra: 0.5}
		standard.Look.Often = 3
		now := later{Recipe: r, Extra: 0.5}
		now.Look.Often = 3
		all := func(Key) bool { return true }
		decides := func(k Key) bool { return k.Bits == "" }
		text := func(v later, want func(Key) bool) string {
			return string(digestText(keys.Of(v), keys.Of(standard), want))
		}
		if got := text(now, all); got != string(r.DigestText()) {
			t.Errorf("%s: two new keys at their defaults change\n%s to\n%s", c.name, r.DigestText(), got)
		}
		before := text(now, decides)
		now.Look.Often = 4
		if got := text(now, decides); got != before {
			t.Errorf("%s: a key that decides nothing changes\n%s to\n%s", c.name, before, got)
		}
		now.Extra = 0
		if got, want := text(now, decides), strings.TrimSuffix(before, "}")+`,"extra":0}`; got != want {
			t.Errorf("%s: the new key at 0: %s, want %s", c.name, got, want)
		}
	}
}

// TestEveryKeyDecidesOrNot: each key that is not marked changes the digest of a run, and no other does.
func TestEveryKeyDecidesOrNot(t *testing.T) {
	decides := func(k Key) bool { return k.Bits == "" }
	standard := string(digestText(Keys(), Keys(), decides))
	for _, k := range Keys() {
		r := DefaultRecipe()
		switch v := k.Value.(type) {
		case float64:
			k.Set(&r, v+0.125)
		case int:
			k.Set(&r, v+1)
		case uint64:
			k.Set(&r, v+1)
		case bool:
			k.Set(&r, !v)
		case string:
			k.Set(&r, v+"x")
		case tokenizer.Seam:
			k.Set(&r, v+"x")
		case []string:
			k.Set(&r, []string{"x"})
		case []int32:
			k.Set(&r, []int32{1})
		default:
			t.Fatalf("%s: %T", k.Name, v)
		}
		text := digestText(keys.Of(r), Keys(), decides)
		if !json.Valid(text) {
			t.Errorf("%s: %s is not JSON", k.Name, text)
		}
		if changed := string(text) != standard; changed != (k.Bits == "") {
			t.Errorf("%s: bits %q, and the digest changes: %v", k.Name, k.Bits, changed)
		}
		if string(r.DigestText()) == string(DefaultRecipe().DigestText()) {
			t.Errorf("%s is not in the text of a recipe", k.Name)
		}
	}
}

// TestExplicitZeroInAFile: 0 in a file is 0, whatever the default is; what is not there is at its default.
func TestExplicitZeroInAFile(t *testing.T) {
	for _, k := range Keys() {
		zero := map[reflect.Kind]string{reflect.Float64: "0", reflect.Int: "0", reflect.Uint64: "0", reflect.Bool: "false"}[k.Type().Kind()]
		if zero == "" {
			continue
		}
		text := k.Name + ": " + zero
		if object, leaf, nested := strings.Cut(k.Name, "."); nested {
			text = object + ": {" + leaf + ": " + zero + "}"
		}
		path := filepath.Join(t.TempDir(), "recipe.yaml")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := ReadRecipe(path)
		if err != nil {
			t.Fatal(err)
		}
		want := DefaultRecipe()
		k.Set(&want, reflect.Zero(k.Type()).Interface())
		if !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %+v", text, r)
		}
	}
}

// TestBoundsOfAFile: a message names the key, the value and its bounds.
func TestBoundsOfAFile(t *testing.T) {
	for want, change := range map[string]func(*Recipe){
		"run: lr: 0, want more than 0 and less than 10":                                                        func(r *Recipe) { r.LR = 0 },
		`run: schedule: "step", want cosine, linear or constant`:                                               func(r *Recipe) { r.Schedule = "step" },
		"run: final_lr_ratio: 1.5, want 0 to 1":                                                                func(r *Recipe) { r.FinalLRRatio = 1.5 },
		"run: beta1: 1, want 0 to 0.99999":                                                                     func(r *Recipe) { r.Beta1 = 1 },
		"run: max_seq_len: 1, want 2 or more":                                                                  func(r *Recipe) { r.MaxSeqLen = 1 },
		"run: epochs: 0, want 1 to 1000000":                                                                    func(r *Recipe) { r.Epochs = 0 },
		"run: refresh.rho_above: 1, want at least 0 and less than 1":                                           func(r *Recipe) { r.Refresh.RhoAbove = 1 },
		"run: record.tau: 1.5, want more than 0 and at most 1":                                                 func(r *Recipe) { r.Record.Tau = 1.5 },
		"run: record.always: -1, want 0 or more":                                                               func(r *Recipe) { r.Record.Always = []int32{4, -1} },
		"run: save.keep_last: 0, want 1 or more":                                                               func(r *Recipe) { r.Save.KeepLast = 0 },
		"run: token_weights: eaft weighs positions by probabilities over the whole vocabulary; use loss: full": func(r *Recipe) { r.TokenWeights = "eaft" },
		"run: replay_mix: 0, want more than 0 with mix":                                                        func(r *Recipe) { r.Mix, r.ReplayMix = "m", 0 },
		"optim: eps: 0, want 1e-30 to 1 with adamw":                                                            func(r *Recipe) { r.Name, r.Eps = optim.AdamW, 0 },
		`optim: optimizer: "sgd", want adamw, adam-atan2, moclip, adatam, mofo or`:                             func(r *Recipe) { r.Name = "sgd" },
		"": func(r *Recipe) { r.Record.Tau, r.Record.KMin, r.Record.KMax, r.Gamma, r.Eps = 0, 0, 0, 0, 0 }, // 0: the defaults; moclip has no use for eps
	} {
		r := DefaultRecipe()
		r.Model, r.Replay = "base", "r"
		change(&r)
		if err := r.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestScheduleHasTheSameBounds: package optim checks its own type with the same bounds.
func TestScheduleHasTheSameBounds(t *testing.T) {
	for _, lr := range []float64{-1, 0, 1e-9, 9.99, 10, 11} {
		for _, final := range []float64{-0.1, 0, 1, 1.1} {
			for _, kind := range []string{"cosine", "linear", "constant", "step", ""} {
				r := DefaultRecipe()
				r.Model, r.Replay, r.LR, r.FinalLRRatio, r.Schedule = "base", "r", lr, final, kind
				if a, b := r.Validate(), r.schedule(10).Validate(); (a == nil) != (b == nil) {
					t.Errorf("%g, %g, %q: %v against %v", lr, final, kind, a, b)
				}
			}
		}
	}
}

// TestResolvedRecipe: what a run directory keeps holds every key in order, and reads back as the same recipe.
func TestResolvedRecipe(t *testing.T) {
	r := DefaultRecipe()
	r.Eval.Data, r.Record.Always, r.Seed, r.Eps, r.KL = []string{"a=b"}, []int32{1, 2}, 1<<64-1, 1e-8, 0.3
	text, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), recipeFile)
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	back, err := ReadRecipe(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("read back: %+v", back)
	}
	var written []string
	object := ""
	for line := range strings.Lines(string(text)) {
		name, value, isKey := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case !isKey || strings.HasPrefix(name, "- "):
		case !strings.HasPrefix(line, " ") && strings.TrimSpace(value) == "":
			object = name + "."
		case strings.HasPrefix(line, " "):
			written = append(written, object+name)
		default:
			written = append(written, name)
		}
	}
	var want []string
	for _, k := range Keys() {
		want = append(want, k.Name)
	}
	if !slices.Equal(written, want) {
		t.Errorf("written:\n%v\nkeys:\n%v", written, want)
	}
}

// TestOlderResolvedRecipe: testdata/recipe.yaml was written into a run directory before DefaultRecipe held the record's rule;
// its zeros mean the same rule.
func TestOlderResolvedRecipe(t *testing.T) {
	r, err := ReadRecipe("testdata/recipe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if r.Record.Tau != 0 || r.Record.rule().Tau != 0.95 || r.Record.rule().KMax != 64 {
		t.Errorf("record: %+v", r.Record)
	}
	want := DefaultRecipe()
	want.Model, want.Replay, want.Out = "base", "domain.replay", "runs/a"
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	decides := func(k Key) bool { return k.Bits == "" }
	a, b := digestText(keys.Of(r), Keys(), decides), digestText(keys.Of(want), Keys(), decides)
	if string(a) != string(b) {
		t.Errorf("%s, want %s", a, b)
	}
}

// TestSchema: the schema has every key, in the right object, with a type, help and the key's bound.
func TestSchema(t *testing.T) {
	type object struct {
		Type, Description string
		Properties        map[string]map[string]any
		Additional        *bool `json:"additionalProperties"`
	}
	var root struct {
		Schema     string `json:"$schema"`
		Properties map[string]json.RawMessage
		Additional *bool `json:"additionalProperties"`
	}
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	if root.Schema != "https://json-schema.org/draft/2020-12/schema" || root.Additional == nil || *root.Additional {
		t.Errorf("%q, additionalProperties %v", root.Schema, root.Additional)
	}
	count := 0
	for _, k := range Keys() {
		outer, leaf, nested := strings.Cut(k.Name, ".")
		var n map[string]any
		if nested {
			var in object
			if err := json.Unmarshal(root.Properties[outer], &in); err != nil {
				t.Fatal(err)
			}
			n = in.Properties[leaf]
			if in.Additional == nil || *in.Additional || in.Type != "object" {
				t.Errorf("%s is an open object", outer)
			}
		} else if err := json.Unmarshal(root.Properties[outer], &n); err != nil {
			t.Fatal(err)
		}
		if n["type"] == nil || !strings.HasPrefix(n["description"].(string), strings.TrimSuffix(k.Help, ".")) {
			t.Errorf("%s: %v", k.Name, n)
		}
		bounded := n["items"] != nil
		for _, name := range []string{"enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf"} {
			bounded = bounded || n[name] != nil
		}
		if !bounded && !k.Bound.Any() {
			t.Errorf("%s: no bound: %v", k.Name, n)
		}
		if k.Type().Kind() != reflect.Slice && n["default"] == nil {
			t.Errorf("%s: no default", k.Name)
		}
		count++
	}
	if got := root.Properties["lr"]; !strings.Contains(strings.Join(strings.Fields(string(got)), ""), `"default":0.001,"exclusiveMinimum":0,"exclusiveMaximum":10`) {
		t.Errorf("lr: %s", got)
	}
	if count < 50 {
		t.Errorf("%d keys", count)
	}
}

// TestUnknownKeyIsGuessed: a key under its name in another program, or with a slip, is answered with our name for it.
func TestUnknownKeyIsGuessed(t *testing.T) {
	for written, want := range map[string]string{
		"learning_rate": "lr", "batch_size": "global_batch_size", "num_train_epochs": "epochs", "save_total_limit": "save.keep_last", "eval_every": "eval.every",
		"reply_mix": "replay_mix", "lrz": "lr",
	} {
		path := filepath.Join(t.TempDir(), "r.yaml")
		if err := os.WriteFile(path, []byte("epochs: 1\n"+written+": 1\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRecipe(path); err == nil || !strings.HasSuffix(err.Error(), "line 2: "+written+": there is no such key; did you mean "+want+"?") {
			t.Errorf("%s: %v", written, err)
		}
	}
}
