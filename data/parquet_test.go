package data

import (
	"bytes"
	"errors"
	"regexp"
	"testing"

	"reprise/internal/testfiles"
)

// TestParquetRowError: whatever is damaged in a row of a Parquet file, the error names the row and the column as a RowError does.
func TestParquetRowError(t *testing.T) {
	named := regexp.MustCompile(`: row ([0-9]+): column ([a-z]+)`)
	whole := testfiles.ReadBox(t, "parquet", "chat-duckdb-gzip.parquet")
	found := map[string]bool{}
	for i := 4; i < len(whole); i += 7 {
		b := bytes.Clone(whole)
		b[i] ^= 0x81
		path := write(t, "a.parquet", string(b))
		_, _, err := Rows(path, Reading{})
		if err == nil {
			continue
		}
		at := named.FindStringSubmatch(err.Error())
		row, ok := errors.AsType[*RowError](err)
		if at == nil {
			continue
		}
		if !ok || row.File != path || row.Line < 1 || row.Field != at[2] {
			t.Fatalf("byte %d: %v: %#v", i, err, row)
		}
		found[at[2]] = true
	}
	if len(found) < 4 {
		t.Errorf("errors in %d columns, want 4 or more", len(found))
	}
}
