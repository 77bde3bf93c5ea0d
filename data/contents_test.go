package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"reprise/internal/testfiles"
)

const twoRows = "{\"prompt\":\"ab\",\"completion\":\"cd\"}\n{\"text\":\"xyz\"}\n"

func gz(t testing.TB, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func zst(t testing.TB, parts ...string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, p := range parts {
		b = append(b, w.EncodeAll([]byte(p), nil)...)
	}
	return string(b)
}

// bz2OfTwoRows is twoRows, made by bzip2 1.0.8.
const bz2OfTwoRows = "BZh91AY&SY\xcf\x09\xb4$\x00\x00\x16\xd9\x80\x00\x10\x10\x04\x00\x10>'\xd4z \x00!*h\x8c\x86\x08\xf4z\xa1F\x8c\x81\xa3L\x8d\x11?\xb0\xd4(\x88\xaby\x02\xac[=\x8e\xf0\xe3O\xae\x9af\xe5\xb1\xa2\x91#\xf1w$S\x85\x09\x0c\xf0\x9bB@"

func utf16Of(text string, order binary.AppendByteOrder, mark bool) string {
	if mark {
		text = "\ufeff" + text
	}
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

var newName = regexp.MustCompile(`name it ([^ ;,]+)`)

// TestMisnamed: a file that is plainly something else than its name says is refused with what it is, and what the message tells
// to do works.
func TestMisnamed(t *testing.T) {
	parquet := string(testfiles.ReadBox(t, "parquet", "chat-duckdb-snappy.parquet"))
	for _, c := range []struct {
		file, content string
		want          string // in the message
		name          string // to which it is renamed, which then can be read; "": no such remedy
	}{
		{"a.jsonl", gz(t, twoRows), "the file is compressed with gzip; name it a.jsonl.gz", "a.jsonl.gz"},
		{"a.txt", zst(t, "some text"), "the file is compressed with zstd; name it a.txt.zst", "a.txt.zst"},
		{"a.jsonl", bz2OfTwoRows, "the file is compressed with bzip2; name it a.jsonl.bz2", "a.jsonl.bz2"},
		{"a.jsonl.gz", zst(t, twoRows), "the file is compressed with zstd; name it a.jsonl.zst", "a.jsonl.zst"},
		{"a.jsonl.gz", twoRows, "and it is not: if it is plain, name it a.jsonl", "a.jsonl"},
		{"A.JSONL.BZ2", twoRows, "and it is not: if it is plain, name it A.JSONL", "A.JSONL"},
		{"a.jsonl.zst", "", "the file is empty", ""},
		{"a.txt", parquet, "the file is Parquet; name it a.parquet", "a.parquet"},
		{"a.json.gz", parquet, "the file is Parquet; name it a.parquet", "a.parquet"},
		{"a.bin", parquet, "the file is Parquet; name it a.parquet", "a.parquet"},
		{"a.parquet.gz", parquet, "the file is Parquet; name it a.parquet", "a.parquet"},
		{"a.parquet.gz", gz(t, parquet), "a Parquet file is compressed inside and is not read through gzip; decompress the file and name it .parquet", ""},
		{"a.txt.gz", gz(t, parquet), "within the compression the file is Parquet; decompress it (gzip -d ", ""},
		{"a.parquet", twoRows, "the name says Parquet, and the file does not begin with PAR1", ""},
		{"a.parquet", gz(t, twoRows), "the file is compressed with gzip; name it a.parquet.gz", ""},
		{"a.csv", "PK\x03\x04rest", "the file is a zip archive; unpack it (unzip ", ""},
		{"a.jsonl", "\xfd7zXZ\x00rest", "the file is compressed with xz; compress it with gzip: xz -dc ", ""},
		{"a.jsonl.xz", "\xfd7zXZ\x00rest", "the file is compressed with xz", ""},
		{"a.json", "7z\xbc\xaf\x27\x1crest", "the file is a 7z archive", ""},
		{"a.txt.gz", gz(t, strings.Repeat("x", 257)+"ustar  "), "within the compression the file is a tar archive", ""},
		{"a.jsonl", "ARROW1\x00\x00rest", "the file is an Arrow file; write it as Parquet", ""},
		{"data-00000-of-00001.arrow", "\xff\xff\xff\xff\x10\x00\x00\x00", "an Arrow stream, as datasets keeps in its cache; write it as Parquet; in Python: datasets.Dataset.from_file(", ""},
		{"a.txt", "SQLite format 3\x00rest", "the file is an SQLite database; write the table as CSV: sqlite3 -header -csv ", ""},
		{"a.txt", "%PDF-1.7\n", "the file is a PDF; take the text out of it", ""},
		{"train.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "a Git LFS pointer, not the file that it stands for; fetch it with: git lfs pull", ""},
		{"train.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "a Git LFS pointer", ""},
		{"a.txt", "\xff\xfe\x00\x00a\x00\x00\x00", "the file is UTF-32 text", ""},
		{"a.tar", twoRows, "the name does not say what the file holds; name it .txt, .jsonl", ""},
	} {
		path := write(t, c.file, c.content)
		tok := byteTokenizer(t, false)
		_, _, err := LoadDocuments(path, tok, Options{MaxSeqLen: 64})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %.10q: %v, want %q", c.file, c.content, err, c.want)
			continue
		}
		m := newName.FindStringSubmatch(err.Error())
		if c.name == "" {
			continue
		}
		if m == nil || m[1] != c.name {
			t.Errorf("%s: %v, want the name %s", c.file, err, c.name)
			continue
		}
		better := filepath.Join(filepath.Dir(path), c.name)
		if err := os.Rename(path, better); err != nil {
			t.Fatal(err)
		}
		s, err := openSource(better, nil)
		if err != nil {
			t.Errorf("%s as %s: %v", c.file, c.name, err)
			continue
		}
		if s.kind == textFile {
			_, err = s.text()
		} else {
			err = s.rows(func(int, []byte) error { return nil })
		}
		s.Close()
		if err != nil {
			t.Errorf("%s as %s: %v", c.file, c.name, err)
		}
	}
}

// TestTextThatBeginsSo: a text whose first letters are those of a file's mark is a text, plain and compressed, and so is its row.
func TestTextThatBeginsSo(t *testing.T) {
	for _, text := range []string{"PARENTS AND CHILDREN\n\tby nobody\r\n", "PAR1 of 3\f", "BZh9 was its name", "BZhang", "PARE"} {
		for name, content := range map[string]string{"a.txt": text, "a.txt.gz": gz(t, text), "a.md.zst": zst(t, text), "a.csv": text + "\nx\n"} {
			s, err := openSource(write(t, name, content), nil)
			if err != nil {
				t.Errorf("%s of %q: %v", name, text, err)
				continue
			}
			if got, err := s.text(); s.kind == textFile && (err != nil || got != text) {
				t.Errorf("%s of %q: %q, %v", name, text, got, err)
			}
			s.Close()
		}
	}
	for name, want := range map[string]string{"a.parquet": "the Parquet file is encrypted", "a.bz2": "the name does not say", "a.txt.bz2": "bzip2 data invalid"} {
		_, _, err := LoadDocuments(write(t, name, map[bool]string{true: "PARENTS AND CHILDREN", false: "BZh9 was its name"}[name == "a.parquet"]), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	empty := "BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00" // what bzip2 makes of nothing
	if _, _, err := LoadDocuments(write(t, "a.txt.bz2", empty), byteTokenizer(t, false), Options{MaxSeqLen: 64}); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("nothing, compressed: %v", err)
	}
}

// TestNamesOfAnyLetters: letters whose small form takes more or fewer bytes change nothing in what a message says.
func TestNamesOfAnyLetters(t *testing.T) {
	const list = "[{\"text\":\"ab\"}]"
	for name, want := range map[string]string{
		"\u023a\u023a\u023a.jsonl": "name it \u023a\u023a\u023a.json", "\u0130\u0130.JSONL": "name it \u0130\u0130.json", "\u212aelvin.jsonl": "name it \u212aelvin.json",
	} {
		for _, gzipped := range []bool{false, true} {
			path, content, want := name, list, want
			if gzipped {
				path, content, want = name+".GZ", gz(t, list), want+".GZ"
			}
			if _, _, err := LoadDocuments(write(t, path, content), byteTokenizer(t, false), Options{MaxSeqLen: 64}); err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s: %v, want %q", path, err, want)
			}
		}
	}
	for path, want := range map[string]string{"\u023a.txt.Gz": "\u023a.txt", "\u0130.bz2": "\u0130", "\u023a.GZ.zst": "\u023a.GZ", "a\u023a": "a\u023a", ".gz": "", "a.\u017ft": "a.\u017ft"} {
		if got := uncompressedName(path); got != want || uncompressed(path) != strings.ToLower(want) {
			t.Errorf("%s: %q, %q", path, got, uncompressed(path))
		}
	}
}

// TestUTF16: text in UTF-16 is named, and the command of the message makes it readable.
func TestUTF16(t *testing.T) {
	want, _, err := LoadDocuments(write(t, "a.jsonl", twoRows), byteTokenizer(t, false), Options{MaxSeqLen: 64})
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`convert it: (iconv .*)$`)
	for name, content := range map[string]string{
		"little-endian": utf16Of(twoRows, binary.LittleEndian, true), "big-endian": utf16Of(twoRows, binary.BigEndian, true),
		"little-endian without mark": utf16Of(twoRows, binary.LittleEndian, false), "big-endian without mark": utf16Of(twoRows, binary.BigEndian, false),
	} {
		path := write(t, "it's 1.jsonl", content)
		_, _, err := LoadDocuments(path, byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if err == nil || !strings.Contains(err.Error(), "the file is UTF-16 text") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := command.FindStringSubmatch(err.Error())
		if m == nil {
			t.Errorf("%s: %v, without a command", name, err)
			continue
		}
		if _, err := exec.LookPath("iconv"); err != nil {
			continue // the message is all that can be checked
		}
		if out, err := exec.Command("sh", "-c", m[1]).CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %v %s", name, m[1], err, out)
			continue
		}
		got, _, err := LoadDocuments(filepath.Join(filepath.Dir(path), "it's 1-utf8.jsonl"), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if err != nil || !slices.Equal(shown(got), shown(want)) {
			t.Errorf("%s: after iconv %q, %v", name, shown(got), err)
		}
	}
}

// TestCommands: the other commands of messages work, one after another until the file can be read.
func TestCommands(t *testing.T) {
	command := regexp.MustCompile(`(?:with: |gzip: |decompress it \()((?:jq|xz|gzip|iconv) .*?)(?:\), then convert it: (.*))?$`)
	result := regexp.MustCompile(`> (\S+)$`)
	for _, c := range []struct{ name, made, want string }{
		{"w.json", `printf '{"version":1,"data":[{"text":"ab"},{"text":"cd"}]}' > w.json`, "w-rows.json"},
		{"v.json", `printf '{"features":[],"rows":[{"row_idx":0,"row":{"text":"ab"}},{"row":{"text":"cd"}}]}' > v.json`, "v-rows.json"},
		{"x.jsonl", `printf '{"text":"ab"}\n{"text":"cd"}\n' | xz > x.jsonl`, "x.jsonl.gz"},
		{"y.jsonl.xz", `printf '{"text":"ab"}\n{"text":"cd"}\n' | xz > y.jsonl.xz`, "y.jsonl.gz"},
		{"u.csv.gz", `printf 'text\nab\ncd\n' | iconv -f UTF-8 -t UTF-16 | gzip > u.csv.gz`, "u-utf8.csv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, tool := range []string{"sh", "jq", "xz", "gzip", "iconv"} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("SKIPPED: whether the command of the message works was not checked: there is no %s in PATH", tool)
				}
			}
			sh := func(line string) {
				if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v %s", line, err, out)
				}
			}
			sh(c.made)
			_, _, err := LoadDocuments(c.name, byteTokenizer(t, false), Options{MaxSeqLen: 64})
			if err == nil {
				t.Fatal("no error")
			}
			m := command.FindStringSubmatch(err.Error())
			if m == nil {
				t.Fatalf("%v, without a command", err)
			}
			last := ""
			for _, line := range m[1:] {
				if line != "" {
					sh(line)
					last = line
				}
			}
			if file := result.FindStringSubmatch(last); file == nil || file[1] != c.want {
				t.Fatalf("%v: want a command that makes %s", err, c.want)
			}
			docs, _, err := LoadDocuments(c.want, byteTokenizer(t, false), Options{MaxSeqLen: 64})
			if err != nil || !slices.Equal(shown(docs), []string{"[a]b$", "[c]d$"}) {
				t.Errorf("%q, %v", shown(docs), err)
			}
		})
	}
}

// TestParts: a compressed file of several members, one after another, is read to its end; a cut one is not read silently.
func TestParts(t *testing.T) {
	lines := strings.SplitAfter(twoRows, "\n")[:2]
	bz, err := os.ReadFile(write(t, "x", bz2OfTwoRows))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, content string
		documents     int
	}{
		{"a.jsonl.gz", gz(t, lines...), 2}, {"a.jsonl.zst", zst(t, lines...), 2}, {"a.jsonl.bz2", string(bz) + string(bz), 4},
		{"a.csv.gz", gz(t, "prompt,completion\n", "a,b\n", "c,d\n"), 2}, {"a.tsv.zst", zst(t, "prompt\tcompletion\na\t", "b\n"), 1},
		{"a.txt.gz", gz(t, "some ", "text"), 1},
	} {
		docs, _, err := LoadDocuments(write(t, c.file, c.content), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if err != nil || len(docs) != c.documents {
			t.Errorf("%s: %d documents, %v; want %d", c.file, len(docs), err, c.documents)
		}
		cut := c.content[:len(c.content)-3]
		if _, _, err := LoadDocuments(write(t, c.file, cut), byteTokenizer(t, false), Options{MaxSeqLen: 64}); err == nil || !strings.Contains(err.Error(), "cut off or damaged") {
			t.Errorf("%s without its last bytes: %v", c.file, err)
		}
	}
}

// TestWindow: a long zstd window is read; one that is longer than the standard tool makes it is named with its length.
func TestWindow(t *testing.T) {
	// A frame of one raw block: magic, descriptor without a content size, window, block header (last, raw, size), bytes.
	frame := func(window byte) string {
		block := len(twoRows)<<3 | 1
		return "\x28\xb5\x2f\xfd\x00" + string([]byte{window, byte(block), byte(block >> 8), byte(block >> 16)}) + twoRows
	}
	docs, _, err := LoadDocuments(write(t, "a.jsonl.zst", frame(17<<3)), byteTokenizer(t, false), Options{MaxSeqLen: 64}) // 2^(10+17)
	if err != nil || len(docs) != 2 {
		t.Errorf("a window of 128 MiB: %d documents, %v", len(docs), err)
	}
	_, _, err = LoadDocuments(write(t, "a.jsonl.zst", frame(22<<3)), byteTokenizer(t, false), Options{MaxSeqLen: 64})
	if err == nil || !strings.Contains(err.Error(), "its zstd window is 4096 MiB, at most 2048 can be read") {
		t.Errorf("a window of 4 GiB: %v", err)
	}
}

// TestZeroBytes: a text with zero bytes, as is left after a crash, is refused with their place.
func TestZeroBytes(t *testing.T) {
	_, _, err := LoadDocuments(write(t, "a.txt", "some text\nand more"+strings.Repeat("\x00", 20)), byteTokenizer(t, false), Options{MaxSeqLen: 64})
	row, ok := errors.AsType[*RowError](err)
	if !ok || row.Line != 2 || !strings.Contains(err.Error(), "byte 19 of the text is 0x00") {
		t.Errorf("%v", err)
	}
}

// TestParquetRows: Parquet gives the same documents as its rows in JSON Lines, and errors count rows.
func TestParquetRows(t *testing.T) {
	var want map[string][]map[string]any
	testfiles.ReadBoxJSON(t, &want, "parquet", "rows.json")
	opt := Options{MaxSeqLen: 64, Reading: Reading{SkipEmpty: true, Columns: "text=prompt,title=completion"}}
	var lines bytes.Buffer
	for _, row := range want["pairs"] {
		lines.Write(append(mustJSON(row), '\n'))
	}
	twins, _, err := LoadDocuments(write(t, "a.jsonl", lines.String()), byteTokenizer(t, false), opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pairs-duckdb-zstd.parquet", "pairs-arrow-groups.parquet", "pairs-hyparquet.parquet"} {
		docs, _, err := LoadDocuments(testfiles.Box(t, "parquet", name), byteTokenizer(t, false), opt)
		if err != nil || !slices.Equal(shown(docs), shown(twins)) || len(docs) != 150 || docs[149].Line != 150 {
			t.Errorf("%s: %d documents, %v", name, len(docs), err)
			continue
		}
		if got := docs[2].Origin(); !strings.HasSuffix(got, name+", row 3") {
			t.Errorf("%s: origin %q", name, got)
		}
		_, _, err = Rows(testfiles.Box(t, "parquet", name), Reading{Columns: "text=n"})
		row, ok := errors.AsType[*RowError](err)
		if !ok || row.Line != 1 || !strings.Contains(err.Error(), name+": row 1: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cut := write(t, "a.parquet", string(testfiles.ReadBox(t, "parquet", "pairs-hyparquet.parquet")[:4000]))
	if _, _, err := LoadDocuments(cut, byteTokenizer(t, false), opt); err == nil || !strings.Contains(err.Error(), "cut off or damaged") {
		t.Errorf("a cut file: %v", err)
	}
}
