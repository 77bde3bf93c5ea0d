package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzState: any state.json is refused by name where it does not belong to the files beside it.
func FuzzState(f *testing.F) {
	for _, seed := range []string{`{"format":"reprise-checkpoint","version":1,"step":3,"meta":{},"meta_sha256":"","files":{}}`, `{"step":-1}`, `{"files":{"weights.safetensors":{"bytes":-1}}}`, `{"meta":[1,{"a":null}]}`, "", "{", "[]", `{"step":1e99}`} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, stateFile), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadState(dir); err == nil || !strings.HasPrefix(err.Error(), "checkpoint: ") {
			t.Errorf("%q: %v, want an error, as the directory has no tensors", text, err)
		}
	})
}
