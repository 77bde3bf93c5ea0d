package data

import (
	"reprise/tokenizer"
)

// turn is the text before an answer and the answer, as ids.
type turn struct {
	before, answer []int32
	learn          int // the first learn ids of answer carry loss
	bytes          int // length of the text that these ids stand for
	marked         bool
}

// ending is the token that ends a turn, if the template has one.
type ending struct {
	id int32
	ok bool
}

// Chat renders a conversation with the tokenizer's template and tokenises it. The assistant's turns carry loss, but for Silent
// messages, up to and including the token that ends a turn: what a template puts after it is never generated. If the template has
// no such token, the end id follows the last turn, with loss. If the template marks what the assistant writes, exactly that carries
// loss. [tokenizer.Tokenizer.Turns] says how turns are found, and when a conversation gives one document for each of them. No id
// spans the beginning or the end of a turn or of a marked part.
//
// A document that is longer than maxSeqLen loses its last turns. If it has only one turn, the text before the answer loses its
// beginning, except for BOS and at least one id, and then the answer loses its end. cut reports any of this. Bytes counts the
// text with loss, including markers.
func Chat(tok *tokenizer.Tokenizer, c tokenizer.Conversation, maxSeqLen int) (docs []Document, cut bool, err error) {
	all, err := tok.Turns(c)
	if err != nil {
		return nil, false, err
	}
	end := ending{}
	end.id, end.ok = tok.EndOfTurnIn(c)
	for _, parts := range all {
		turns := chatTurns(tok, parts, end)
		if len(turns) == 0 { // the template marks nothing
			continue
		}
		d, short := chatDocument(tok, turns, end, maxSeqLen)
		cut = cut || short
		if d.Targets() > 0 {
			docs = append(docs, d)
		}
	}
	if len(docs) == 0 {
		return nil, cut, errNoTargets
	}
	return docs, cut, nil
}

// chatTurns tokenises parts. Those without loss are joined with what is before the next one that has loss; after the last one nothing
// is kept.
func chatTurns(tok *tokenizer.Tokenizer, parts []tokenizer.Part, endOfTurn ending) []turn {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Text
	}
	ids := tok.EncodeParts(texts)
	var turns []turn
	var before []int32
	for i, p := range parts {
		if !p.Learn {
			before = append(before, ids[i]...)
			continue
		}
		u := turn{before: before, answer: ids[i], learn: len(ids[i]), bytes: len(p.Text), marked: p.Marked}
		before = nil
		for n := len(u.answer); endOfTurn.ok && !p.Marked && n > 0; n-- {
			if u.answer[n-1] == endOfTurn.id {
				u.learn = n
				break
			}
		}
		for _, id := range u.answer[u.learn:] {
			u.bytes -= pieceBytes(tok, id)
		}
		turns = append(turns, u)
	}
	return turns
}

func chatDocument(tok *tokenizer.Tokenizer, turns []turn, endsTurns ending, maxSeqLen int) (d Document, cut bool) {
	end, hasEnd := tok.EOS()
	hasEnd = hasEnd && !endsTurns.ok && !turns[len(turns)-1].marked
	size := func() int {
		n := 0
		for i, u := range turns {
			n += len(u.before) + len(u.answer)
			if i == len(turns)-1 { // nothing has to follow the end of the last turn
				n -= len(u.answer) - u.learn
			}
		}
		if hasEnd {
			n++
		}
		return n
	}
	for size() > maxSeqLen && len(turns) > 1 {
		turns, cut = turns[:len(turns)-1], true
	}
	if over := size() - maxSeqLen; over > 0 {
		cut = true
		u := &turns[0]
		u.answer = u.answer[:u.learn]
		keep := 0 // ids at the beginning of before that are never dropped
		if bos, ok := tok.BOS(); ok && len(u.before) > 1 && u.before[0] == bos {
			keep = 1
		}
		least := min(1, len(u.before)-keep)
		drop := max(0, min(over, len(u.before)-keep-least))
		u.before = append(u.before[:keep:keep], u.before[keep+drop:]...)
		if over -= drop; over > 0 {
			if hasEnd {
				hasEnd = false
				over--
			}
			for _, id := range u.answer[u.learn-over:] {
				u.bytes -= pieceBytes(tok, id)
			}
			u.learn -= over
			u.answer = u.answer[:u.learn]
		}
	}
	add := func(ids []int32, learn int) {
		for i, id := range ids {
			d.IDs = append(d.IDs, id)
			d.Target = append(d.Target, i < learn && len(d.IDs) > 1)
		}
	}
	for i, u := range turns {
		if room := maxSeqLen - len(d.IDs) - len(u.before); i == len(turns)-1 && len(u.answer) > room {
			u.answer = u.answer[:room]
		}
		add(u.before, 0)
		add(u.answer, u.learn)
		d.Bytes += max(0, u.bytes)
	}
	if hasEnd && d.IDs[len(d.IDs)-1] != end {
		add([]int32{end}, 1)
		d.EndID = true
	}
	return d, cut
}
