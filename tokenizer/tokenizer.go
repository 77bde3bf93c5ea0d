package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"reprise/internal/hub"
)

// Tokenizer holds a vocabulary and the steps around it. After loading only SetEOS changes it.
type Tokenizer struct {
	pieces  []string         // id → piece; "" for an id without a piece
	ids     map[string]int32 // piece → id, added tokens included
	special []bool           // id → special token

	raw, normalized *addedSet // added tokens looked for before and after the normalizer; nil if there are no such tokens
	normalizer      normalizer
	pre             preTokenizer
	inside          struct { // the same two for a part that continues a text: without what they add at a text's beginning
		normalizer normalizer
		pre        preTokenizer
	}
	model          *bpe
	prefix, suffix []int32 // ids that the post-processor puts around a text
	decoder        []decodeStep
	byteText       [][]byte // with a ByteLevel decoder: id → the bytes that it stands for

	bos, eos    int32 // -1: none
	namesBOS    bool
	rows        int // of the model's embedding; 0: not known
	addsBOS     bool
	prefixSpace bool   // byte-level: a space is added before a text
	space       string // what a completion begins with to stand one space after its prompt; "" where the normalizer puts it there
	chat        chat
	chatOnce    sync.Once
	fingerprint string
	encoders    sync.Pool // *encoder
}

// Load reads a tokenizer from the path of a tokenizer.json, of a model directory that holds one, or of a folder of the Hugging
// Face cache (models--ORG--NAME). A tokenizer_config.json, a special_tokens_map.json, an added_tokens.json, a chat_template.jinja
// and an additional_chat_templates/tool_use.jinja beside it are read too if present. Errors name the file and the field.
func Load(path string) (*Tokenizer, error) {
	path, err := hub.Snapshot(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if path, err = hub.Inside(path, "tokenizer.json"); err != nil {
			return nil, fmt.Errorf("tokenizer: %w", err)
		}
	}
	data, err := hub.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer: %w: give a model directory that holds a tokenizer.json, or write one with transformers: AutoTokenizer.from_pretrained(dir).save_pretrained(dir)", missing(path))
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: reading: %w", err)
	}
	beside := map[string][]byte{}
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", toolTemplate} {
		text, err := hub.ReadFile(filepath.Dir(path), name, maxFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("tokenizer: reading: %w", err)
		}
		beside[name] = text
	}
	t, err := parseFiles(data, beside)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", filepath.Dir(path), err)
	}
	return t, nil
}

// maxFile bounds each of a tokenizer's files, in bytes. The largest known, with 260,000 tokens, have some 35 MB.
const maxFile = 128 << 20

// toolTemplate is the file of the template for conversations with tools.
const toolTemplate = "additional_chat_templates/tool_use.jinja"

// missing is the fs.ErrNotExist of a file, in plain words.
type missing string

func (path missing) Error() string { return string(path) + " is missing" }
func (path missing) Unwrap() error { return fs.ErrNotExist }

func parseFiles(tokenizerJSON []byte, beside map[string][]byte) (*Tokenizer, error) {
	config, configName, err := withSpecialTokensMap(beside["tokenizer_config.json"], beside["special_tokens_map.json"])
	if err != nil {
		return nil, err
	}
	t, err := parseWith(tokenizerJSON, config, configName)
	if err != nil {
		return nil, err
	}
	if err := t.checkAddedFile(beside["added_tokens.json"]); err != nil {
		return nil, fmt.Errorf("added_tokens.json: %w", err)
	}
	if template, tools := beside["chat_template.jinja"], beside[toolTemplate]; template != nil || tools != nil {
		err = t.parseChat(config, template, tools)
	}
	return t, err
}

// VocabSize is the largest id plus one, added tokens included. A model's embedding may have more rows.
func (t *Tokenizer) VocabSize() int { return len(t.pieces) }

// Fingerprint is the SHA-256 of tokenizer.json in hexadecimal digits.
func (t *Tokenizer) Fingerprint() string { return t.fingerprint }

func fingerprint(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// BOS is the id that begins a document, if there is one.
func (t *Tokenizer) BOS() (id int32, ok bool) { return max(t.bos, 0), t.bos >= 0 }

// NamesBOS reports whether a configuration names BOS; otherwise BOS is a special token with a usual name, which the model may never
// have read.
func (t *Tokenizer) NamesBOS() bool { return t.namesBOS }

// EOS is the id that ends a document, if there is one.
func (t *Tokenizer) EOS() (id int32, ok bool) { return max(t.eos, 0), t.eos >= 0 }

// SetEOS makes id the one that ends a document. It must not run at the same time as other methods. It panics on an id
// outside the vocabulary.
func (t *Tokenizer) SetEOS(id int32) {
	if id < 0 || int(id) >= len(t.pieces) {
		panic(fmt.Sprintf("tokenizer: SetEOS(%d): the vocabulary has %d ids", id, len(t.pieces)))
	}
	t.eos = id
}

// Unknown is the id that stands for characters without one of their own, if there is one.
func (t *Tokenizer) Unknown() (id int32, ok bool) { return max(t.model.unk, 0), t.model.unk >= 0 }

// AddsBOS reports whether a text begins with BOS when special tokens are added.
func (t *Tokenizer) AddsBOS() bool { return t.addsBOS }

// ByteLevel reports whether pieces are sequences of bytes (GPT-2's form); false means SentencePiece's form.
func (t *Tokenizer) ByteLevel() bool { return t.model.byteLevel }

// PrefixSpace reports whether a space is added before a text that does not begin with one. Only for ByteLevel.
func (t *Tokenizer) PrefixSpace() bool { return t.prefixSpace }

// Piece is the piece of an id as tokenizer.json writes it, "" if the id has no piece.
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id]
}

// ID is the id of a piece as tokenizer.json writes it.
func (t *Tokenizer) ID(piece string) (int32, bool) {
	id, ok := t.ids[piece]
	return id, ok
}

// IsSpecial reports whether an id is that of a special token, which Decode can leave out.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return id >= 0 && int(id) < len(t.special) && t.special[id]
}

// Encode returns the ids of a text. Added tokens that occur literally in the text become their ids. With addSpecial the
// post-processor's ids (in most models BOS) are put around the ids of the text.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	e := t.encoders.Get().(*encoder)
	ids := make([]int32, 0, len(text)/3+len(t.prefix)+len(t.suffix))
	if addSpecial {
		ids = append(ids, t.prefix...)
	}
	e.out = ids
	t.encode(e, text, false)
	ids = e.out
	e.out = nil
	t.encoders.Put(e)
	if addSpecial {
		ids = append(ids, t.suffix...)
	}
	return ids
}

// encode appends the ids of a text. inside says that the text continues another one, which did not end with an added token.
// The result is inside for the text that continues this one.
func (t *Tokenizer) encode(e *encoder, text string, inside bool) bool {
	begins := !inside
	t.raw.split(text, func(part string, id int32, first bool) {
		if id >= 0 {
			e.out = append(e.out, id)
			inside = false
			return
		}
		norm := t.normalizer
		if inside {
			norm = t.inside.normalizer
		}
		part, whole := norm.apply(part)
		t.normalized.split(part, func(part string, id int32, head bool) {
			if id >= 0 {
				e.out = append(e.out, id)
				inside = false
				return
			}
			pre, start := t.pre, begins && first && head && whole
			if inside {
				pre, start = t.inside.pre, whole
			}
			pre.each(part, start, e.word)
			inside = true
		})
	})
	return inside
}

// EncodeParts returns the ids of a text that is given in parts: what Encode gives for the whole without special tokens,
// except that no id crosses a seam. This is how a model sees a text that it continues.
func (t *Tokenizer) EncodeParts(parts []string) [][]int32 {
	e := t.encoders.Get().(*encoder)
	out := make([][]int32, len(parts))
	inside := false
	for i, part := range parts {
		e.out = make([]int32, 0, len(part)/3)
		inside = t.encode(e, part, inside)
		out[i] = e.out
	}
	e.out = nil
	t.encoders.Put(e)
	return out
}
