package base

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"reprise/checkpoint"
	"reprise/model"
	"reprise/tokenizer"
)

// Base is a model with the tokenizer that belongs to it.
type Base struct {
	*checkpoint.Loaded
	Tokenizer *tokenizer.Tokenizer
}

// Open reads a model directory: config.json, the weights and the tokenizer. A folder of the Hugging Face cache
// (models--ORG--NAME) stands for its snapshot: the commit in refs/main, or the only one. [Fit] says what is an error.
func Open(dir string) (*Base, error) {
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	return withTokenizer(loaded, loaded.Dir)
}

// Fresh makes a model with random weights from a seed. configPath is a config.json with its architecture, tokenizerDir a
// directory with its tokenizer. Nothing is written.
func Fresh(configPath, tokenizerDir string, seed uint64) (*Base, error) {
	loaded, err := checkpoint.Fresh(configPath, tokenizerDir, seed)
	if err != nil {
		return nil, err
	}
	return withTokenizer(loaded, tokenizerDir)
}

// New is like Fresh, but takes the contents of config.json and tokenizer.json from memory. [tokenizer.Train] makes the contents
// of a tokenizer.json.
func New(configJSON, tokenizerJSON []byte, seed uint64) (*Base, error) {
	tok, err := tokenizer.Parse(tokenizerJSON, nil)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	loaded, err := checkpoint.FreshFrom(map[string][]byte{"config.json": configJSON, "tokenizer.json": tokenizerJSON}, seed)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	b, err := join(loaded, tok)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	return b, nil
}

// Save writes the model with its weights as they are now, its configuration and its tokenizer's files into a directory that
// [Open] and other programs read. The directory must be empty or not exist yet. [checkpoint.SaveModel] has more choices.
func (b *Base) Save(dir string) error {
	return checkpoint.SaveModel(dir, b.Model, checkpoint.SaveOptions{SourceDir: b.Dir, Files: b.Files})
}

// withTokenizer adds the tokenizer of a directory to a model, and checks that they belong together.
func withTokenizer(loaded *checkpoint.Loaded, dir string) (*Base, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, err
	}
	b, err := join(loaded, tok)
	if err != nil {
		return nil, fmt.Errorf("base: %s: %w", dir, err)
	}
	return b, nil
}

// join checks that a tokenizer belongs to a model and puts both into a Base.
func join(loaded *checkpoint.Loaded, tok *tokenizer.Tokenizer) (*Base, error) {
	if err := Fit(&loaded.Model.Config, tok); err != nil {
		return nil, err
	}
	return &Base{Loaded: loaded, Tokenizer: tok}, nil
}

// Fit checks that a tokenizer belongs to a configuration, adds notices about what differs, and tells the tokenizer how many rows
// there are. The tokenizer may have fewer ids than there are rows, and added tokens beyond them that no text needs. It is an error
// if other ids lie beyond, or if every end id of the configuration lies outside the vocabulary and the tokenizer names none.
func Fit(cfg *model.Config, tok *tokenizer.Tokenizer) error {
	ids, rows := tok.VocabSize(), cfg.VocabSize
	beyond, err := tok.SetRows(rows)
	if err != nil {
		return fmt.Errorf("tokenizer.json has %d ids, but config.json says vocab_size %d, and %w; they do not belong together: "+
			"take both from the same model", ids, rows, err)
	}
	if len(beyond) > 0 {
		cfg.Notices = append(cfg.Notices, fmt.Sprintf("tokenizer.json has tokens beyond the %d rows of the embedding: %s; a text that holds "+
			"one is refused", rows, some(beyond)))
	}
	if missing := rows - ids; missing > rows/10 && missing > mostPadding {
		cfg.Notices = append(cfg.Notices, fmt.Sprintf("tokenizer.json has %d ids for %d rows of the embedding; if the others are not "+
			"reserved, the tokenizer belongs to another model", ids, rows))
	}
	if _, ends := tok.EOS(); !ends && len(cfg.EOS) == 0 && len(cfg.EOSOutside) > 0 {
		return fmt.Errorf("eos_token_id %d of config.json is outside the vocabulary of %d, and the tokenizer names no end token: "+
			"give eos_token in tokenizer_config.json, or an eos_token_id below %[2]d, or null if texts have no end", cfg.EOSOutside[0], rows)
	}
	return nil
}

// Ends lists the ids at which a continuation ends, each once: of a conversation first the end of a turn, then the tokenizer's end of a
// text, then more, for which [model.Config] has EOS.
func Ends(tok *tokenizer.Tokenizer, chat bool, more ...int32) []int32 {
	var ends []int32
	add := func(id int32) {
		if !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	if id, ok := tok.EndOfTurn(); ok && chat {
		add(id)
	}
	if id, ok := tok.EOS(); ok {
		add(id)
	}
	for _, id := range more {
		add(id)
	}
	return ends
}

// mostPadding is how many rows without a token go unmentioned: embeddings are often padded to a multiple of a power of two.
const mostPadding = 256

// some lists the first names of a list.
func some(names []string) string {
	const most = 5
	shown := make([]string, min(most, len(names)))
	for i := range shown {
		shown[i] = strconv.Quote(names[i])
	}
	text := strings.Join(shown, ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
