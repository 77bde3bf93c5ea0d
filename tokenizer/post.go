package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// parsePost reads what is put around a text: only ids in front and behind, whatever the processors.
func (t *Tokenizer) parsePost(raw json.RawMessage) error {
	typ, err := open(raw)
	if typ == "" || err != nil {
		return err
	}
	switch typ {
	case "Sequence":
		var c struct {
			Type       string
			Processors []json.RawMessage
		}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		for i, raw := range c.Processors {
			if err := t.parsePost(raw); err != nil {
				return fmt.Errorf("processors[%d]: %w", i, err)
			}
		}
		return nil
	case "ByteLevel": // changes offsets only
		return fill(raw, typ, &byteLevelFields{})
	case "TemplateProcessing":
		if err := t.parseTemplate(raw); err != nil {
			return fmt.Errorf("%s: %w", typ, err)
		}
		return nil
	}
	return unsupported(typ, "Sequence, ByteLevel, TemplateProcessing")
}

// maxTemplate is how many ids may stand around a text.
const maxTemplate = 256

// parseTemplate reads the template of a single text: special tokens around one "A".
func (t *Tokenizer) parseTemplate(raw json.RawMessage) error {
	type ref struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	}
	var c struct {
		Type          string
		Single        []struct{ SpecialToken, Sequence *ref }
		Pair          json.RawMessage // templates of two texts are not used
		SpecialTokens map[string]struct {
			ID     string
			IDs    []int32
			Tokens []string
		} `json:"special_tokens"`
	}
	if err := fill(raw, "single", &c); err != nil {
		return err
	}
	var before, after []int32
	seen := false
	for i, part := range c.Single {
		switch {
		case part.Sequence != nil && part.SpecialToken == nil:
			if part.Sequence.ID != "A" || seen {
				return fmt.Errorf("single[%d]: want the sequence A once, not %q", i, part.Sequence.ID)
			}
			seen = true
		case part.SpecialToken != nil && part.Sequence == nil:
			tok, ok := c.SpecialTokens[part.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("single[%d]: %q is not in special_tokens", i, part.SpecialToken.ID)
			}
			for _, id := range tok.IDs {
				if t.Piece(id) == "" {
					return fmt.Errorf("special_tokens: %q: no piece has id %d", part.SpecialToken.ID, id)
				}
			}
			if seen {
				after = append(after, tok.IDs...)
			} else {
				before = append(before, tok.IDs...)
			}
			if n := len(before) + len(after) + len(t.prefix) + len(t.suffix); n > maxTemplate {
				return fmt.Errorf("single[%d]: more than %d special tokens around a text are not supported", i, maxTemplate)
			}
		default:
			return fmt.Errorf("single[%d]: want SpecialToken or Sequence", i)
		}
	}
	if !seen {
		return fmt.Errorf("single: the sequence A is missing")
	}
	t.prefix = append(before, t.prefix...)
	t.suffix = append(t.suffix, after...)
	return nil
}

// Names of special tokens that begin and end documents, for files that do not say.
var (
	bosNames = []string{"<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "<|endoftext|>"}
	eosNames = []string{"</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>", "<|im_end|>"}
)

// tokenizerConfig is what of a tokenizer_config.json decides ids.
type tokenizerConfig struct {
	BOS            json.RawMessage `json:"bos_token"`
	EOS            json.RawMessage `json:"eos_token"`
	AddBOS         *bool           `json:"add_bos_token"`
	AddEOS         *bool           `json:"add_eos_token"`
	AddPrefixSpace *bool           `json:"add_prefix_space"`
}

// parseConfig finds the ids that begin and end a document.
func (t *Tokenizer) parseConfig(c tokenizerConfig) error {
	var err error
	if t.bos, err = t.configToken("bos_token", c.BOS, bosNames, t.prefix); err != nil {
		return err
	}
	if t.eos, err = t.configToken("eos_token", c.EOS, eosNames, nil); err != nil {
		return err
	}
	// What the configuration says goes before the template, as transformers has it.
	if c.AddBOS != nil && t.bos >= 0 && *c.AddBOS != slices.Contains(t.prefix, t.bos) {
		if *c.AddBOS {
			t.prefix = append([]int32{t.bos}, t.prefix...)
		} else {
			t.prefix = slices.DeleteFunc(t.prefix, func(id int32) bool { return id == t.bos })
		}
	}
	if c.AddEOS != nil && t.eos >= 0 && *c.AddEOS != slices.Contains(t.suffix, t.eos) {
		if *c.AddEOS {
			t.suffix = append(t.suffix, t.eos)
		} else {
			t.suffix = slices.DeleteFunc(t.suffix, func(id int32) bool { return id == t.eos })
		}
	}
	t.addsBOS = t.bos >= 0 && len(t.prefix) > 0 && t.prefix[0] == t.bos
	return nil
}

// configToken resolves a token of the configuration: a string, {"content": string} or null for none. Where the field is
// absent, the first id of fallback or the first special token with one of the names.
func (t *Tokenizer) configToken(field string, raw json.RawMessage, names []string, fallback []int32) (int32, error) {
	if len(raw) == 0 {
		if len(fallback) > 0 {
			return fallback[0], nil
		}
		for _, name := range names {
			if id, ok := t.ids[name]; ok && t.special[id] {
				return id, nil
			}
		}
		return -1, nil
	}
	if isNull(raw) {
		return -1, nil
	}
	var content string
	if raw[0] == '{' {
		var c struct{ Content string }
		if err := json.Unmarshal(raw, &c); err != nil {
			return -1, fmt.Errorf("%s: %w", field, err)
		}
		content = c.Content
	} else if err := json.Unmarshal(raw, &content); err != nil {
		return -1, fmt.Errorf("%s: %w", field, err)
	}
	id, ok := t.ids[content]
	if !ok {
		return -1, fmt.Errorf("%s: %q is neither in vocab nor in added_tokens of tokenizer.json", field, strings.ToValidUTF8(content, "?"))
	}
	return id, nil
}
