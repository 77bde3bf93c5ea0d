package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"reprise/internal/testfiles"
	"reprise/tokenizer"
)

// documentsDigest is the SHA-256 of all ids and targets.
func documentsDigest(docs []Document) string {
	h := sha256.New()
	var b []byte
	for _, d := range docs {
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(len(d.IDs)))
		for i, id := range d.IDs {
			learnt := byte(0)
			if d.Target[i] {
				learnt = 1
			}
			b = append(binary.LittleEndian.AppendUint32(b, uint32(id)), learnt)
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// The ids and targets of these data sets are those of all runs and records so far: a change of how rows are read must not touch them.
func TestSharedDataStaysTheSame(t *testing.T) {
	for _, c := range []struct{ set, model, want string }{
		{"teleqna", "stories260K", "7669a59e205edccd"}, {"teleqna", "gpt2", "c5d8457769178b66"},
		{"spider", "stories260K", "69c11595306e00f2"}, {"spider", "gpt2", "b3eb701a2b6b2533"},
		{"systemsapproach", "stories260K", "439d7c4d284d9a3f"}, {"systemsapproach", "gpt2", "b5c6e804f596970f"},
		{"wikisql", "gpt2", "c5a98ac2b9d66449"}, {"arc-easy", "gpt2", "cdb0bf76dbbfd629"},
	} {
		where := "models"
		if c.model == "gpt2" {
			where = "tokenizers"
		}
		tok, err := tokenizer.Load(testfiles.Path(t, where, c.model))
		if err != nil {
			t.Fatal(err)
		}
		docs, stats, err := LoadDocuments(testfiles.Path(t, "data", c.set), tok, Options{MaxSeqLen: 512, Evaluation: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := documentsDigest(docs); got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.set, c.model, got, c.want)
		}
		for _, text := range stats.Notices(512) {
			if strings.Contains(text, "not known") {
				t.Errorf("%s: %s", c.set, text)
			}
		}
	}
}
