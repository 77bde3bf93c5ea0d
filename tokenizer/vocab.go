package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// mergeList reads merges as "a b" or as ["a", "b"].
type mergeList [][2]string

func (l *mergeList) UnmarshalJSON(data []byte) error {
	var raw []any
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*l = make(mergeList, len(raw))
	for i, r := range raw {
		switch r := r.(type) {
		case string:
			a, b, ok := strings.Cut(r, " ")
			if !ok || strings.Contains(b, " ") {
				return fmt.Errorf("merges[%d]: %q: want two pieces with one space between", i, r)
			}
			(*l)[i] = [2]string{a, b}
		case []any:
			if len(r) != 2 {
				return fmt.Errorf("merges[%d]: %d pieces, want 2", i, len(r))
			}
			a, isString := r[0].(string)
			b, areStrings := r[1].(string)
			if !isString || !areStrings {
				return fmt.Errorf("merges[%d]: want two strings", i)
			}
			(*l)[i] = [2]string{a, b}
		default:
			return fmt.Errorf("merges[%d]: want \"a b\" or [\"a\", \"b\"]", i)
		}
	}
	return nil
}

// parseModel reads the vocabulary and what the model does with it. The ids of the added tokens may be above the vocabulary's.
func (t *Tokenizer) parseModel(raw json.RawMessage, byteLevel bool, added []addedToken) error {
	if isNull(raw) {
		return fmt.Errorf("is missing")
	}
	typ, err := modelType(raw)
	if err != nil {
		return err
	}
	switch typ {
	case "BPE":
		return t.parseBPE(raw, byteLevel, added)
	case "Unigram":
		return t.parseUnigram(raw, byteLevel, added)
	case "WordLevel":
		return t.parseWordLevel(raw, byteLevel, added)
	}
	return unsupported(typ, "BPE, Unigram, WordLevel")
}

// modelType is the type of a model, "" if there is none. Old files do not name it: what has merges is BPE.
func modelType(raw json.RawMessage) (string, error) {
	var head struct {
		Type   *string
		Merges json.RawMessage
	}
	if isNull(raw) {
		return "", nil
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", err
	}
	if head.Type == nil && head.Merges != nil {
		return "BPE", nil
	}
	return open(raw)
}

// parseBPE reads the vocabulary and the merges.
func (t *Tokenizer) parseBPE(raw json.RawMessage, byteLevel bool, added []addedToken) error {
	var c struct {
		Type                    string
		Dropout                 *float64
		UnkToken                *string `json:"unk_token"`
		ContinuingSubwordPrefix *string `json:"continuing_subword_prefix"`
		EndOfWordSuffix         *string `json:"end_of_word_suffix"`
		FuseUnk                 bool    `json:"fuse_unk"`
		ByteFallback            bool    `json:"byte_fallback"`
		IgnoreMerges            bool    `json:"ignore_merges"`
		Vocab                   map[string]int64
		Merges                  mergeList
	}
	if err := fill(raw, "BPE", &c); err != nil {
		return err
	}
	switch {
	case c.Dropout != nil && *c.Dropout != 0:
		return fmt.Errorf("dropout %g is not supported: ids must not depend on chance", *c.Dropout)
	case c.ContinuingSubwordPrefix != nil && *c.ContinuingSubwordPrefix != "":
		return fmt.Errorf("continuing_subword_prefix %q is not supported", *c.ContinuingSubwordPrefix)
	case c.EndOfWordSuffix != nil && *c.EndOfWordSuffix != "":
		return fmt.Errorf("end_of_word_suffix %q is not supported", *c.EndOfWordSuffix)
	case c.Vocab == nil || c.Merges == nil:
		return fmt.Errorf("vocab or merges is missing")
	}
	if err := t.parseVocab(c.Vocab, added); err != nil {
		return fmt.Errorf("vocab: %w", err)
	}
	m := &bpe{byteLevel: byteLevel, ignoreMerges: c.IgnoreMerges, fuseUnk: c.FuseUnk, unk: -1}
	t.model = m
	m.fallback = c.ByteFallback
	for b := range 256 {
		piece := fmt.Sprintf("<0x%02X>", b)
		if byteLevel {
			piece = string(byteRune[b])
		}
		id, ok := t.ids[piece]
		if !ok {
			id = -1
		}
		m.bytes[b] = id
	}
	complete := (byteLevel || m.fallback) && !slices.Contains(m.bytes[:], -1)
	if c.UnkToken != nil {
		id, ok := t.ids[*c.UnkToken]
		if ok {
			m.unk = id
		} else if !complete { // otherwise no character is unknown
			return fmt.Errorf("unk_token %q is not in vocab", *c.UnkToken)
		}
	}
	pairs, result := make([]uint64, len(c.Merges)), make([]int32, len(c.Merges))
	for i, merge := range c.Merges {
		var id [3]int32
		for k, piece := range [3]string{merge[0], merge[1], merge[0] + merge[1]} {
			var ok bool
			if id[k], ok = t.ids[piece]; !ok {
				return fmt.Errorf("merges[%d]: the piece %q is not in vocab", i, piece)
			}
		}
		pairs[i], result[i] = pairKey(id[0], id[1]), id[2]
	}
	m.merges = newMergeTable(pairs, result)

	// A dropped character between two "▁" would make them adjacent.
	if _, ok := t.ids[sentenceSpace]; ok && !byteLevel && !m.ignoreMerges && (complete || m.unk >= 0) {
		m.cutSpaces = true
		for _, merge := range c.Merges {
			if strings.HasPrefix(merge[1], sentenceSpace) && !strings.HasSuffix(merge[0], sentenceSpace) {
				m.cutSpaces = false
				break
			}
		}
	}
	if byteLevel && !m.ignoreMerges {
		return nil
	}
	m.vocab = make(map[string]int32, len(c.Vocab))
	for piece, id := range c.Vocab {
		if !byteLevel {
			m.vocab[piece] = int32(id)
		} else if b, ok := bytesOf(piece); ok {
			m.vocab[string(b)] = int32(id)
		}
	}
	return nil
}

// parseVocab lays out the pieces by id, with room for the added tokens. The file's size bounds memory: the largest id may be
// at most four times the number of pieces plus a few thousand.
func (t *Tokenizer) parseVocab(vocab map[string]int64, added []addedToken) error {
	bound := 4*int64(len(vocab)+len(added)) + 4096
	size := int64(0)
	for piece, id := range vocab {
		if id < 0 || id >= bound {
			return fmt.Errorf("%q: id %d of %d pieces is out of range", piece, id, len(vocab))
		}
		if !utf8.ValidString(piece) {
			return fmt.Errorf("%q is not UTF-8", piece)
		}
		size = max(size, id+1)
	}
	for _, a := range added {
		if a.ID < 0 || int64(a.ID) >= bound {
			return fmt.Errorf("added token %q: id %d is out of range", a.Content, a.ID)
		}
		size = max(size, int64(a.ID)+1)
	}
	t.pieces, t.special, t.ids = make([]string, size), make([]bool, size), make(map[string]int32, len(vocab)+len(added))
	for piece, id := range vocab {
		if piece == "" {
			continue
		}
		if old := t.pieces[id]; old != "" {
			return fmt.Errorf("%q and %q both have id %d", min(old, piece), max(old, piece), id)
		}
		t.pieces[id], t.ids[piece] = piece, int32(id)
	}
	return nil
}

// Bounds on the length of an added token, and on the length by which the normalizer may increase all of them together, so
// that a file's size bounds its memory.
const (
	maxAddedBytes = 4096
	addedGrowth   = 4
	addedSlack    = 1 << 20
)

// parseAdded enters the added tokens. An added token that is also in the vocabulary must have the same id there.
func (t *Tokenizer) parseAdded(added []addedToken) error {
	budget := addedSlack
	for _, a := range added {
		budget += addedGrowth * len(a.Content)
	}
	for i, a := range added {
		if a.Content == "" {
			return fmt.Errorf("[%d]: content is empty", i)
		}
		if len(a.Content) > maxAddedBytes {
			return fmt.Errorf("[%d]: content has %d bytes; more than %d is not supported", i, len(a.Content), maxAddedBytes)
		}
		if id, ok := t.ids[a.Content]; ok && id != a.ID {
			return fmt.Errorf("[%d]: %q has id %d, but %d in vocab", i, a.Content, a.ID, id)
		}
		if old := t.pieces[a.ID]; old != "" && old != a.Content {
			return fmt.Errorf("[%d]: %q has id %d, which is that of %q", i, a.Content, a.ID, old)
		}
		t.pieces[a.ID], t.ids[a.Content] = a.Content, a.ID
		t.special[a.ID] = t.special[a.ID] || a.Special
		set, content := &t.raw, a.Content
		if a.Normalized {
			set = &t.normalized
			for _, step := range t.normalizer {
				content = step.rewrite(content)
				if budget -= len(content); budget < 0 && len(content) > len(a.Content) {
					return fmt.Errorf("[%d]: the normalizer makes the tokens too long", i)
				}
			}
		}
		if *set == nil {
			*set = &addedSet{}
		}
		(*set).add(content, a)
	}
	for _, set := range []*addedSet{t.raw, t.normalized} {
		if set != nil {
			set.sort()
		}
	}
	return nil
}
