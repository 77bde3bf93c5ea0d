package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"reprise/internal/magic"
)

// Parse reads a tokenizer from the bytes of tokenizer.json and of tokenizer_config.json (nil if absent). Errors name
// the file and the field.
func Parse(tokenizerJSON, tokenizerConfigJSON []byte) (*Tokenizer, error) {
	return parseWith(tokenizerJSON, tokenizerConfigJSON, "tokenizer_config.json")
}

// parseWith is Parse for a configuration from the files in configName, which errors name.
func parseWith(tokenizerJSON, configJSON []byte, configName string) (*Tokenizer, error) {
	t := &Tokenizer{fingerprint: fingerprint(tokenizerJSON)}
	var config tokenizerConfig
	if len(configJSON) > 0 {
		if err := json.Unmarshal(configJSON, &config); err != nil {
			return nil, fmt.Errorf("%s: %w", configName, err)
		}
	}
	if err := t.parse(tokenizerJSON, config); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	if err := t.parseConfig(config); err != nil {
		return nil, fmt.Errorf("%s: %w", configName, err)
	}
	if err := t.parseChat(configJSON, nil, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", configName, err)
	}
	t.space = " "
	if !t.model.byteLevel {
		word := ""
		x, whole := t.normalizer.apply("x")
		t.pre.each(x, whole, func(w string) {
			if word == "" {
				word = w
			}
		})
		if strings.HasPrefix(word, sentenceSpace) || strings.HasPrefix(word, " ") {
			t.space = ""
		}
	}
	return t, nil
}

// maxDepth is how deep lists and objects may be nested. It bounds memory: every level of components is read from a copy of
// its own.
const maxDepth = 16

// checkDepth refuses JSON that is nested deeper than maxDepth.
func checkDepth(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("byte %d: nested deeper than %d levels", i+1, maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// open returns the type of a component, "" if it is null or absent.
func open(raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	var head struct{ Type *string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", err
	}
	if head.Type == nil || *head.Type == "" {
		return "", fmt.Errorf("type is missing")
	}
	return *head.Type, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// fill reads a component's fields and refuses unknown ones.
func fill(raw json.RawMessage, typ string, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", typ, err)
	}
	return nil
}

// unsupported is the error for an unknown component.
func unsupported(typ, known string) error {
	return fmt.Errorf("type %q is not supported; known are %s", typ, known)
}

func (t *Tokenizer) parse(data []byte, config tokenizerConfig) error {
	var file struct {
		AddedTokens   []addedToken    `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         json.RawMessage `json:"model"`
	}
	if magic.IsPointer(data) {
		return errors.New("this is " + magic.Pointer + "; " + magic.Pull)
	}
	if magic.IsGGUF(data) {
		return errors.New("this is a GGUF file; give the Hugging Face directory that it was made from")
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("<")) {
		return errors.New("this is a web page, not the tokenizer itself: the download went wrong; download it again, logged in if the model asks for it")
	}
	if err := checkDepth(data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	norm := normParser{growth: 1}
	if err := norm.parse(file.Normalizer); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	t.normalizer, t.inside.normalizer = norm.steps, norm.inside
	pre := preParser{prefixSpace: config.AddPrefixSpace}
	if err := pre.parse(file.PreTokenizer); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	// BPE of bytes works on the bytes themselves, the other models on the characters that stand for them.
	if typ, _ := modelType(file.Model); pre.spelt && typ == "BPE" {
		pre.add(unspell)
	} else if pre.byteLevel && !pre.spelt && typ != "BPE" {
		pre.add(spell)
	}
	t.pre, t.inside.pre, t.prefixSpace = pre.steps, pre.inside, pre.prefixed
	if err := t.parseModel(file.Model, pre.byteLevel, file.AddedTokens); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if err := t.parseAdded(t.withNamed(file.AddedTokens, config)); err != nil {
		return fmt.Errorf("added_tokens: %w", err)
	}
	if err := t.parsePost(file.PostProcessor); err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	if err := t.parseDecoder(file.Decoder); err != nil {
		return fmt.Errorf("decoder: %w", err)
	}
	t.encoders.New = func() any { return newEncoder(t.model) }
	return nil
}

// pattern is {"String": …} or {"Regex": …}.
type pattern struct{ String, Regex *string }

// maxRegexBytes is far above real patterns (a few hundred bytes); compiling a pattern takes many times its size.
const maxRegexBytes = 1 << 14

func (p *pattern) matcher() (matcher, error) {
	switch {
	case p == nil || p.String == nil && p.Regex == nil:
		return matcher{}, fmt.Errorf("pattern is missing: want String or Regex")
	case p.String != nil && p.Regex != nil:
		return matcher{}, fmt.Errorf("pattern has both String and Regex")
	case p.String != nil && *p.String == "":
		return matcher{}, fmt.Errorf("pattern: String is empty")
	case p.String != nil:
		return matcher{literal: *p.String}, nil
	}
	if len(*p.Regex) > maxRegexBytes {
		return matcher{}, fmt.Errorf("pattern: Regex has %d bytes; more than %d is not supported", len(*p.Regex), maxRegexBytes)
	}
	re, err := newRegexp(*p.Regex)
	return matcher{re: re}, err
}

// maxGrowth is the largest factor by which the steps together may lengthen a text. Real normalizers stay below 60 (NFKC and
// a replaced space); without a bound, a chain of replacements could fill any memory.
const maxGrowth = 1024

// maxSteps is the most steps that a normalizer or a decoder may have.
const maxSteps = 32

func errGrowth(typ string) error {
	return fmt.Errorf("%s: texts may become more than %d times as long, which is not supported", typ, maxGrowth)
}

// normParser gathers the steps of the normalizer.
type normParser struct {
	steps, inside normalizer // inside: for a part that continues a text
	growth        float64    // product of the steps' largest factors
}

func (p *normParser) parse(raw json.RawMessage) error {
	typ, err := open(raw)
	if typ == "" || err != nil {
		return err
	}
	add := func(growth float64, err error, steps ...normStep) error {
		p.steps = append(p.steps, steps...)
		if typ != "Prepend" {
			p.inside = append(p.inside, steps...)
		}
		if p.growth *= growth; err == nil && p.growth > maxGrowth {
			return errGrowth(typ)
		}
		return err
	}
	none := func() error { return fill(raw, typ, &struct{ Type string }{}) } // there are no fields
	switch typ {
	case "Sequence":
		var c struct {
			Type        string
			Normalizers []json.RawMessage
		}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		for i, raw := range c.Normalizers {
			if err := p.parse(raw); err != nil {
				return fmt.Errorf("normalizers[%d]: %w", i, err)
			}
			if len(p.steps) > maxSteps {
				return fmt.Errorf("normalizers[%d]: more than %d steps are not supported", i, maxSteps)
			}
		}
		return nil
	case "Prepend":
		var c struct{ Type, Prepend string }
		err := fill(raw, typ, &c)
		return add(float64(1+len(c.Prepend)), err, normStep{rewrite: prepend(c.Prepend)})
	case "Replace":
		m, content, growth, err := parseReplace(raw)
		if err != nil {
			return err
		}
		return add(growth, nil, normStep{replaceAll(m, content), replaceCuts(m, content)})
	case "NFC", "NFD", "NFKC", "NFKD":
		return add(formGrowth[typ], none(), normStep{rewrite: normalForm(unicodeForms[typ])})
	case "Lowercase":
		return add(1.5, none(), normStep{rewrite: lower})
	case "StripAccents":
		return add(1, none(), keep(isMark))
	case "Nmt":
		return add(1, none(), nmt()...)
	case "BertNormalizer":
		c := bertFields{CleanText: true, Chinese: true, Lowercase: true}
		err := fill(raw, typ, &c)
		return add(1.7*3*1.5, err, bert(c)...)
	case "Precompiled":
		var c struct {
			Type string
			Map  []byte `json:"precompiled_charsmap"` // base64 in the file
		}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		m, err := newCharsMap(c.Map)
		if err != nil {
			//lint:ignore ST1005 the part's name as the file has it
			return fmt.Errorf("Precompiled: precompiled_charsmap: %w", err)
		}
		return add(m.growth(), nil, normStep{rewrite: m.normalize})
	case "Strip":
		var c struct {
			Type  string
			Left  bool `json:"strip_left"`
			Right bool `json:"strip_right"`
		}
		err := fill(raw, typ, &c)
		cuts := func(s string) bool { return c.Left && s != "" && unicode.IsSpace(firstRune(s)) }
		return add(1, err, normStep{stripSpace(c.Left, c.Right), cuts})
	}
	return unsupported(typ, "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Nmt, BertNormalizer, Precompiled")
}

// parseReplace reads a Replace, which may be a normalizer or a decoder. growth is the factor by which it can lengthen a
// text.
func parseReplace(raw json.RawMessage) (m matcher, content string, growth float64, err error) {
	var c struct {
		Type    string
		Pattern *pattern
		Content string
	}
	if err := fill(raw, "Replace", &c); err != nil {
		return m, "", 1, err
	}
	if m, err = c.Pattern.matcher(); err != nil {
		//lint:ignore ST1005 the part's name as the file has it
		return m, "", 1, fmt.Errorf("Replace: %w", err)
	}
	return m, c.Content, max(1, float64(len(c.Content))/float64(max(1, len(m.literal)))), nil
}

// maxPreSteps bounds the steps of a pre-tokenizer: a step may put a piece in front of every word and so double the number of
// words.
const maxPreSteps = 12

// preParser gathers the steps of the pre-tokenizer.
type preParser struct {
	steps, inside preTokenizer // inside: for a part that continues a text
	byteLevel     bool         // ByteLevel has been read
	spelt         bool         // and other steps follow it
	prefixed      bool         // with add_prefix_space
	prefixSpace   *bool        // add_prefix_space of tokenizer_config.json, which takes precedence over that of a ByteLevel outside a Sequence
}

func (p *preParser) add(step preStep) {
	p.steps, p.inside = append(p.steps, step), append(p.inside, step)
}

func (p *preParser) parse(raw json.RawMessage) error {
	typ, err := open(raw)
	if typ == "" || err != nil {
		return err
	}
	if p.byteLevel && typ != "Sequence" {
		if typ == "ByteLevel" || typ == "Metaspace" {
			return fmt.Errorf("%s after ByteLevel is not supported", typ)
		}
		if !p.spelt { // the following steps see the characters that stand for bytes
			p.spelt = true
			p.add(spell)
		}
	}
	none := func() error { return fill(raw, typ, &struct{ Type string }{}) } // there are no fields
	switch typ {
	case "Sequence":
		var c struct {
			Type          string
			PreTokenizers []json.RawMessage `json:"pretokenizers"`
		}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		p.prefixSpace = nil
		for i, raw := range c.PreTokenizers {
			if err := p.parse(raw); err != nil {
				return fmt.Errorf("pretokenizers[%d]: %w", i, err)
			}
			if len(p.steps) > maxPreSteps {
				return fmt.Errorf("pretokenizers[%d]: more than %d steps are not supported", i, maxPreSteps)
			}
		}
		return nil
	case "ByteLevel":
		c := byteLevelFields{AddPrefixSpace: true, UseRegex: true}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		if p.prefixSpace != nil {
			c.AddPrefixSpace = *p.prefixSpace
		}
		p.prefixed = c.AddPrefixSpace
		if c.AddPrefixSpace {
			p.steps, p.inside = append(p.steps, prefixSpace), append(p.inside, unlessFirst(prefixSpace))
		}
		if c.UseRegex {
			p.add(scanStep(scanGPT2))
		}
		p.byteLevel = true
		return nil
	case "Split":
		var c struct {
			Type     string
			Pattern  *pattern
			Behavior string
			Invert   bool
		}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		if c.Pattern != nil && c.Pattern.Regex != nil && c.Pattern.String == nil {
			scan := scanners[*c.Pattern.Regex]
			if scan != nil && (c.Behavior == "Isolated" || c.Behavior == "Removed" && c.Invert) {
				p.add(scanStep(scan))
				return nil
			}
		}
		m, err := c.Pattern.matcher()
		if err != nil {
			//lint:ignore ST1005 the part's name as the file has it
			return fmt.Errorf("Split: %w", err)
		}
		return p.split(typ, m, c.Behavior, c.Invert)
	case "Digits":
		var c struct {
			Type       string
			Individual bool `json:"individual_digits"`
		}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		behavior := "Contiguous"
		if c.Individual {
			behavior = "Isolated"
		}
		return p.split(typ, matcher{class: unicode.IsNumber}, behavior, false)
	case "Punctuation":
		c := struct{ Type, Behavior string }{Behavior: "Isolated"}
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		return p.split(typ, matcher{class: isPunctuation}, c.Behavior, false)
	case "Metaspace":
		c, err := parseMetaspace(raw)
		if err != nil {
			return err
		}
		inside := "never"
		if c.Scheme == "always" {
			inside = "unless first"
		}
		p.steps, p.inside = append(p.steps, metaspace(c.Replacement, c.Scheme, *c.Split)), append(p.inside, metaspace(c.Replacement, inside, *c.Split))
		return nil
	case "Whitespace":
		if err := none(); err != nil {
			return err
		}
		p.add(wordsAndSymbols)
		return nil
	case "WhitespaceSplit":
		if err := none(); err != nil {
			return err
		}
		return p.split(typ, matcher{class: unicode.IsSpace}, "Removed", false)
	case "BertPreTokenizer":
		if err := none(); err != nil {
			return err
		}
		if err := p.split(typ, matcher{class: unicode.IsSpace}, "Removed", false); err != nil {
			return err
		}
		return p.split(typ, matcher{class: isPunctuation}, "Isolated", false)
	case "CharDelimiterSplit":
		var c struct{ Type, Delimiter string }
		if err := fill(raw, typ, &c); err != nil {
			return err
		}
		if utf8.RuneCountInString(c.Delimiter) != 1 {
			return fmt.Errorf("CharDelimiterSplit: delimiter %q: want one character", c.Delimiter)
		}
		return p.split(typ, matcher{literal: c.Delimiter}, "Removed", false)
	}
	return unsupported(typ, "Sequence, ByteLevel, Split, Digits, Punctuation, Metaspace, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit")
}

func (p *preParser) split(typ string, m matcher, behavior string, invert bool) error {
	step, err := splitStep(m, behavior, invert)
	if err != nil {
		return fmt.Errorf("%s: %w", typ, err)
	}
	p.add(step)
	return nil
}

// byteLevelFields are the fields of ByteLevel in all its uses; trim_offsets changes no id.
type byteLevelFields struct {
	Type           string
	AddPrefixSpace bool `json:"add_prefix_space"`
	TrimOffsets    bool `json:"trim_offsets"`
	UseRegex       bool `json:"use_regex"`
}

type metaspaceFields struct {
	Type           string
	Replacement    string
	AddPrefixSpace *bool   `json:"add_prefix_space"` // the older form of prepend_scheme
	StrRep         *string `json:"str_rep"`          // the replacement again, in old files
	Scheme         string  `json:"prepend_scheme"`
	Split          *bool
}

func parseMetaspace(raw json.RawMessage) (metaspaceFields, error) {
	var c metaspaceFields
	if err := fill(raw, "Metaspace", &c); err != nil {
		return c, err
	}
	if utf8.RuneCountInString(c.Replacement) != 1 {
		//lint:ignore ST1005 the part's name as the file has it
		return c, fmt.Errorf("Metaspace: replacement %q: want one character", c.Replacement)
	}
	if c.Scheme == "" {
		c.Scheme = "always"
		if c.AddPrefixSpace != nil && !*c.AddPrefixSpace {
			c.Scheme = "never"
		}
	}
	if c.Scheme != "always" && c.Scheme != "first" && c.Scheme != "never" {
		//lint:ignore ST1005 the part's name as the file has it
		return c, fmt.Errorf("Metaspace: prepend_scheme %q is not known", c.Scheme)
	}
	if c.Split == nil {
		yes := true
		c.Split = &yes
	}
	return c, nil
}
