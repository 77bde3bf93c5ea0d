package yamlfile

import (
	"strings"
	"testing"
)

type sample struct {
	Epochs int      `yaml:"epochs"`
	Seeds  []uint64 `yaml:"seeds"`
	LR     float64  `yaml:"lr"`
	On     bool     `yaml:"on"`
	Inner  struct {
		Always []int32 `yaml:"always"`
	} `yaml:"inner"`
	Free map[string]any `yaml:"free"`
	List []struct {
		Free map[string]any `yaml:"free"`
	} `yaml:"list"`
}

func TestDecode(t *testing.T) {
	v := sample{Epochs: 2}
	if err := Decode([]byte("\xef\xbb\xbfepochs: 1e3\r\nseeds: [1, 18446744073709551615]\r\nlr: 1e-3\r\ninner: {always: [5]}\r\n"), &v); err != nil {
		t.Fatal(err)
	}
	if v.Epochs != 1000 || len(v.Seeds) != 2 || v.Seeds[1] != 1<<64-1 || v.LR != 1e-3 || v.Inner.Always[0] != 5 {
		t.Errorf("%+v", v)
	}
	if err := Decode([]byte("epochs:\nlr: 1\n"), &v); err != nil || v.Epochs != 1000 {
		t.Errorf("a key without value: %+v, %v", v, err)
	}
}

// TestRefused: texts that a YAML decoder would silently read as something else.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "no keys",
		"# a comment\n":           "no keys",
		"epochs: 1\n---\nlr: 5\n": "more than one document",
		"epochs: 1\nepochs: 2\n":  "epochs",
		"lr: \xe9\n":              "not UTF-8",
		"lr: [1\n":                "[1",
	} {
		if err := Decode([]byte(text), &sample{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

// TestMistakesAreLocated: the error names the line, the key, the value, and in words what is wanted.
func TestMistakesAreLocated(t *testing.T) {
	for text, want := range map[string]string{
		"lr: 1\n\n# six\nepochs: six\n":              `line 4: epochs: "six", want a whole number`,
		"epochs: '2.5'\n":                            `line 1: epochs: "2.5", want a whole number`,
		"lr: 2.5e-3\nepochs: 2.5\n":                  "line 2: epochs: 2.5, want a whole number",
		"\xef\xbb\xbflr: 1\r\nepochs: 1.5\r\n":       "line 2: epochs: 1.5, want a whole number",
		"lr: 1\ninner: {always: [1, 2.5]}\n":         "line 2: inner.always: 2.5, want a whole number of at most 2147483647",
		"inner:\n  always:\n  - 1\n  - 3000000000\n": "line 4: inner.always: 3000000000, want a whole number of at most 2147483647",
		"inner: 5\n":                    "line 1: inner: 5, want a block of keys",
		"inner: [5]\n":                  "line 1: inner: a list, want a block of keys",
		"epochs: {lr: 1}\n":             "line 1: epochs: a block of keys, want a whole number",
		"seeds: [0.5]\n":                "line 1: seeds: 0.5, want a whole number from 0 to 18446744073709551615",
		"seeds: [1,\n -1]\n":            "line 2: seeds: -1, want a whole number from 0 to 18446744073709551615",
		"lr: fast\n":                    `line 1: lr: "fast", want a number`,
		"lr: |\n  fast\n":               `line 1: lr: "fast\n", want a number`,
		"on: \"yes\"\n":                 `line 1: on: "yes", want true or false`,
		"epochs: &n many\n":             `line 1: epochs: "many", want a whole number`,
		"epoch: 1\n":                    "line 1: epoch: there is no such key; did you mean epochs?",
		"lr: 1\ninner:\n  alwys: [1]\n": "line 3: inner.alwys: there is no such key; did you mean inner.always?",
		"lrz: 1\n":                      "line 1: lrz: there is no such key; did you mean lr?",
		"x: 1\n":                        "line 1: x: there is no such key",
		"temperature: 1\n":              "line 1: temperature: there is no such key",
		"- lr\n":                        "line 1: a list, want a block of keys",
		"lr\n":                          `line 1: "lr", want a block of keys`,
		"free: {any: [1, a]}\nlist:\n- free: {lrr: 1}\n": "line 3: list.free.lrr: there is no such key; did you mean list.free.lr?",
		"list:\n- free:\n    epochs: some\n":             `line 3: list.free.epochs: "some", want a whole number`,
	} {
		err := Decode([]byte(text), &sample{}, Part{Key: "list.free", Of: sample{}})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if err := Decode([]byte("list: [{free: {lr: 1, inner: {always: [2]}, epochs: }}]"), &sample{}, Part{Key: "list.free", Of: sample{}}); err != nil {
		t.Error(err)
	}
}
