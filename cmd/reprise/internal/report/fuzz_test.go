package report

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzMetrics: a page is made of any metrics.jsonl, or it is refused.
func FuzzMetrics(f *testing.F) {
	for _, seed := range []string{`{"step":1,"loss":2.5}` + "\n" + `{"step":2,"loss":1e308}` + "\n", `{"step":-5}`, `{"step":4611686018427387904,"loss":1}`, "{}\n{}\n", "", "{", `{"step":1,"eval":[{"name":"<b>","loss":1}]}`, `{"loss":null,"lr":[]}`} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, MetricsFile), text, 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := readRun(dir)
		if err == nil && len(r.events) == 0 {
			t.Errorf("%q: a run without events", text)
		}
	})
}
