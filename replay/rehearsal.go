package replay

import (
	"reprise/data"
)

// Rehearsal describes the text in a record that the base model wrote itself (docs/METHOD.md, Rehearsal). Its packs are numbered
// 0..Packs+Gauge-1: the first Packs are trained on, the others never.
type Rehearsal struct {
	Packs       int      // to be trained on
	Gauge       int      // held out, to measure forgetting
	Start       Start    // where a document begins
	Stop        []int32  // ids that end a document; each carries loss
	Temperature float64  // of the draw; 1 draws from the model's own distribution
	Prompts     [32]byte // SHA-256 of the file whose texts documents begin with; zero: none
	Chat        float64  // share of the documents that are a conversation in the model's template
	Rule                 // which ids were recorded
	Seed        uint64   // of the draws
	BaseModel   string   // fingerprint of the weights that wrote the text; it stays when the domain's sequences are recorded again
}

// Start is how a document that the model writes begins.
type Start struct {
	ID     int32 // first token of a document; it carries no loss. -1: burn-in
	BurnIn int   // with ID -1: this many ids are drawn and thrown away, after one that is drawn uniformly; the last of them is the first token
}

// Rehearsed is the number of packs in this file that the base model wrote to be trained on; 0 in a record of version 1.
func (r *Reader) Rehearsed() int { return 0 }

// Gauged is the number of held-out packs in this file.
func (r *Reader) Gauged() int { return 0 }

// RehearsalPack reads pack i, from 0 to Rehearsed()-1, into into, as Sequence does.
func (r *Reader) RehearsalPack(i int, into *data.Sequence) error { panic("replay: no such pack") }

// GaugePack reads held-out pack i, from 0 to Gauged()-1, into into, as Sequence does.
func (r *Reader) GaugePack(i int, into *data.Sequence) error { panic("replay: no such pack") }

// RehearsalSummary counts the contents of the packs that are trained on.
func (r *Reader) RehearsalSummary() Summary { return Summary{} }

// RehearsalGoldCounts is the number of times that each id below vocab is a target in the packs that are trained on.
func (r *Reader) RehearsalGoldCounts(vocab int) []int64 { return make([]int64, vocab) }
