package data

import (
	"strings"
	"testing"
)

// A MaxSeqLen of 0 means the default, in a file and in memory.
func TestMaxSeqLenDefault(t *testing.T) {
	text := strings.Repeat("a", 2*DefaultMaxSeqLen)
	tok := byteTokenizer(t, false)
	docs, _, err := LoadDocuments(write(t, "a.txt", text), tok, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, docs := range [][]Document{docs, Text(tok, text, Options{})} {
		if len(docs) != 2 || len(docs[0].IDs) != DefaultMaxSeqLen {
			t.Errorf("%d documents, the first of %d tokens; want 2 of %d", len(docs), len(docs[0].IDs), DefaultMaxSeqLen)
		}
	}
}
