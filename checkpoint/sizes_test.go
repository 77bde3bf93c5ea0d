package checkpoint

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Counts that no model needs are refused before they take memory.
func TestAbsurdCounts(t *testing.T) {
	entries := func(n int, value string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%x":%s`, i, value)
		}
		return b.String()
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	for n, want := range map[int]string{maxStrings: "", maxStrings + 1: "__metadata__: more than 65536 entries"} {
		header := `{"__metadata__":{` + entries(n, `""`) + `}}`
		file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
		if err := os.WriteFile(path, append(file, header...), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err == nil {
			f.Close()
		}
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%d entries: %v", n, err)
		}
	}
	if _, err := parseIndex([]byte(`{"weight_map":{` + entries(maxTensors+1, `"a"`) + `}}`)); err == nil || !strings.Contains(err.Error(), "weight_map: more than 131072 tensors") {
		t.Errorf("an index: %v", err)
	}
}

// Files as large as they say, of zeros that take no room on the disk.
func TestAbsurdSizes(t *testing.T) {
	for name, size := range map[string]int64{"config.json": maxConfig, "generation_config.json": maxConfig, indexFile: maxHeader, "vocab.json": maxCopied, sumsFile: maxSums} {
		dir, m := saveTiny(t, SaveOptions{})
		if name == indexFile {
			if err := os.Remove(filepath.Join(dir, weightsFile)); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666); err != nil {
			t.Fatal(err)
		} else {
			f.Close()
		}
		if err := os.Truncate(path, size+1); err != nil {
			t.Skip("this file system has no holes:", err)
		}
		_, err := Load(dir)
		if name == "vocab.json" { // which only saving reads
			err = SaveModel(filepath.Join(t.TempDir(), "out"), m, SaveOptions{SourceDir: dir})
		}
		want := fmt.Sprintf("%s: %d bytes, at most %d are allowed", path, size+1, size)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
