package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRecipe: any text is a recipe or refused, with the file's name and an error that one can read.
func FuzzRecipe(f *testing.F) {
	for _, seed := range []string{"model: m\nreplay: r\n", "lr: 1e-3\nepochs: 18446744073709551617\n", "optimizer: {name: adamw}\n", "eval: {data: {a: b}, every: 5}\n", "record: &r {tau: 0.9}\nsave: *r\n",
		"save: {every: -1}\n", "learning_rate: 1\n", "- a\n", "", "a: *b\n", "seed: 0x10\nbatch: [1]\n"} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "recipe.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			t.Skip()
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := ReadRecipe(path)
		if err != nil && (!strings.HasPrefix(err.Error(), "run: "+path) || len(err.Error()) > 2*len(text)+2000) {
			t.Errorf("%q: %.300s", text, err)
		}
		if err == nil {
			_ = r.Validate() // refuses or not, and does not panic
		}
	})
}
