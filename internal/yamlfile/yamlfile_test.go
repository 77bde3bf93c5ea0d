package yamlfile

import (
	"strings"
	"testing"
)

type sample struct {
	Epochs int      `yaml:"epochs"`
	Seeds  []uint64 `yaml:"seeds"`
	LR     float64  `yaml:"lr"`
	Inner  struct {
		Always []int32 `yaml:"always"`
	} `yaml:"inner"`
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
		"":                          "no keys",
		"# a comment\n":             "no keys",
		"lr: 1\nepochs: 1.5\n":      "line 2: 1.5 where a whole number is wanted",
		"inner: {always: [1, 2.5]}": "2.5 where a whole number is wanted",
		"seeds: [0.5]\n":            "0.5 where a whole number is wanted",
		"seeds: [-1]\n":             "-1",
		"epochs: many\n":            "many",
		"epochs: 1\n---\nlr: 5\n":   "more than one document",
		"epoch: 1\n":                "epoch",
		"lr: fast\n":                "lr: fast",
		"epochs: 1\nepochs: 2\n":    "epochs",
		"lr: \xe9\n":                "not UTF-8",
	} {
		if err := Decode([]byte(text), &sample{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}
