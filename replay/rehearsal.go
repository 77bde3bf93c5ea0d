package replay

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

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

func (s Start) String() string {
	if s.ID < 0 {
		return fmt.Sprintf("after %d ids that are thrown away", s.BurnIn)
	}
	return fmt.Sprintf("with id %d", s.ID)
}

// validate names a field that cannot be used. No rehearsal is valid.
func (r *Rehearsal) validate(vocab int) error {
	if r == nil {
		return nil
	}
	bad := func(field string, format string, args ...any) error {
		return fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...))
	}
	switch {
	case r.Packs < 0 || r.Gauge < 0 || r.Packs > maxSequences || r.Gauge > maxSequences || r.Packs+r.Gauge < 1 || r.Packs+r.Gauge > maxSequences:
		return bad("packs", "%d to be trained on and %d of the gauge, want 1 to %d together", r.Packs, r.Gauge, maxSequences)
	case r.Start.ID < -1 || int(r.Start.ID) >= vocab:
		return bad("start", "id %d is outside the vocabulary of %d", r.Start.ID, vocab)
	case r.Start.ID >= 0 && r.Start.BurnIn != 0:
		return bad("start", "%d ids are thrown away and id %d begins a document, want one of the two", r.Start.BurnIn, r.Start.ID)
	case r.Start.ID < 0 && (r.Start.BurnIn < 1 || r.Start.BurnIn > maxTokens):
		return bad("start", "%d ids are thrown away, want 1 to %d", r.Start.BurnIn, maxTokens)
	case len(r.Stop) > maxStop:
		return bad("stop", "%d ids, want at most %d", len(r.Stop), maxStop)
	case !(r.Temperature > 0 && r.Temperature <= maxHeat):
		return bad("temperature", "%g, want more than 0 and at most %d", r.Temperature, maxHeat)
	case !(r.Chat >= 0 && r.Chat <= 1):
		return bad("chat", "%g, want 0 to 1", r.Chat)
	case len(r.BaseModel) > 255:
		return bad("base model", "%d bytes, want at most 255", len(r.BaseModel))
	case !(r.Tau > 0 && r.Tau <= 1):
		return bad("tau", "%g, want more than 0 and at most 1", r.Tau)
	case r.KMin < 1 || r.KMax < r.KMin || r.KMax > maxIDs:
		return bad("k_min, k_max", "%d and %d, want 1 <= k_min <= k_max <= %d", r.KMin, r.KMax, maxIDs)
	case len(r.Always) > maxAlways:
		return bad("always", "%d ids, want at most %d", len(r.Always), maxAlways)
	}
	for _, id := range r.Stop {
		if id < 0 || int(id) >= vocab {
			return bad("stop", "id %d is outside the vocabulary of %d", id, vocab)
		}
	}
	for _, id := range r.Always {
		if id < 0 || int(id) >= vocab {
			return bad("always", "id %d is outside the vocabulary of %d", id, vocab)
		}
	}
	return nil
}

// differences are the fields of r and o, for Header.difference.
func (r *Rehearsal) differences(o *Rehearsal) []difference {
	if r == nil && o == nil {
		return nil
	}
	amount := func(r *Rehearsal) string {
		if r == nil {
			return "none"
		}
		return fmt.Sprintf("%d packs and %d of the gauge", r.Packs, r.Gauge)
	}
	list := []difference{{"rehearsal", amount(r), amount(o), false}}
	if r == nil || o == nil {
		return list
	}
	return append(list, []difference{
		{"rehearsal's start", r.Start, o.Start, false}, {"rehearsal's stop", fmt.Sprint(r.Stop), fmt.Sprint(o.Stop), false},
		{"rehearsal's temperature", r.Temperature, o.Temperature, false},
		{"rehearsal's prompts", fmt.Sprintf("%x", r.Prompts), fmt.Sprintf("%x", o.Prompts), false},
		{"rehearsal's chat", r.Chat, o.Chat, false}, {"rehearsal's tau", r.Tau, o.Tau, false},
		{"rehearsal's k_min", r.KMin, o.KMin, false}, {"rehearsal's k_max", r.KMax, o.KMax, false},
		{"rehearsal's always", fmt.Sprint(r.Always), fmt.Sprint(o.Always), false}, {"rehearsal's seed", r.Seed, o.Seed, false},
		{"rehearsal's base model", r.BaseModel, o.BaseModel, false},
	}...)
}

// own is the header with the rule of the model's own text in place of the domain's, for the codec. Without such text it is h itself.
func (h *Header) own() *Header {
	if h.Rehearsal == nil {
		return h
	}
	o := *h
	o.Rule = h.Rehearsal.Rule
	return &o
}

// field is a tagged field of the header: from version 2 on, such fields follow those of version 1.
type field struct {
	tag   byte // number, and critical
	value []byte
}

// Tags of fields. A program must not read a record with a critical field that it does not know.
const (
	critical     = 0x80
	tagConfig    = 1
	tagRehearsal = 2 | critical
)

// number is the tag's without the flag. Fields stand in ascending order of it.
func (f field) number() byte { return f.tag &^ critical }

func (f field) compare(o field) int { return int(f.number()) - int(o.number()) }

// fields are the tagged fields of the header, in order.
func (h *Header) fields() []field {
	list := slices.Clone(h.others)
	if h.Config != "" {
		list = append(list, field{tagConfig, []byte(h.Config)})
	}
	if h.Rehearsal != nil {
		list = append(list, field{tagRehearsal, h.Rehearsal.append(nil)})
	}
	slices.SortFunc(list, field.compare)
	return list
}

// parseFields reads the rest of the header.
func (h *Header) parseFields(c *cursor) error {
	last := byte(0)
	for len(c.b) > 0 && !c.bad {
		f := field{tag: c.take(1)[0]}
		n := c.u32()
		if uint64(n) > uint64(len(c.b)) || f.number() <= last {
			c.bad = true
			return nil
		}
		f.value = c.take(int(n))
		last = f.number()
		switch {
		case f.tag == tagConfig:
			h.Config = string(f.value)
			c.bad = c.bad || n == 0 || n > 255
		case f.tag == tagRehearsal:
			inner := cursor{b: f.value}
			h.Rehearsal = parseRehearsal(&inner)
			c.bad = c.bad || inner.bad || len(inner.b) > 0
		case f.tag&critical != 0:
			return fmt.Errorf("header: field %d is unknown to this program, and the record cannot be read without it; "+
				"use the program that wrote the record or a later one, or record again", f.number())
		default:
			h.others = append(h.others, field{f.tag, bytes.Clone(f.value)})
		}
	}
	return nil
}

// append writes the value of the rehearsal's field.
func (r *Rehearsal) append(b []byte) []byte {
	u32 := func(v int) { b = le.AppendUint32(b, uint32(v)) }
	f64 := func(v float64) { b = le.AppendUint64(b, math.Float64bits(v)) }
	ids := func(list []int32) {
		u32(len(list))
		for _, id := range list {
			u32(int(id))
		}
	}
	u32(r.Packs)
	u32(r.Gauge)
	u32(int(r.Start.ID))
	u32(r.Start.BurnIn)
	ids(r.Stop)
	f64(r.Temperature)
	b = append(b, r.Prompts[:]...)
	f64(r.Chat)
	f64(r.Tau)
	u32(r.KMin)
	u32(r.KMax)
	ids(r.Always)
	b = le.AppendUint64(b, r.Seed)
	return append(append(b, byte(len(r.BaseModel))), r.BaseModel...)
}

// parseRehearsal reads what append wrote; validate has not seen it yet.
func parseRehearsal(c *cursor) *Rehearsal {
	r := &Rehearsal{}
	u32 := func() int { return int(c.u32()) }
	f64 := func() float64 { return math.Float64frombits(c.u64()) }
	r.Packs, r.Gauge = u32(), u32()
	r.Start = Start{int32(c.u32()), u32()}
	r.Stop = c.ids()
	r.Temperature = f64()
	copy(r.Prompts[:], c.take(32))
	r.Chat = f64()
	r.Tau = f64()
	r.KMin, r.KMax = u32(), u32()
	r.Always = c.ids()
	r.Seed = c.u64()
	r.BaseModel = c.string()
	return r
}

// ownStats are the statistics of the model's own text.
type ownStats struct {
	train, gauge stats
	digest       [32]byte // of all packs of the file
}

// of returns the counts that pack number i belongs to.
func (s *ownStats) of(h *Header, i int) *stats {
	if i < h.Rehearsal.Packs {
		return &s.train
	}
	return &s.gauge
}

// append writes the payload of the RSTA section.
func (s *ownStats) append(b []byte) []byte {
	return append(s.gauge.append(s.train.append(b)), s.digest[:]...)
}

func (s *ownStats) parse(payload []byte, vocab int) error {
	c := cursor{b: payload}
	if err := errors.Join(s.train.parse(&c, vocab), s.gauge.parse(&c, vocab)); err != nil {
		return err
	}
	copy(s.digest[:], c.take(32))
	if c.bad || len(c.b) > 0 {
		return errPayload
	}
	return nil
}

// Rehearsed is the number of packs in this file that the base model wrote to be trained on; 0 in a record of version 1.
func (r *Reader) Rehearsed() int { return int(r.own.train.sequences) }

// Gauged is the number of held-out packs in this file.
func (r *Reader) Gauged() int { return int(r.own.gauge.sequences) }

// RehearsalPack reads pack i, from 0 to Rehearsed()-1, into into, as Sequence does.
func (r *Reader) RehearsalPack(i int, into *data.Sequence) error {
	if i >= r.Rehearsed() {
		panic(fmt.Sprintf("replay: pack %d of %d", i, r.Rehearsed()))
	}
	_, err := r.pack(i, into)
	return err
}

// GaugePack reads held-out pack i, from 0 to Gauged()-1, into into, as Sequence does.
func (r *Reader) GaugePack(i int, into *data.Sequence) error {
	if i < 0 {
		panic(fmt.Sprintf("replay: held-out pack %d", i))
	}
	_, err := r.pack(r.Rehearsed()+i, into)
	return err
}

// pack reads the file's i-th pack of either kind, and returns its section, valid until the next call.
func (r *Reader) pack(i int, into *data.Sequence) ([]byte, error) {
	from, to := r.packs[i], r.packs[i+1]
	b, err := r.read(int64(from), int64(to-from))
	if err == nil {
		err = r.un.openOwn(b, r.firstPack+i, into)
	}
	if err != nil {
		return nil, fmt.Errorf("replay: reading %s: rehearsal pack %d (byte %d): %w", r.path, r.firstPack+i, from, err)
	}
	return b, nil
}

// RehearsalSummary counts the contents of the packs that are trained on. Bytes is the size of their sections.
func (r *Reader) RehearsalSummary() Summary {
	return r.own.train.summary(int64(r.packs[r.Rehearsed()] - r.packs[0]))
}

// RehearsalDigest is data.Digest of the packs in this file, the held-out ones after the others.
func (r *Reader) RehearsalDigest() [32]byte { return r.own.digest }

// RehearsalGoldCounts is the number of times that each id below vocab is a target in the packs that are trained on.
func (r *Reader) RehearsalGoldCounts(vocab int) []int64 { return r.own.train.counts(vocab) }
