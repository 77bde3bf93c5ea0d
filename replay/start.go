package replay

import (
	"fmt"
	"math"
	"strconv"

	"reprise/model"
	"reprise/tokenizer"
)

// DefaultBurnIn is how many ids are drawn and thrown away before a document of a model that has read no id as a beginning.
const DefaultBurnIn = 32

// endOfText separates the texts that gpt2, qwen2, qwen3 and SmolLM were trained on, so that these models have read it before a text.
const endOfText = "<|endoftext|>"

// StartOf is where a model's own documents begin (docs/METHOD.md, Rehearsal): at BOS, if the tokenizer puts it before every text; at
// <|endoftext|>, if the model is of a family that has read it as the beginning of a text; else after a burn-in, because a model writes
// nonsense after an id that it has never seen as context.
func StartOf(cfg *model.Config, tok *tokenizer.Tokenizer) Start {
	if id, ok := tok.BOS(); ok && tok.AddsBOS() {
		return Start{ID: id}
	}
	if id, ok := tok.ID(endOfText); ok && int(id) < cfg.VocabSize {
		bos, named := tok.BOS()
		switch cfg.ModelType {
		case "gpt2", "qwen2", "qwen3":
			return Start{ID: id}
		case "llama":
			if named && bos == id && tok.NamesBOS() { // SmolLM; ours have the token too, but only after their texts
				return Start{ID: id}
			}
		}
	}
	return burnIn(cfg)
}

func burnIn(cfg *model.Config) Start {
	return Start{ID: -1, BurnIn: min(DefaultBurnIn, cfg.MaxPositions)}
}

// ParseStart reads a start that a person gives: a token's text or its id, or burn-in.
func ParseStart(text string, cfg *model.Config, tok *tokenizer.Tokenizer) (Start, error) {
	limit := min(tok.VocabSize(), cfg.VocabSize)
	if id, ok := tok.ID(text); ok && int(id) < limit {
		return Start{ID: id}, nil
	}
	if text == "burn-in" {
		return burnIn(cfg), nil
	}
	id, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return Start{}, fmt.Errorf("replay: start: the tokenizer has no token %q; give a token as tokenizer.json spells it, an id below %d, or burn-in", text, limit)
	case id < 0 || id >= limit:
		return Start{}, fmt.Errorf("replay: start: id %d, want 0 to %d", id, limit-1)
	}
	return Start{ID: int32(id)}, nil
}

// Text describes a start for people: the id and its token.
func (s Start) Text(tok *tokenizer.Tokenizer) string {
	if s.ID < 0 {
		return fmt.Sprintf("after a burn-in of %d tokens", s.BurnIn)
	}
	return fmt.Sprintf("at %q (id %d)", tok.Piece(s.ID), s.ID)
}

// Sizes of a rehearsal.
const (
	DefaultShare = 0.25    // of the packs
	DefaultOwn   = 200_000 // most tokens that are written to be trained on
	gaugeTokens  = 4096    // about how many tokens the gauge has
	leastGauge   = 4
	mostGauge    = 32
)

// Amount is how many packs of maxSeqLen tokens a model should write for a domain of that many packs: to be trained on, enough
// for one epoch to need none twice if they make up share of the packs, but at most maxTokens tokens and at least one pack; and for the
// gauge. With no domain it is maxTokens tokens.
func Amount(domain int, share float64, maxSeqLen, maxTokens int) (packs, gauge int) {
	most := max(maxTokens/maxSeqLen, 1)
	packs = most
	if domain > 0 {
		want := math.Ceil(float64(domain)*share/(1-share) - 1e-9) // not one more because of a rounding
		packs = int(min(max(want, 1), float64(most)))
	}
	gauge = min(max(int(math.Round(float64(gaugeTokens)/float64(maxSeqLen))), leastGauge), mostGauge)
	return packs, min(gauge, max(leastGauge, packs))
}
