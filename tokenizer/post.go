package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// parsePost reads the post-processors. All that are supported put ids before and after a text, or nothing.
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
	case "ByteLevel": // changes only offsets
		return fill(raw, typ, &byteLevelFields{})
	case "TemplateProcessing":
		if err := t.parseTemplate(raw); err != nil {
			return fmt.Errorf("%s: %w", typ, err)
		}
		return nil
	}
	return unsupported(typ, "Sequence, ByteLevel, TemplateProcessing")
}

// maxTemplate is the most ids that a template may put around a text.
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

// Names of special tokens that begin and end documents, for files that do not say which do.
var (
	bosNames = []string{"<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "<|endoftext|>"}
	eosNames = []string{"</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>", "<|im_end|>"}
)

// tokenizerConfig has the fields of a tokenizer_config.json that have an effect on ids.
type tokenizerConfig struct {
	BOS            json.RawMessage            `json:"bos_token"`
	EOS            json.RawMessage            `json:"eos_token"`
	Unk            json.RawMessage            `json:"unk_token"`
	Sep            json.RawMessage            `json:"sep_token"`
	Pad            json.RawMessage            `json:"pad_token"`
	Cls            json.RawMessage            `json:"cls_token"`
	Mask           json.RawMessage            `json:"mask_token"`
	Special        []json.RawMessage          `json:"additional_special_tokens"`
	Added          map[string]json.RawMessage `json:"added_tokens_decoder"`
	AddBOS         *bool                      `json:"add_bos_token"`
	AddEOS         *bool                      `json:"add_eos_token"`
	AddPrefixSpace *bool                      `json:"add_prefix_space"`
}

// withNamed adds to the added tokens those that the configuration names, as transformers does: a token of the vocabulary
// becomes an added token, and tokens with a role are special. A token that is in neither list is left to checkAdded.
func (t *Tokenizer) withNamed(added []addedToken, c tokenizerConfig) []addedToken {
	place := map[string]int{}
	for i, a := range added {
		place[a.Content] = i
	}
	name := func(raw json.RawMessage, special bool) {
		var a addedToken
		content, err := tokenText(raw)
		if err != nil || content == "" { // parseConfig reports the error
			return
		}
		if raw[0] == '{' && json.Unmarshal(raw, &a) != nil {
			a = addedToken{}
		}
		special = special || a.Special
		if i, ok := place[content]; ok {
			added[i].Special = added[i].Special || special
		} else if id, ok := t.ids[content]; ok {
			a.ID, a.Content, a.Special = id, content, special
			place[content] = len(added)
			added = append(added, a)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Added)) {
		name(c.Added[id], false)
	}
	for _, raw := range append([]json.RawMessage{c.BOS, c.EOS, c.Unk, c.Sep, c.Pad, c.Cls, c.Mask}, c.Special...) {
		name(raw, true)
	}
	return added
}

// withSpecialTokensMap puts the special tokens of a special_tokens_map.json into a tokenizer_config.json (either may be
// empty). Configurations without an added_tokens_decoder, as were written before 2023, have them only in that file. name is
// for errors.
func withSpecialTokensMap(config, special []byte) (merged []byte, name string, err error) {
	name = "tokenizer_config.json"
	fields, named := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &fields); err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(special) == 0 || fields["added_tokens_decoder"] != nil {
		return config, name, nil
	}
	if err := json.Unmarshal(special, &named); err != nil {
		return nil, "", fmt.Errorf("special_tokens_map.json: %w", err)
	}
	for _, token := range append([]string{"additional_special_tokens"}, specialNames...) {
		if named[token] != nil {
			fields[token] = named[token]
		}
	}
	merged, err = json.Marshal(fields)
	return merged, name + " with special_tokens_map.json", err
}

// checkAdded refuses an added token of another file that tokenizer.json lacks: its text would become other ids.
func (t *Tokenizer) checkAdded(content string) error {
	if _, ok := t.ids[content]; !ok && content != "" {
		return fmt.Errorf("%q is not in tokenizer.json; write that file again with transformers: AutoTokenizer.from_pretrained(dir).save_pretrained(dir)", strings.ToValidUTF8(content, "?"))
	}
	return nil
}

// checkAddedFile checks the tokens of an added_tokens.json, {"content": id}.
func (t *Tokenizer) checkAddedFile(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var added map[string]int64
	if err := json.Unmarshal(data, &added); err != nil {
		return err
	}
	for _, content := range slices.Sorted(maps.Keys(added)) {
		if err := t.checkAdded(content); err != nil {
			return err
		}
	}
	return nil
}

// parseConfig finds the ids that begin and end a document.
func (t *Tokenizer) parseConfig(c tokenizerConfig) error {
	for i, raw := range c.Special {
		content, err := tokenText(raw)
		if err == nil {
			err = t.checkAdded(content)
		}
		if err != nil {
			return fmt.Errorf("additional_special_tokens[%d]: %w", i, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Added)) {
		content, err := tokenText(c.Added[id])
		if err == nil {
			err = t.checkAdded(content)
		}
		if err != nil {
			return fmt.Errorf("added_tokens_decoder: %s: %w", id, err)
		}
	}
	var err error
	if t.bos, err = t.configToken("bos_token", c.BOS, bosNames, t.prefix); err != nil {
		return err
	}
	if t.eos, err = t.configToken("eos_token", c.EOS, eosNames, nil); err != nil {
		return err
	}
	t.namesBOS = len(c.BOS) > 0 && t.bos >= 0
	// The configuration takes precedence over the template, as in transformers.
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

// configToken resolves a token of the configuration; null and "" mean no token. If the field is absent, it returns the first
// id of fallback or the first special token with one of the names.
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
	content, err := tokenText(raw)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", field, err)
	}
	if content == "" {
		return -1, nil
	}
	id, ok := t.ids[content]
	if !ok {
		return -1, fmt.Errorf("%s: %q is neither in vocab nor in added_tokens of tokenizer.json", field, strings.ToValidUTF8(content, "?"))
	}
	return id, nil
}

// tokenText reads a token of the configuration: a string, {"content": string}, or null for no token, which gives "".
func tokenText(raw json.RawMessage) (content string, err error) {
	if len(raw) == 0 {
		return "", nil
	}
	if raw[0] == '{' {
		var c struct{ Content string }
		err = json.Unmarshal(raw, &c)
		return c.Content, err
	}
	err = json.Unmarshal(raw, &content)
	return content, err
}
