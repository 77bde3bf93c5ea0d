package data

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// repeated is a text of n bytes that is never whole in memory.
type repeated struct {
	unit string
	n    int
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	b = b[:min(len(b), r.n)]
	for i := range b {
		b[i] = r.unit[i%len(r.unit)]
	}
	r.n -= len(b)
	return len(b), nil
}

// TestTextThatUnpacksToGigabytes: a small compressed file cannot fill the memory. A document beyond the limit is refused with its
// line, bytes that are not text as soon as they come, and neither takes more than some times the limit.
func TestTextThatUnpacksToGigabytes(t *testing.T) {
	defer func(old int) { maxDocument = old }(maxDocument)
	maxDocument = 1 << 20
	path := filepath.Join(t.TempDir(), "bomb.txt.gz")
	for name, c := range map[string]struct {
		before string
		unit   string
		want   string
	}{
		"letters": {"one\n<|endoftext|>\ntwo\n", "a", "line 3: a document of more than 1 MiB begins here"},
		"blanks":  {"", " \n", "line 1: a document of more than 1 MiB begins here"},
		"zeros":   {"one\n", "\x00", "line 2: byte 5 of the text is 0x00"},
	} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := io.Copy(z, io.MultiReader(strings.NewReader(c.before), &repeated{c.unit, 100 << 20})); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := LoadDocuments(path, byteTokenizer(t, false), Options{MaxSeqLen: 64})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
			t.Errorf("%s: %d MiB were allocated", name, took>>20)
		}
	}
}

// TestDocumentsOfText: what stands between separators, over the borders of what is read at a time.
func TestDocumentsOfText(t *testing.T) {
	long := strings.Repeat("ü€😀", 20_000)
	for text, want := range map[string][]string{
		"\xef\xbb\xbfa\nb\n<|endoftext|>\n\n</s>\r\nc": {"a\nb", "c"},
		"a\r\n<|endoftext|>  \nb\n":                    {"a", "b\n"},
		"x" + long + "\n<|endoftext|>\n" + long:        {"x" + long, long},
		"<|endoftext|>":                                nil,
		" \n\n":                                        nil,
	} {
		s, err := openSource(write(t, "a.txt", text), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = s.documents(separator(byteTokenizer(t, false), ""), func(_ int, part string) error {
			got = append(got, part)
			return nil
		})
		s.Close()
		if strings.Join(got, "|") != strings.Join(want, "|") || (err == errEmpty) != (want == nil) {
			t.Errorf("%.40q: %.60q %v, want %.60q", text, got, err, want)
		}
	}
	for _, text := range []string{"a" + long + "\xff", "a" + long + "\xe2\x82", "a" + long + "\xe2\x82\n" + "b"} {
		s, err := openSource(write(t, "a.txt", text), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = s.documents(separator(byteTokenizer(t, false), ""), func(int, string) error { return nil })
		s.Close()
		if err == nil || !strings.Contains(err.Error(), "byte 180002 of the text is 0x") {
			t.Errorf("%q: %v", text[len(text)-4:], err)
		}
	}
}

// FuzzText: the documents of any file are its text without the separators, or it is refused.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"a\nb\n<|endoftext|>\nc", "\xef\xbb\xbfa", "</s>\r\n</s>", "a\xff", "a\x00", "\n\n", "ü\xc3", "a\r\n</s>"} {
		f.Add([]byte(seed))
	}
	separates := separator(byteTokenizer(f, false), "")
	path := filepath.Join(f.TempDir(), "a.txt")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := openSource(path, nil)
		if err != nil {
			return
		}
		defer s.Close()
		line := 0
		rest := strings.TrimPrefix(string(text), string(byteOrderMark))
		err = s.documents(separates, func(first int, part string) error {
			at := strings.Index(rest, part)
			if at < 0 || first <= line {
				t.Errorf("%q: the document %q of line %d", text, part, first)
				return errEmpty
			}
			line, rest = first, rest[at+len(part):]
			return nil
		})
		if err == nil && line == 0 {
			t.Errorf("%q: no document and no error", text)
		}
	})
}
