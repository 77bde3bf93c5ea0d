package export

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"reprise/base"
	"reprise/internal/hub"
	"reprise/tokenizer"
)

// Kinds of tokens in llama.cpp.
const (
	normalToken  = 1
	unknownToken = 2
	controlToken = 3
	userToken    = 4
	unusedToken  = 5
	byteToken    = 6
)

// tokenizerFile holds the parts of a tokenizer.json that package tokenizer does not give. That package has checked the file.
type tokenizerFile struct {
	AddedTokens []struct {
		ID         int32  `json:"id"`
		Content    string `json:"content"`
		Normalized bool   `json:"normalized"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		SingleWord bool   `json:"single_word"`
	} `json:"added_tokens"`
	Normalizer   step `json:"normalizer"`
	PreTokenizer step `json:"pre_tokenizer"`
	Model        struct {
		Merges       []merge          `json:"merges"`
		UnkToken     string           `json:"unk_token"`
		IgnoreMerges bool             `json:"ignore_merges"`
		Vocab        map[string]int32 `json:"vocab"`
	} `json:"model"`
}

// step is a normalizer or pre-tokenizer, with the fields that are read here.
type step struct {
	Type             string `json:"type"`
	Normalizers      []step `json:"normalizers"`
	PreTokenizers    []step `json:"pretokenizers"`
	AddPrefixSpace   *bool  `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"`
	IndividualDigits bool   `json:"individual_digits"`
	PrependScheme    string `json:"prepend_scheme"`
	Behavior         string `json:"behavior"`
	Invert           bool   `json:"invert"`
	Split            *bool  `json:"split"`
	Prepend          string `json:"prepend"`
	Content          string `json:"content"`
	Pattern          struct {
		Regex, String string
	} `json:"pattern"`
}

// flat lists the steps of a Sequence; another step is a list of one.
func (s step) flat() []step {
	if s.Type == "Sequence" {
		return append(s.Normalizers, s.PreTokenizers...)
	}
	if s.Type == "" {
		return nil
	}
	return []step{s}
}

// merge is a pair of pieces, written "a b" or ["a", "b"].
type merge [2]string

func (m *merge) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[2]string)(m))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	m[0], m[1], _ = strings.Cut(s, " ")
	return nil
}

// vocabulary adds the tokenizer's metadata.
func (e *exporter) vocabulary(b *base.Base) error {
	tok := b.Tokenizer
	text, err := readFile(b, "tokenizer.json")
	if err != nil {
		return err
	}
	var kind struct{ Model struct{ Type string } }
	if err := json.Unmarshal(text, &kind); err != nil {
		return fmt.Errorf("tokenizer.json: %w", err)
	}
	if kind.Model.Type != "" && kind.Model.Type != "BPE" {
		return fmt.Errorf("tokenizer.json: model: type %q cannot be exported; only BPE can", kind.Model.Type)
	}
	var file tokenizerFile
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("tokenizer.json: %w", err)
	}
	for _, a := range file.AddedTokens {
		if a.LStrip || a.RStrip || a.SingleWord {
			e.notes = append(e.notes, fmt.Sprintf("llama.cpp does not look at the text around %q: lstrip, rstrip and single_word are not in the file", a.Content))
			break
		}
	}
	pieces, kinds := e.pieces(tok, &file)
	if tok.ByteLevel() {
		pre, err := preName(&file, tok.PrefixSpace())
		if err != nil {
			return fmt.Errorf("tokenizer.json: %w", err)
		}
		merges := make([]string, len(file.Model.Merges))
		for i, m := range file.Model.Merges {
			merges[i] = m[0] + " " + m[1]
		}
		e.set("tokenizer.ggml.model", "gpt2")
		e.set("tokenizer.ggml.pre", pre)
		e.set("tokenizer.ggml.tokens", pieces)
		e.set("tokenizer.ggml.token_type", kinds)
		e.set("tokenizer.ggml.merges", merges)
		e.noteIgnoredMerges(&file, pre)
		for _, n := range file.Normalizer.flat() {
			e.notes = append(e.notes, fmt.Sprintf("llama.cpp does not apply the tokenizer's normalizer %s", n.Type))
		}
	} else {
		if err := e.noteSentencePiece(&file); err != nil {
			return fmt.Errorf("tokenizer.json: %w", err)
		}
		scores, err := scores(tok, &file, pieces, kinds)
		if err != nil {
			return fmt.Errorf("tokenizer.json: %w", err)
		}
		e.set("tokenizer.ggml.model", "llama")
		e.set("tokenizer.ggml.pre", "default")
		e.set("tokenizer.ggml.tokens", pieces)
		e.set("tokenizer.ggml.scores", scores)
		e.set("tokenizer.ggml.token_type", kinds)
		e.set("tokenizer.ggml.add_space_prefix", prefixSpace(&file))
		if id, ok := tok.ID(file.Model.UnkToken); ok {
			e.set("tokenizer.ggml.unknown_token_id", uint32(id))
		}
	}
	e.special(tok)
	return e.chatTemplate(b)
}

// maxFile bounds a file of the model's directory, in bytes.
const maxFile = 128 << 20

// readFile reads a file of the model's directory; a fresh model has its files in memory.
func readFile(b *base.Base, name string) ([]byte, error) {
	if b.Dir != "" {
		return hub.ReadFile(b.Dir, name, maxFile)
	}
	text, ok := b.Files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return text, nil
}

// pieces lists the vocabulary with the kind of every token; rows of the embedding without a token are marked as unused.
func (e *exporter) pieces(tok *tokenizer.Tokenizer, file *tokenizerFile) ([]string, []int32) {
	added := map[int32]bool{}
	for _, a := range file.AddedTokens {
		added[a.ID] = true
	}
	pieces, kinds := make([]string, e.cfg.VocabSize), make([]int32, e.cfg.VocabSize)
	for id := range int32(e.cfg.VocabSize) {
		piece, kind := tok.Piece(id), int32(normalToken)
		switch {
		case piece == "":
			piece, kind = fmt.Sprintf("[PAD%d]", id), unusedToken
		case !tok.ByteLevel() && piece == file.Model.UnkToken:
			kind = unknownToken
		case tok.IsSpecial(id):
			kind = controlToken
		case added[id]:
			kind = userToken
		case !tok.ByteLevel() && isByte(piece):
			kind = byteToken
		}
		pieces[id], kinds[id] = piece, kind
	}
	return pieces, kinds
}

// isByte recognises "<0x0A>".
func isByte(piece string) bool {
	var b byte
	n, err := fmt.Sscanf(piece, "<0x%02X>", &b)
	return n == 1 && err == nil && len(piece) == 6
}

// special adds the ids of special tokens. llama.cpp stops at two of them: the end of a text and the end of a turn.
func (e *exporter) special(tok *tokenizer.Tokenizer) {
	begins := slices.Clone(e.cfg.BOS)
	if id, ok := tok.BOS(); ok {
		begins = slices.Insert(begins, 0, id)
	}
	ends := base.Ends(tok, true, e.cfg.EOS...)
	if ofText := base.Ends(tok, false, e.cfg.EOS...); len(ofText) > 0 {
		ends = slices.Insert(ends, 0, ofText[0])
	}
	if len(begins) > 0 {
		e.set("tokenizer.ggml.bos_token_id", uint32(begins[0]))
	}
	if len(ends) > 0 {
		e.set("tokenizer.ggml.eos_token_id", uint32(ends[0]))
	} else {
		e.notes = append(e.notes, "neither tokenizer nor config.json names an end id; llama.cpp will assume one of its own")
	}
	if i := slices.IndexFunc(ends, func(id int32) bool { return id != ends[0] }); i > 0 {
		e.set("tokenizer.ggml.eot_token_id", uint32(ends[i]))
	}
	e.set("tokenizer.ggml.add_bos_token", tok.AddsBOS())
	if p := tok.Prefix(); len(p) > 1 || len(p) == 1 && !tok.AddsBOS() {
		e.notes = append(e.notes, fmt.Sprintf("the tokenizer puts the ids %v before every text, and a GGUF file can name only the begin-of-text id; write the others at the beginning of prompts", p))
	}
	e.set("tokenizer.ggml.add_eos_token", false)
}

// chatTemplate adds the template of chat_template.jinja, or else of tokenizer_config.json, if there is one. In a list of
// named templates, the one called default gets no name in the file. The one for tools may have a file of its own, which replaces
// that of the list.
func (e *exporter) chatTemplate(b *base.Base) error {
	const key, tools = "tokenizer.chat_template", "tool_use"
	var others []string
	add := func(name, text string) {
		if name == "default" {
			e.set(key, text)
			return
		}
		e.set(key+"."+name, text)
		others = append(others, name)
	}
	toolFile, err := readFile(b, "additional_chat_templates/"+tools+".jinja")
	if err == nil {
		add(tools, string(toolFile))
	}
	if text, err := readFile(b, "chat_template.jinja"); err == nil {
		add("default", string(text))
	} else if text, err := readFile(b, "tokenizer_config.json"); err == nil { // package tokenizer could load the tokenizer without it
		var config struct {
			Template json.RawMessage `json:"chat_template"`
		}
		if err := json.Unmarshal(text, &config); err != nil {
			return fmt.Errorf("tokenizer_config.json: %w", err)
		}
		var one *string
		var named []struct{ Name, Template string }
		switch {
		case len(config.Template) == 0:
		case json.Unmarshal(config.Template, &one) == nil:
			if one != nil {
				add("default", *one)
			}
		case json.Unmarshal(config.Template, &named) == nil:
			for _, n := range named {
				if n.Name != tools || toolFile == nil {
					add(n.Name, n.Template)
				}
			}
		}
	}
	if others != nil {
		e.set("tokenizer.chat_templates", others)
	}
	return nil
}

// The patterns of pre-tokenizers that llama.cpp knows by name.
const (
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// preName is llama.cpp's name for the pattern that cuts a text into words before the merges. prefixSpace says that a space is
// put at the start of a text.
func preName(file *tokenizerFile, prefixSpace bool) (string, error) {
	if prefixSpace {
		return "", fmt.Errorf("pre_tokenizer: add_prefix_space has no equivalent in llama.cpp")
	}
	var parts []string
	for _, s := range file.PreTokenizer.flat() {
		switch {
		case s.Type == "ByteLevel" && (s.UseRegex == nil || *s.UseRegex):
			parts = append(parts, "gpt2")
		case s.Type == "ByteLevel":
		case s.Type == "Digits" && s.IndividualDigits:
			parts = append(parts, "digits")
		case s.Type == "Split" && s.Behavior == "Isolated" && !s.Invert || s.Type == "Split" && s.Behavior == "Removed" && s.Invert:
			parts = append(parts, s.Pattern.Regex)
		default:
			return "", fmt.Errorf("pre_tokenizer: %s with these settings has no equivalent in llama.cpp", s.Type)
		}
	}
	known := map[string]string{
		"gpt2": "gpt-2", tokenizer.GPT2Pattern: "gpt-2", "digits gpt2": "smollm", llama3Pattern: "llama-bpe", qwen2Pattern: "qwen2",
	}
	if name := known[strings.Join(parts, " ")]; name != "" {
		return name, nil
	}
	return "", fmt.Errorf("pre_tokenizer: the pattern %q has no name in llama.cpp; known are those of GPT-2, Llama 3, Qwen 2 and SmolLM", strings.Join(parts, " "))
}

// noteSentencePiece notes what llama.cpp does differently from a tokenizer of SentencePiece's form. llama.cpp only writes
// spaces as "▁" and puts one at the start of a text and after every special token. It is an error if llama.cpp has no
// equivalent of the pre-tokenizer.
func (e *exporter) noteSentencePiece(file *tokenizerFile) error {
	note := func(format string, args ...any) { e.notes = append(e.notes, fmt.Sprintf(format, args...)) }
	normalizers := file.Normalizer.flat()
	for _, n := range normalizers {
		known := n.Type == "Prepend" && n.Prepend == "▁" || n.Type == "Replace" && n.Pattern.String == " " && n.Content == "▁"
		if !known {
			note("llama.cpp does not apply the tokenizer's normalizer %s", n.Type)
		}
	}
	for _, a := range file.AddedTokens {
		if a.Normalized && len(normalizers) > 0 {
			note("%q in a text is looked for after the normalizer; llama.cpp looks for it before", a.Content)
			break
		}
	}
	for _, s := range file.PreTokenizer.flat() {
		if s.Type != "Metaspace" {
			return fmt.Errorf("pre_tokenizer: %s has no equivalent in llama.cpp", s.Type)
		}
		if s.PrependScheme == "first" {
			note("llama.cpp also puts a space after special tokens, and at the start of texts that begin with one")
		} else if prefixSpace(file) {
			note("llama.cpp also puts a space at the start of texts that begin with one")
		}
		if s.Split == nil || *s.Split {
			for _, m := range file.Model.Merges {
				if strings.HasPrefix(m[1], "▁") {
					note("llama.cpp also merges over spaces, as in %q", m[0]+m[1])
					break
				}
			}
		}
	}
	return nil
}

// noteIgnoredMerges looks for words to which llama.cpp would give other ids. With Llama 3's pattern it always takes a word that
// is a piece as that piece; with the other patterns it always merges. In both cases it does not read ignore_merges.
func (e *exporter) noteIgnoredMerges(file *tokenizerFile, pre string) {
	if file.Model.IgnoreMerges == (pre == "llama-bpe") {
		return
	}
	ranks := make(map[merge]int, len(file.Model.Merges))
	for rank, m := range file.Model.Merges {
		ranks[m] = rank
	}
	added := map[string]bool{} // these are found before a text is cut into words
	for _, a := range file.AddedTokens {
		added[a.Content] = true
	}
	apart := 0
	for piece := range file.Model.Vocab {
		if !added[piece] && !mergesToOne(strings.Split(piece, ""), ranks) {
			apart++
		}
	}
	if apart > 0 {
		e.notes = append(e.notes, fmt.Sprintf("ignore_merges is %t in tokenizer.json, but llama.cpp does the opposite with a pre-tokenizer of this kind: "+
			"words that are one of %d pieces which the merges do not produce become other ids there", file.Model.IgnoreMerges, apart))
	}
}

// mergesToOne says whether the merges, lowest rank first, join the symbols to one piece. It overwrites symbols.
func mergesToOne(symbols []string, ranks map[merge]int) bool {
	for len(symbols) > 1 {
		best, at := len(ranks), -1
		for i := range symbols[1:] {
			if rank, ok := ranks[merge{symbols[i], symbols[i+1]}]; ok && (at < 0 || rank < best) {
				best, at = rank, i
			}
		}
		if at < 0 {
			return false
		}
		symbols[at] += symbols[at+1]
		symbols = slices.Delete(symbols, at+1, at+2)
	}
	return true
}

// prefixSpace says whether a space is put at the start of a text.
func prefixSpace(file *tokenizerFile) bool {
	for _, s := range slices.Concat(file.Normalizer.flat(), file.PreTokenizer.flat()) {
		switch s.Type {
		case "Prepend":
			return true
		case "Metaspace":
			return s.PrependScheme != "never" && (s.PrependScheme != "" || s.AddPrefixSpace == nil || *s.AddPrefixSpace)
		}
	}
	return false
}

// scores turns merges into SentencePiece's form, in which pieces have scores and the pair whose joined piece scores highest
// is merged. The score of a piece is minus the rank of its first merge. That gives the same ids if every split of a piece into
// two others is a merge and the merges of one piece are next to each other; otherwise the tokenizer is refused.
func scores(tok *tokenizer.Tokenizer, file *tokenizerFile, pieces []string, kinds []int32) ([]float32, error) {
	merges := file.Model.Merges
	out := make([]float32, len(pieces))
	known := make(map[merge]bool, len(merges))
	last := map[string]int{}
	for rank, m := range merges {
		known[m] = true
		joined := m[0] + m[1]
		id, _ := tok.ID(joined)
		before, seen := last[joined]
		switch {
		case !seen:
			out[id] = -float32(rank)
		case before != rank-1:
			return nil, fmt.Errorf("merges[%d]: %q has merges of other pieces between its own; llama.cpp could not keep their order", rank, joined)
		}
		last[joined] = rank
	}
	for id, piece := range pieces {
		if _, merged := last[piece]; !merged {
			out[id] = -float32(len(merges))
		}
		if kinds[id] != normalToken {
			continue
		}
		for i := range piece {
			if i == 0 || !utf8.RuneStart(piece[i]) {
				continue
			}
			m := merge{piece[:i], piece[i:]}
			_, left := tok.ID(m[0])
			_, right := tok.ID(m[1])
			if left && right && !known[m] {
				return nil, fmt.Errorf("merges: %q is not a merge of %q and %q, but llama.cpp would make it; this tokenizer cannot be converted", piece, m[0], m[1])
			}
		}
	}
	return out, nil
}
