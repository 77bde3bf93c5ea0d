package tokenizer

import "unicode/utf8"

// byteRune maps a byte to the printable character that stands for it in a byte-level vocabulary (GPT-2's table): printable
// Latin-1 characters stand for themselves, the other 68 bytes get the characters from U+0100 on, in order.
var byteRune, runeByte = func() (to [256]rune, from map[rune]byte) {
	from = make(map[rune]byte, 256)
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !('!' <= r && r <= '~' || 0xA1 <= r && r <= 0xAC || 0xAE <= r && r <= 0xFF) {
			r, next = next, next+1
		}
		to[b], from[r] = r, byte(b)
	}
	return to, from
}()

// bytesOf undoes the byte table; ok is false if piece has a character outside it.
func bytesOf(piece string) (b []byte, ok bool) {
	b = make([]byte, 0, len(piece))
	for _, r := range piece {
		c, ok := runeByte[r]
		if !ok {
			return nil, false
		}
		b = append(b, c)
	}
	return b, true
}

// lossy turns bytes into valid UTF-8. Every incomplete character (its longest valid beginning), and every byte that cannot
// begin a character, becomes one U+FFFD (Unicode 15, chapter 3.9, "substitution of maximal subparts"; Rust's
// from_utf8_lossy).
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r != utf8.RuneError || n != 1 {
			out = append(out, b[:n]...)
		} else {
			n = subpart(b)
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		b = b[n:]
	}
	return string(out)
}

// subpart is the length of the longest prefix of an ill-formed b that could begin a character, at least 1.
func subpart(b []byte) int {
	low, high := byte(0x80), byte(0xBF) // range of the second byte
	want := 0                           // bytes after the first
	switch c := b[0]; {
	case 0xC2 <= c && c <= 0xDF:
		want = 1
	case c == 0xE0:
		want, low = 2, 0xA0
	case c == 0xED:
		want, high = 2, 0x9F
	case 0xE1 <= c && c <= 0xEF:
		want = 2
	case c == 0xF0:
		want, low = 3, 0x90
	case c == 0xF4:
		want, high = 3, 0x8F
	case 0xF1 <= c && c <= 0xF3:
		want = 3
	}
	n := 1
	for n <= want && n < len(b) && low <= b[n] && b[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}
