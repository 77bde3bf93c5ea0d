package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"reprise/tokenizer"
)

// SplitBlankLine is the value of Options.Split with which blank lines separate the documents of a text file.
const SplitBlankLine = "blank-line"

// DefaultMaxSeqLen replaces an Options.MaxSeqLen of 0. A model with fewer positions needs a smaller MaxSeqLen.
const DefaultMaxSeqLen = 512

// Options says how a file becomes documents. The zero value is for training.
type Options struct {
	MaxSeqLen  int             // longest document in tokens, BOS and end id included; 2 or more, or 0 for DefaultMaxSeqLen
	Evaluation bool            // text ends without the end id, because the text is scored and not learnt
	Split      string          // text files: "" (end markers) or SplitBlankLine
	Context    context.Context // nil: never cancelled; otherwise LoadDocuments stops when it is and returns its error
	Reading
}

// complete fills in the defaults.
func (o Options) complete() Options {
	if o.MaxSeqLen == 0 {
		o.MaxSeqLen = DefaultMaxSeqLen
	}
	return o
}

// Stats says what was read.
type Stats struct {
	Documents int // samples: texts, pairs; one that was cut into windows counts once
	Tokens    int
	Targets   int // tokens that carry loss
	Truncated int // pairs, segments and conversations that were cut to MaxSeqLen
	Empty     int // samples left out because nothing in them carries loss (Reading.SkipEmpty)
	Bytes     int // of the text that carries loss
	Spaced    int // pairs between whose texts Reading.Seam put a space
	Pairs     int // prompts with a completion

	Special map[string]int // special tokens that the texts themselves spell, except at a document's beginning and end: how many times each is learnt

	Unknown map[string]int // samples with a field that the table of shapes does not know, by the field's name

	NoColumn []string // the columns that Reading.Columns names, if no row has any of them, so that the rows were read by their own names
}

// Saw counts the unknown fields of a row.
func (s *Stats) Saw(row *Row) {
	for _, name := range row.Unknown {
		if s.Unknown == nil {
			s.Unknown = map[string]int{}
		}
		s.Unknown[name]++
	}
}

func (s *Stats) add(docs ...Document) {
	s.Documents++
	for i := range docs {
		s.Tokens += len(docs[i].IDs)
		s.Targets += docs[i].Targets()
		s.Bytes += docs[i].Bytes
	}
}

// spelled counts the special tokens that a sample's texts themselves spell and that are learnt. Of a conversation some are the
// chat template's own: what ends a turn is not counted, and of all others not more than the learnt messages spell.
func (s *Stats) spelled(tok *tokenizer.Tokenizer, docs []Document, messages []tokenizer.Message) {
	var bound map[int32]int
	if messages != nil {
		bound = map[int32]int{}
		for _, m := range messages {
			if m.Role != "assistant" || m.Silent {
				continue
			}
			for _, id := range tok.Encode(m.Content, false) {
				if tok.IsSpecial(id) {
					bound[id]++
				}
			}
		}
		if len(bound) == 0 {
			return
		}
	}
	ends := func(d *Document, t int) bool { // the token ends what is learnt, and nobody has to have written it
		if t < len(d.IDs)-1 && d.Target[t+1] {
			return false
		}
		if messages == nil {
			return d.EndID && t == len(d.IDs)-1
		}
		turn, hasTurn := tok.EndOfTurn()
		end, hasEnd := tok.EOS()
		return hasTurn && d.IDs[t] == turn || hasEnd && d.IDs[t] == end
	}
	unknown, hasUnknown := tok.Unknown() // the token for characters that are unknown, which no text spells
	for i := range docs {
		d := &docs[i]
		for t, id := range d.IDs {
			if !d.Target[t] || !tok.IsSpecial(id) || hasUnknown && id == unknown || ends(d, t) {
				continue
			}
			if messages != nil && bound[id] == 0 {
				continue
			}
			if messages != nil {
				bound[id]--
			}
			if s.Special == nil {
				s.Special = map[string]int{}
			}
			s.Special[tok.Piece(id)]++
		}
	}
}

var errNoTargets error = noTargets("a sequence with no loss tokens: nothing in it can be predicted; remove it or make it longer")

// LoadDocuments reads a file and tokenises it; see the package comment for what it may hold. Documents come in the file's
// order, none longer than opt.MaxSeqLen and none without a target. An error of a line is a [RowError]. If all samples are left out
// because they are empty, the error is [ErrAllEmpty], and the Stats count them.
func LoadDocuments(path string, tok *tokenizer.Tokenizer, opt Options) ([]Document, Stats, error) {
	fail := func(path string, err error) ([]Document, Stats, error) {
		if opt.Context != nil && opt.Context.Err() != nil {
			err = opt.Context.Err()
		}
		return nil, Stats{}, reading(path, err)
	}
	opt = opt.complete()
	if opt.MaxSeqLen < 2 {
		return fail(path, fmt.Errorf("max_seq_len: %d, want 2 or more", opt.MaxSeqLen))
	}
	if err := opt.Reading.Validate(); err != nil {
		return fail(path, err)
	}
	if opt.Split != "" && opt.Split != SplitBlankLine {
		return fail(path, fmt.Errorf("split: %q, want \"\" or %q", opt.Split, SplitBlankLine))
	}
	columns, err := newColumns(opt.Columns)
	if err != nil {
		return fail(path, err)
	}
	date, err := opt.Date()
	if err != nil {
		return fail(path, err)
	}
	files, err := Files(path, opt.Evaluation)
	if err != nil {
		return fail(path, err)
	}
	rows := false
	var docs []Document
	var stats Stats
	for _, file := range files {
		from := len(docs)
		docs, err = load(file, tok, opt, date, columns, docs, &stats)
		if err != nil {
			return fail(file, err)
		}
		for i := range docs[from:] {
			docs[from+i].Source = file
		}
		if what, _, _ := kindOf(file); what != textFile {
			rows = true
		}
	}
	if err := columns.missing(); err != nil {
		return fail(path, err)
	}
	if rows {
		stats.NoColumn = columns.unused()
	}
	if len(docs) == 0 {
		return nil, stats, stats.AllEmpty(path)
	}
	return docs, stats, nil
}

// load appends a file's documents to docs.
func load(path string, tok *tokenizer.Tokenizer, opt Options, date time.Time, columns *columns, docs []Document, stats *Stats) ([]Document, error) {
	s, err := openStoppable(opt.Context, path, columns)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if n := len(tok.Prefix()); opt.MaxSeqLen <= n {
		return nil, fmt.Errorf("max_seq_len: %d, want more than the %d ids that the tokenizer puts before every text", opt.MaxSeqLen, n)
	}
	// enter adds a sample's documents and counts them, or handles the error that it has none.
	enter := func(line int, made []Document, err error) error {
		if opt.Context != nil && opt.Context.Err() != nil {
			return opt.Context.Err()
		}
		if opt.SkipEmpty && errors.Is(err, ErrNothing) {
			stats.Documents++
			stats.Empty++
			return nil
		}
		if err != nil {
			return err
		}
		for i := range made {
			if err := tok.CheckRows(made[i].IDs); err != nil {
				return err
			}
			made[i].Line = line
		}
		stats.add(made...)
		docs = append(docs, made...)
		return nil
	}
	if s.kind == textFile {
		err := s.documents(separator(tok, opt.Split), func(line int, part string) error {
			windows, err := Text(tok, part, opt), error(nil)
			if len(windows) == 0 {
				err = errNoTargets
			}
			stats.spelled(tok, windows, nil)
			return enter(line, windows, err)
		})
		if err != nil {
			return nil, err
		}
		return docs, nil
	}
	err = s.rows(func(line int, b []byte) error {
		row, err := parseRow(b)
		if err != nil {
			return enter(line, nil, err)
		}
		row.Chat.Date = date
		if opt.Context != nil {
			row.Chat.Done = opt.Context.Done()
		}
		made, cut, err := row.documents(tok, opt, stats)
		stats.Saw(&row)
		if cut {
			stats.Truncated++
		}
		if err == nil {
			stats.spelled(tok, made, row.Chat.Messages)
		}
		return enter(line, made, err)
	})
	return docs, err
}

// documents tokenises a row, and counts in stats how prompt and completion meet.
func (row *Row) documents(tok *tokenizer.Tokenizer, opt Options, stats *Stats) (made []Document, cut bool, err error) {
	switch {
	case row.Text != "":
		if made = Text(tok, row.Text, opt); len(made) == 0 {
			err = errNoTargets
		}
		return made, false, err
	case row.Segments != nil:
		d, cut := Segments(tok, row.Segments, opt.MaxSeqLen)
		if d.Targets() == 0 {
			err = errNoTargets
		}
		return []Document{d}, cut, err
	case row.Chat.Messages != nil:
		if err := row.unread(tok); err != nil {
			return nil, false, err
		}
		return Chat(tok, row.Chat, opt.MaxSeqLen)
	}
	completion := row.Completion
	if completion == "" {
		completion = row.Choices[row.Answer]
	}
	j := tok.Join(row.Prompt, completion, opt.Seam)
	d, cut, err := joined(tok, j, opt.MaxSeqLen, true)
	if err == nil {
		stats.Pairs++
	}
	if err == nil && j.Space {
		stats.Spaced++
	}
	return []Document{d}, cut, err
}

// Text tokenises a text into windows of at most opt.MaxSeqLen ids that do not overlap. Every id carries loss except the
// first of a window. A window begins with the ids that the tokenizer puts before every text, in most models BOS or none, which
// carry no loss. Without opt.Evaluation the last window ends with the end id (if the tokenizer has one). Ids of the beginning and
// the end that the text itself spells are not doubled; white space after such an end is left out. A last window that has a single
// id and nothing before it is left out, and so is an end id that would need a window of its own; the result is empty if nothing
// remains. opt.MaxSeqLen must be 2 or more and exceed the number of ids before every text, or be 0 for DefaultMaxSeqLen.
func Text(tok *tokenizer.Tokenizer, text string, opt Options) []Document {
	opt = opt.complete()
	prefix := tok.Prefix()
	if opt.MaxSeqLen < 2 || opt.MaxSeqLen <= len(prefix) {
		panic(fmt.Sprintf("data: Text: MaxSeqLen %d, want 2 or more, and more than %d", opt.MaxSeqLen, len(prefix)))
	}
	text, _ = tok.CutEnd(text)
	ids, spelled := cutFirst(tok, tok.Encode(text, false))
	end, hasEnd := tok.EOS()
	hasEnd = hasEnd && !opt.Evaluation
	var docs []Document
	rest := max(0, len(text)-spelled) // bytes not yet accounted for
	for len(ids) > 0 {
		n := min(len(ids), opt.MaxSeqLen-len(prefix))
		d := Document{IDs: append(append(make([]int32, 0, len(prefix)+n+1), prefix...), ids[:n]...)}
		ids = ids[n:]
		if len(ids) == 0 && hasEnd && len(d.IDs) < opt.MaxSeqLen {
			d.IDs, d.EndID = append(d.IDs, end), true
		}
		d.Target = make([]bool, len(d.IDs))
		for i := max(1, len(prefix)); i < len(d.IDs); i++ {
			d.Target[i] = true
		}
		for i, id := range d.IDs[len(prefix) : len(prefix)+n] {
			size := min(pieceBytes(tok, id), rest)
			rest -= size
			if i > 0 || len(prefix) > 0 {
				d.Bytes += size
			}
		}
		if len(d.IDs) > 1 {
			docs = append(docs, d)
		}
		if len(ids) == 0 && len(d.IDs) > 1 {
			d.Bytes += rest // what the tokenizer's normaliser took away
			docs[len(docs)-1].Bytes = d.Bytes
		}
	}
	return docs
}

// cutFirst returns the ids of the text that begins a document without those that begin every document, if the text spells them
// itself; spelled is the number of bytes that they have there.
func cutFirst(tok *tokenizer.Tokenizer, all []int32) (ids []int32, spelled int) {
	ids = tok.CutPrefix(all)
	for _, id := range all[:len(all)-len(ids)] {
		spelled += pieceBytes(tok, id)
	}
	return ids, spelled
}

// pieceBytes is how many bytes of text an id stands for.
func pieceBytes(tok *tokenizer.Tokenizer, id int32) int {
	piece := tok.Piece(id)
	switch {
	case tok.IsSpecial(id):
		return len(piece)
	case tok.ByteLevel(): // every byte is written as one character
		return utf8.RuneCountInString(piece)
	case len(piece) == 6 && strings.HasPrefix(piece, "<0x") && piece[5] == '>':
		return 1
	}
	return len(strings.ReplaceAll(piece, "▁", " "))
}

// Pair tokenises a prompt and its completion apart; seam says how they meet ([tokenizer.Tokenizer.Join]). Only the completion
// carries loss, and the end id after it if withEnd is set and the tokenizer has one. The ids that the tokenizer puts before every
// text come first. An end id that the completion spells at its end is not doubled.
//
// Beyond maxSeqLen ids the prompt loses its beginning, if necessary all of it (if nothing precedes it, one id is kept, so that the
// completion's first id has something before it); then the completion loses its end, and the end id with it. cut reports
// either. Bytes is the length of the completion as it was joined: a space that is put between is not counted.
//
// It is an error if nothing carries loss: an empty completion, or a single id with nothing before it.
func Pair(tok *tokenizer.Tokenizer, prompt, completion string, seam tokenizer.Seam, maxSeqLen int, withEnd bool) (d Document, cut bool, err error) {
	return joined(tok, tok.Join(prompt, completion, seam), maxSeqLen, withEnd)
}

// joined is Pair for texts that were joined.
func joined(tok *tokenizer.Tokenizer, j tokenizer.Joined, maxSeqLen int, withEnd bool) (d Document, cut bool, err error) {
	if maxSeqLen < 2 {
		return d, false, fmt.Errorf("max_seq_len: %d, want 2 or more", maxSeqLen)
	}
	before, after := tok.EncodeJoined(j)
	if len(after) == 0 {
		return d, false, errNoTargets
	}
	prefix := tok.Prefix()
	before = before[len(prefix):] // added again below: it is never cut
	if maxSeqLen <= len(prefix) {
		return d, false, fmt.Errorf("max_seq_len: %d, want more than the %d ids that the tokenizer puts before every text", maxSeqLen, len(prefix))
	}
	end, hasEnd := tok.EOS()
	d.EndID = hasEnd && withEnd
	d.Bytes = len(j.Completion)

	fixed, least := len(prefix), 0 // fixed: ids that are never cut; least: ids of the prompt that are kept
	if fixed == 0 {
		least = min(1, len(before))
	}
	tail := len(after)
	if d.EndID {
		tail++
	}
	if over := fixed + len(before) + tail - maxSeqLen; over > 0 {
		cut = true
		drop := min(over, len(before)-least)
		before = before[drop:]
		if over -= drop; over > 0 {
			if d.EndID {
				d.EndID = false
				over--
			}
			for _, id := range after[len(after)-over:] {
				d.Bytes -= pieceBytes(tok, id)
			}
			after = after[:len(after)-over]
		}
	}
	d.IDs = append(append(append(d.IDs, prefix...), before...), after...)
	if d.EndID {
		d.IDs = append(d.IDs, end)
	}
	d.Target = make([]bool, len(d.IDs))
	for i := len(d.IDs) - 1; i > 0 && i >= fixed+len(before); i-- {
		d.Target[i] = true
	}
	if fixed+len(before) == 0 {
		first := pieceBytes(tok, after[0])
		if j.Space {
			first-- // the space was not counted
		}
		d.Bytes -= first
	}
	d.Bytes = max(d.Bytes, 0)
	if d.Targets() == 0 {
		return d, cut, errNoTargets
	}
	return d, cut, nil
}

// Segments tokenises each piece of a sample as the continuation of the one before, so that no id crosses their joint and nothing is
// added there, and appends the end id, which carries loss if the last piece does. The ids that the tokenizer puts before every text come first. Ids of the beginning and the end that the pieces spell
// themselves are not doubled; white space after such an end is left out. Beyond maxSeqLen ids the sample loses its end (cut
// reports it). No segments give an empty document.
func Segments(tok *tokenizer.Tokenizer, segments []Segment, maxSeqLen int) (d Document, cut bool) {
	if len(segments) == 0 {
		return Document{}, false
	}
	segments = slices.Clone(segments)
	for last := len(segments) - 1; last >= 0; last-- {
		rest, spelled := tok.CutEnd(segments[last].Text)
		if spelled {
			segments = segments[:last+1]
			segments[last].Text = rest
		}
		if spelled || strings.TrimSpace(segments[last].Text) != "" {
			break
		}
	}
	add := func(id int32, target bool) {
		d.IDs = append(d.IDs, id)
		d.Target = append(d.Target, target && len(d.IDs) > 1)
	}
	for _, id := range tok.Prefix()[:min(len(tok.Prefix()), maxSeqLen)] {
		add(id, false)
	}
	texts := make([]string, len(segments))
	for i, s := range segments {
		texts[i] = s.Text
	}
	parts := tok.EncodeParts(texts)
	for i, s := range segments {
		rest, ids := len(s.Text), parts[i] // rest: bytes not yet accounted for
		if i == 0 {
			var spelled int
			ids, spelled = cutFirst(tok, ids)
			rest = max(0, rest-spelled)
		}
		for _, id := range ids {
			if len(d.IDs) == maxSeqLen {
				return d, true
			}
			add(id, s.Label)
			size := min(pieceBytes(tok, id), rest)
			rest -= size
			if d.Target[len(d.IDs)-1] {
				d.Bytes += size
			}
		}
		if s.Label {
			d.Bytes += rest // what the tokenizer's normaliser took away
		}
	}
	if end, ok := tok.EOS(); ok {
		if len(d.IDs) == maxSeqLen {
			return d, true
		}
		add(end, segments[len(segments)-1].Label)
		d.EndID = true
	}
	return d, false
}
