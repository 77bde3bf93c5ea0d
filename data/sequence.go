package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"reprise/loss"
)

// Document is a tokenised sample, or one window of a sample that is longer than a sequence.
type Document struct {
	IDs    []int32
	Target []bool // Target[i]: token i carries loss, predicted from the tokens before it. Target[0] is always false
	Bytes  int    // length in bytes of the text that carries loss, without the end id
	EndID  bool   // the last token is the end-of-text id
	Source string // file that the sample is from
	Line   int    // line of the file where the sample starts, from 1; of Parquet the row
}

// Origin says, for messages, where the document comes from: "a.jsonl, line 3", or "made in memory".
func (d *Document) Origin() string {
	if d.Source == "" {
		return "made in memory"
	}
	return fmt.Sprintf("%s, %s %d", d.Source, unit(d.Source), d.Line)
}

// Targets is the number of tokens that carry loss.
func (d *Document) Targets() int { return count(d.Target) }

// Sequence is a pack: documents end to end, with the subsets that Stage 0 recorded for them, if any.
type Sequence struct {
	IDs       []int32
	Target    []bool        // as in Document; false at the start of every document
	DocStarts []int32       // ascending; the first is 0
	Subsets   *loss.Subsets // at the positions that carry loss, in order; nil: nothing is recorded
}

// With returns the sequence with subsets that Stage 0 recorded for it.
func (s Sequence) With(u *loss.Subsets) *Sequence {
	s.Subsets = u
	return &s
}

// Targets is the number of tokens that carry loss.
func (s *Sequence) Targets() int { return count(s.Target) }

// Longest is the number of tokens of the longest document.
func (s *Sequence) Longest() int {
	n := 0
	for i, from := range s.DocStarts {
		to := len(s.IDs)
		if i+1 < len(s.DocStarts) {
			to = int(s.DocStarts[i+1])
		}
		n = max(n, to-int(from))
	}
	return n
}

func count(target []bool) int {
	n := 0
	for _, t := range target {
		if t {
			n++
		}
	}
	return n
}

// Digester computes the digest of packed data, one sequence after another.
type Digester struct {
	h   hash.Hash
	buf []byte
}

// NewDigester starts an empty digest.
func NewDigester() *Digester { return &Digester{h: sha256.New()} }

// Add continues the digest with a sequence: the numbers of tokens and documents, the ids, one byte per target flag and the
// starts of the documents, integers as 32 bits, little-endian.
func (d *Digester) Add(s *Sequence) {
	le := binary.LittleEndian
	b := d.buf[:0]
	b = le.AppendUint32(b, uint32(len(s.IDs)))
	b = le.AppendUint32(b, uint32(len(s.DocStarts)))
	for _, id := range s.IDs {
		b = le.AppendUint32(b, uint32(id))
	}
	for _, t := range s.Target {
		if t {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	for _, p := range s.DocStarts {
		b = le.AppendUint32(b, uint32(p))
	}
	d.buf = b
	d.h.Write(b)
}

// Sum is the SHA-256 of the sequences added so far.
func (d *Digester) Sum() [32]byte { return [32]byte(d.h.Sum(nil)) }

// Digest is the SHA-256 that identifies packed data; see [Digester.Add] for what it covers.
func Digest(seqs []Sequence) [32]byte {
	d := NewDigester()
	for i := range seqs {
		d.Add(&seqs[i])
	}
	return d.Sum()
}
