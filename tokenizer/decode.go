package tokenizer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decodeStep rewrites the pieces of a list of ids.
type decodeStep func(pieces []string) []string

// Decode returns the text of ids, always valid UTF-8: bytes that form no character become U+FFFD. With skipSpecial, special
// tokens are left out. Ids without a piece are left out too.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	if t.byteText != nil {
		var out []byte
		for _, id := range ids {
			if id >= 0 && int(id) < len(t.byteText) && !(skipSpecial && t.special[id]) {
				out = append(out, t.byteText[id]...)
			}
		}
		return lossy(out)
	}
	pieces := make([]string, 0, len(ids))
	for _, id := range ids {
		if piece := t.Piece(id); piece != "" && !(skipSpecial && t.special[id]) {
			pieces = append(pieces, piece)
		}
	}
	if t.decoder == nil {
		return strings.Join(pieces, " ")
	}
	for _, step := range t.decoder {
		pieces = step(pieces)
	}
	return lossy([]byte(strings.Join(pieces, "")))
}

func (t *Tokenizer) parseDecoder(raw json.RawMessage) error {
	typ, err := open(raw)
	if err != nil {
		return err
	}
	if typ == "ByteLevel" { // by itself: a table
		t.byteText = make([][]byte, len(t.pieces))
		for id, piece := range t.pieces {
			b, ok := bytesOf(piece)
			if !ok {
				b = []byte(piece)
			}
			t.byteText[id] = b
		}
		return fill(raw, typ, &byteLevelFields{})
	}
	growth := 1.0
	t.decoder, err = parseDecoderSteps(raw, &growth)
	return err
}

// parseDecoderSteps reads the steps of a decoder, and multiplies growth by the factor by which they can lengthen a text.
func parseDecoderSteps(raw json.RawMessage, growth *float64) ([]decodeStep, error) {
	typ, err := open(raw)
	if typ == "" || err != nil {
		return nil, err
	}
	one := func(step decodeStep, err error) ([]decodeStep, error) { return []decodeStep{step}, err }
	switch typ {
	case "Sequence":
		var c struct {
			Type     string
			Decoders []json.RawMessage
		}
		if err := fill(raw, typ, &c); err != nil {
			return nil, err
		}
		all := []decodeStep{}
		for i, raw := range c.Decoders {
			steps, err := parseDecoderSteps(raw, growth)
			if err != nil {
				return nil, fmt.Errorf("decoders[%d]: %w", i, err)
			}
			if all = append(all, steps...); len(all) > maxSteps {
				return nil, fmt.Errorf("decoders[%d]: more than %d steps are not supported", i, maxSteps)
			}
		}
		return all, nil
	case "ByteLevel":
		return one(decodeByteLevel, fill(raw, typ, &byteLevelFields{}))
	case "ByteFallback":
		return one(decodeByteFallback, fill(raw, typ, &struct{ Type string }{}))
	case "Fuse":
		return one(fuse, fill(raw, typ, &struct{ Type string }{}))
	case "Replace":
		m, content, longer, err := parseReplace(raw)
		if *growth *= longer; err == nil && *growth > maxGrowth {
			return nil, errGrowth(typ)
		}
		return one(eachPiece(replaceAll(m, content)), err)
	case "Strip":
		var c struct {
			Type, Content string
			Start, Stop   int
		}
		if err := fill(raw, typ, &c); err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(c.Content) != 1 || c.Start < 0 || c.Stop < 0 {
			//lint:ignore ST1005 the part's name as the file has it
			return nil, fmt.Errorf("Strip: want a content of one character, start and stop of 0 or more")
		}
		return one(eachPiece(func(s string) string {
			for n := 0; n < c.Start && strings.HasPrefix(s, c.Content); n++ {
				s = s[len(c.Content):]
			}
			for n := 0; n < c.Stop && strings.HasSuffix(s, c.Content); n++ {
				s = s[:len(s)-len(c.Content)]
			}
			return s
		}), nil)
	case "Metaspace":
		c, err := parseMetaspace(raw)
		return one(func(pieces []string) []string {
			for i, p := range pieces {
				space := " "
				if i == 0 && c.Scheme != "never" {
					space = ""
				}
				pieces[i] = strings.ReplaceAll(p, c.Replacement, space)
			}
			return pieces
		}, err)
	}
	return nil, unsupported(typ, "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace")
}

func eachPiece(f func(string) string) decodeStep {
	return func(pieces []string) []string {
		for i, p := range pieces {
			pieces[i] = f(p)
		}
		return pieces
	}
}

func fuse(pieces []string) []string { return []string{strings.Join(pieces, "")} }

func decodeByteLevel(pieces []string) []string {
	var out []byte
	for _, p := range pieces {
		if b, ok := bytesOf(p); ok {
			out = append(out, b...)
		} else {
			out = append(out, p...)
		}
	}
	return []string{lossy(out)}
}

// decodeByteFallback turns runs of <0xNN> into the characters that they spell, or each of them into one U+FFFD.
func decodeByteFallback(pieces []string) []string {
	out := pieces[:0:0]
	var row []byte
	flush := func() {
		if len(row) > 0 && utf8.Valid(row) {
			out = append(out, string(row))
		} else {
			for range row {
				out = append(out, "\uFFFD")
			}
		}
		row = row[:0]
	}
	for _, p := range pieces {
		if len(p) == 6 && p[:3] == "<0x" && p[5] == '>' {
			if b, err := strconv.ParseUint(p[3:5], 16, 8); err == nil {
				row = append(row, byte(b))
				continue
			}
		}
		flush()
		out = append(out, p)
	}
	flush()
	return out
}
