package tokenizer

import (
	"fmt"
	"slices"
)

// SetRows says how many rows the embedding of the model has: ids from there on cannot be trained or read. Added tokens beyond, such
// as a [PAD] that no text needs, are allowed, and their names are returned; [Tokenizer.CheckRows] refuses texts that hold them. It
// is an error if other pieces lie beyond, or tokens that begin or end every text. It must not run at the same time as other methods.
func (t *Tokenizer) SetRows(rows int) (beyond []string, err error) {
	added := map[int32]bool{}
	for _, set := range []*addedSet{t.raw, t.normalized} {
		if set != nil {
			for _, s := range set.tokens {
				added[s.ID] = true
			}
		}
	}
	needed := slices.Concat(t.prefix, t.suffix, []int32{t.bos, t.eos, t.model.unk})
	for id := min(rows, len(t.pieces)); id < len(t.pieces); id++ {
		piece := t.pieces[id]
		switch {
		case piece == "":
		case slices.Contains(needed, int32(id)):
			return nil, fmt.Errorf("%q (id %d), which begins, ends or stands for parts of texts, is beyond it", piece, id)
		case !added[int32(id)]:
			return nil, fmt.Errorf("%q (id %d) is beyond it", piece, id)
		default:
			beyond = append(beyond, piece)
		}
	}
	t.rows = rows
	return beyond, nil
}

// CheckRows refuses ids that the model has no row for; the error names the first one's token. Without SetRows nothing is refused.
func (t *Tokenizer) CheckRows(ids []int32) error {
	if t.rows == 0 || t.rows >= len(t.pieces) {
		return nil
	}
	for _, id := range ids {
		if int(id) >= t.rows {
			return fmt.Errorf("the text holds the token %q (id %d), for which the model's embedding of %d rows has none: take the token out of "+
				"the text, or give the model a row for it, with transformers: model.resize_token_embeddings(%d)", t.Piece(id), id, t.rows, len(t.pieces))
		}
	}
	return nil
}
