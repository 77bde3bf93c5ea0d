package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unigram is the Unigram model (Kudo 2018, arXiv 1804.10959): a word becomes the pieces whose scores, the logarithms of their
// probabilities, have the largest sum.
type unigram struct {
	pieces []string   // ascending
	ids    []int32    // of the pieces
	scores []float64  // of the pieces
	first  [257]int32 // the pieces that begin with byte b are pieces[first[b]:first[b+1]]

	unk      int32
	unkScore float64
	fallback bool // unknown characters are spelt as bytes
	bytes    [256]int32
}

// unkPenalty is how far below the smallest score the score of an unknown character is.
const unkPenalty = 10

// bestWay is the last piece of the best way from a word's beginning to a place in it.
type bestWay struct {
	score float64 // of all pieces together
	start int32   // where the piece begins; -1: no way is known
	id    int32
}

// maxWays bounds the places that an encoder keeps after a word.
const maxWays = 1 << 16

// encode is Viterbi's algorithm. Of two ways with equal scores the one found first is kept: the one whose last piece is the
// longest. Unknown characters in a row become one token.
func (u *unigram) encode(e *encoder, w string) {
	ways := slices.Grow(e.ways[:0], len(w)+1)[:len(w)+1]
	if cap(ways) <= maxWays {
		e.ways = ways
	}
	for i := range ways {
		ways[i].start = -1
	}
	ways[0] = bestWay{}
	reach := func(end, start int, id int32, score float64) {
		if way := &ways[end]; way.start < 0 || score > way.score {
			*way = bestWay{score, int32(start), id}
		}
	}
	for i, n := 0, 0; i < len(w); i += n {
		_, n = utf8.DecodeRuneInString(w[i:])
		here, single := ways[i].score, false
		u.each(w[i:], func(piece int) {
			size := len(u.pieces[piece])
			reach(i+size, i, u.ids[piece], here+u.scores[piece])
			single = single || size == n
		})
		if !single {
			reach(i+n, i, u.unk, here+u.unkScore)
		}
	}
	from := len(e.out)
	for end := len(w); end > 0; { // from the back; the ids are turned round at the end
		way := ways[end]
		start := int(way.start)
		if way.id != u.unk {
			e.out = append(e.out, way.id)
			end = start
			continue
		}
		for start > 0 && ways[start].id == u.unk {
			start = int(ways[start].start)
		}
		u.unknown(e, w[start:end])
		end = start
	}
	slices.Reverse(e.out[from:])
}

// unknown appends the ids, in reverse, of characters that the best way has no pieces for. Together they may be a piece.
func (u *unigram) unknown(e *encoder, run string) {
	from := len(e.out)
	if i, ok := slices.BinarySearch(u.pieces, run); ok {
		e.out = append(e.out, u.ids[i])
	} else if u.fallback && e.spell(run, &u.bytes) {
		slices.Reverse(e.out[from:])
	} else {
		e.out = append(e.out, u.unk)
	}
}

// each calls found for every piece that s begins with, the shortest first.
func (u *unigram) each(s string, found func(piece int)) {
	low, high := int(u.first[s[0]]), int(u.first[int(s[0])+1])
	for n := 1; low < high; n++ {
		// pieces[low:high] are those that begin with s[:n], the shortest first.
		if len(u.pieces[low]) == n {
			found(low)
			low++
		}
		if n == len(s) {
			return
		}
		c := s[n]
		rest := u.pieces[low:high]
		from := sort.Search(len(rest), func(k int) bool { return rest[k][n] >= c })
		rest = rest[from:]
		low += from
		high = low + sort.Search(len(rest), func(k int) bool { return rest[k][n] > c })
	}
}

// scoredPieces is a list of ["piece", score].
type scoredPieces []scoredPiece

type scoredPiece struct {
	piece string
	score float64
}

func (l *scoredPieces) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	next := func() json.Token { token, _ := d.Token(); return token } // data is known to be JSON
	if next() != json.Delim('[') {
		return errors.New("vocab: want a list of pieces with their scores")
	}
	for d.More() {
		var p scoredPiece
		begin := next()
		piece, isString := next().(string)
		score, isNumber := next().(json.Number)
		if begin != json.Delim('[') || !isString || !isNumber || next() != json.Delim(']') {
			return fmt.Errorf(`vocab: [%d]: want ["piece", score]`, len(*l))
		}
		p.piece, p.score = piece, parseScore(score.String())
		if math.IsInf(p.score, 0) {
			return fmt.Errorf("vocab: [%d]: the score %s is too large", len(*l), score)
		}
		*l = append(*l, p)
	}
	return nil
}

// parseScore reads a JSON number as the reference does: digits as one whole number, which is then multiplied or divided by a
// power of ten. The last bit may not be that of the nearest float64, and it decides between ways of nearly equal scores.
func parseScore(s string) float64 {
	digits, negative := strings.CutPrefix(s, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(digits), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	var sum uint64
	exponent := 0
	full := false
	add := func(digit byte) bool {
		if d := uint64(digit - '0'); !full && (sum < math.MaxUint64/10 || sum == math.MaxUint64/10 && d <= math.MaxUint64%10) {
			sum = 10*sum + d
			return true
		}
		full = true
		return false
	}
	for i := range len(whole) {
		if !add(whole[i]) {
			exponent++
		}
	}
	for i := 0; i < len(fraction) && add(fraction[i]); i++ {
		exponent--
	}
	if power != "" {
		p, _ := strconv.Atoi(power) // out of range gives the largest int, which the next line bounds
		exponent += min(max(p, -1<<20), 1<<20)
	}
	f := float64(sum)
	for exponent != 0 && f != 0 && !math.IsInf(f, 0) {
		step := min(max(exponent, -308), 308)
		ten, _ := strconv.ParseFloat("1e"+strconv.Itoa(max(step, -step)), 64)
		if step > 0 {
			f *= ten
		} else {
			f /= ten
		}
		exponent -= step
	}
	if negative {
		return -f
	}
	return f
}

// maxPieceBytes bounds the time that a place in a text takes.
const maxPieceBytes = 4096

// parseUnigram reads pieces with scores; a piece's place in the list is its id.
func (t *Tokenizer) parseUnigram(raw json.RawMessage, byteLevel bool, added []addedToken) error {
	var c struct {
		Type         string
		UnkID        *int64 `json:"unk_id"`
		ByteFallback bool   `json:"byte_fallback"`
		Vocab        scoredPieces
	}
	if err := fill(raw, "Unigram", &c); err != nil {
		return err
	}
	switch {
	case len(c.Vocab) == 0:
		return fmt.Errorf("vocab is missing")
	case c.UnkID == nil:
		return fmt.Errorf("unk_id is missing, which is not supported: a character without a piece could not be encoded")
	case *c.UnkID < 0 || *c.UnkID >= int64(len(c.Vocab)):
		return fmt.Errorf("unk_id %d is not in vocab, which has %d pieces", *c.UnkID, len(c.Vocab))
	}
	vocab := make(map[string]int64, len(c.Vocab))
	u := &unigram{unk: int32(*c.UnkID), unkScore: math.Inf(1), fallback: c.ByteFallback}
	for id, p := range c.Vocab {
		if old, ok := vocab[p.piece]; ok {
			return fmt.Errorf("vocab: %q has two ids, %d and %d", p.piece, old, id)
		}
		if len(p.piece) > maxPieceBytes {
			return fmt.Errorf("vocab: [%d]: a piece has %d bytes; more than %d is not supported", id, len(p.piece), maxPieceBytes)
		}
		vocab[p.piece] = int64(id)
		u.unkScore = min(u.unkScore, p.score)
		if p.piece != "" {
			u.pieces = append(u.pieces, p.piece)
		}
	}
	u.unkScore -= unkPenalty
	if err := t.parseVocab(vocab, added); err != nil {
		return fmt.Errorf("vocab: %w", err)
	}
	slices.Sort(u.pieces)
	u.ids, u.scores = make([]int32, len(u.pieces)), make([]float64, len(u.pieces))
	for i, piece := range u.pieces {
		id := int32(vocab[piece])
		u.ids[i], u.scores[i] = id, c.Vocab[id].score
		u.first[int(piece[0])+1]++
	}
	for b := range 256 {
		u.first[b+1] += u.first[b]
		u.bytes[b] = -1
		if id, ok := t.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
			u.bytes[b] = id
		}
	}
	t.model = &bpe{byteLevel: byteLevel, unk: u.unk, other: u}
	return nil
}

// wordLevel is the model in which every word is a piece or unknown.
type wordLevel struct {
	vocab map[string]int64
	unk   int32
}

func (m *wordLevel) encode(e *encoder, w string) {
	if id, ok := m.vocab[w]; ok {
		e.out = append(e.out, int32(id))
	} else {
		e.out = append(e.out, m.unk)
	}
}

// parseWordLevel reads pieces and their ids.
func (t *Tokenizer) parseWordLevel(raw json.RawMessage, byteLevel bool, added []addedToken) error {
	var c struct {
		Type     string
		Vocab    map[string]int64
		UnkToken string `json:"unk_token"`
	}
	if err := fill(raw, "WordLevel", &c); err != nil {
		return err
	}
	if c.Vocab == nil {
		return fmt.Errorf("vocab is missing")
	}
	unk, ok := c.Vocab[c.UnkToken]
	if !ok {
		return fmt.Errorf("unk_token %q is not in vocab: a word without a piece could not be encoded", c.UnkToken)
	}
	if err := t.parseVocab(c.Vocab, added); err != nil {
		return fmt.Errorf("vocab: %w", err)
	}
	m := &wordLevel{vocab: c.Vocab, unk: int32(unk)}
	t.model = &bpe{byteLevel: byteLevel, unk: m.unk, other: m}
	return nil
}
