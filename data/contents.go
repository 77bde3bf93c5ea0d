package data

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"reprise/internal/magic"
)

// sniffed is how many bytes of a file are looked at to see what it holds.
const sniffed = 512

// content is something that a file can hold, recognised by its first bytes.
type content struct {
	name  string // after "the file is"
	is    func(head []byte) bool
	after func(path string) string // what to do with the file
}

func begins(with ...string) func([]byte) bool {
	return func(head []byte) bool { return magic.Begins(head, with...) }
}

// contents lists what a file of text or rows is not. The first that fits counts.
var contents = []content{
	{"compressed with gzip", begins("\x1f\x8b"), named("", ".gz")},
	{"compressed with zstd", begins("\x28\xb5\x2f\xfd"), named("", ".zst")},
	{"compressed with bzip2", isBzip2, named("", ".bz2")},
	{"Parquet", isParquet, named(".parquet", "")},
	{"a zip archive", begins("PK\x03\x04", "PK\x05\x06"), func(path string) string {
		return "unpack it (unzip " + quoted(path) + ") and give the file that it holds"
	}},
	{"compressed with xz", begins("\xfd7zXZ\x00"), func(path string) string {
		return "compress it with gzip: xz -dc " + quoted(path) + " | gzip > " + quoted(strings.TrimSuffix(path, ".xz")+".gz")
	}},
	{"a 7z archive", begins("7z\xbc\xaf\x27\x1c"), func(string) string { return "unpack it and give the file that it holds" }},
	{"a tar archive", func(head []byte) bool { return len(head) > 262 && string(head[257:262]) == "ustar" }, func(path string) string {
		return "unpack it (tar xf " + quoted(path) + ") and give the file that it holds"
	}},
	{"an Arrow file", begins("ARROW1\x00\x00"), func(path string) string {
		return fmt.Sprintf("write it as Parquet; in Python: pyarrow.parquet.write_table(pyarrow.feather.read_table(%q), %q)", path, beside(path, "", ".parquet"))
	}},
	{"an Arrow stream, as datasets keeps in its cache", begins("\xff\xff\xff\xff"), func(path string) string {
		return fmt.Sprintf("write it as Parquet; in Python: datasets.Dataset.from_file(%q).to_parquet(%q)", path, beside(path, "", ".parquet"))
	}},
	{"an SQLite database", begins("SQLite format 3\x00"), func(path string) string {
		return fmt.Sprintf("write the table as CSV: sqlite3 -header -csv %s 'SELECT * FROM …' > %s", quoted(path), quoted(beside(path, "", ".csv")))
	}},
	{"a PDF", begins("%PDF-"), func(path string) string {
		return fmt.Sprintf("take the text out of it, for example with: pdftotext %s %s", quoted(path), quoted(beside(path, "-text", ".txt")))
	}},
	{magic.Pointer, magic.IsPointer, func(string) string { return magic.Pull }},
	{"UTF-32 text", begins("\xff\xfe\x00\x00", "\x00\x00\xfe\xff"), converted("UTF-32")},
	{"UTF-16 text", begins("\xff\xfe", "\xfe\xff"), converted("UTF-16")},
	{"UTF-16 text", zeros(1), converted("UTF-16LE")},
	{"UTF-16 text", zeros(0), converted("UTF-16BE")},
}

// isBzip2 recognises bzip2 by the mark of its first block, or that of its end: a text may begin with BZh.
func isBzip2(head []byte) bool {
	return len(head) >= 10 && begins("BZh")(head) && '1' <= head[3] && head[3] <= '9' && begins("1AY&SY", "\x17\x72\x45\x38\x50\x90")(head[4:])
}

// isParquet recognises Parquet by its mark and by what follows: numbers, which take bytes that no text has. A text may begin with
// PAR1 or PARE, as PARENTS does.
func isParquet(head []byte) bool {
	return begins("PAR1", "PARE")(head) && slices.ContainsFunc(head, func(b byte) bool {
		return b < ' ' && !strings.ContainsRune("\a\b\t\n\v\f\r\x1b", rune(b))
	})
}

// zeros recognises Latin letters in UTF-16 without a mark: every other byte is 0, the first of them at an index.
func zeros(first int) func([]byte) bool {
	return func(head []byte) bool {
		if len(head) < 4 {
			return false
		}
		for i, b := range head[:min(len(head), 16)] {
			if (b == 0) != (i%2 == first) {
				return false
			}
		}
		return true
	}
}

// named is the remedy of another name. What the name said before is kept where only the compression is wrong.
func named(extension, compression string) func(path string) string {
	return func(path string) string {
		base := uncompressedName(filepath.Base(path))
		if extension != "" {
			base = strings.TrimSuffix(base, filepath.Ext(base)) + extension
		}
		return "name it " + base + compression
	}
}

// converted is the remedy of another encoding of text.
func converted(from string) func(path string) string {
	return func(path string) string {
		return fmt.Sprintf("convert it: iconv -f %s -t UTF-8 %s > %s", from, quoted(path), quoted(beside(path, "-utf8", filepath.Ext(path))))
	}
}

// sniff recognises a content; nil if it may be text.
func sniff(head []byte) *content {
	for i := range contents {
		if contents[i].is(head) {
			return &contents[i]
		}
	}
	return nil
}

// misnamed says what is wrong with a file's name, given its first bytes.
func misnamed(path string, known bool, what kind, compression string, head []byte) error {
	found := sniff(head)
	said := "text or rows"
	switch {
	case compression != "":
		said = "compressed with " + compression
	case what == parquetFile && known:
		said = "Parquet"
	}
	switch {
	case known && found != nil && found.name == said, known && found == nil && said == "text or rows":
		return nil
	case !known && what == parquetFile && compression != "" && found != nil && found.name == said:
		return fmt.Errorf("a Parquet file is compressed inside and is not read through %s; decompress the file and name it .parquet", compression)
	case said == "Parquet" && begins("PAR1", "PARE")(head), compression == "bzip2" && known && begins("BZh")(head):
		return nil // a damaged one, which its reader describes
	case found != nil:
		return fmt.Errorf("the file is %s; %s", found.name, found.after(path))
	case !known:
		return errors.New("the name does not say what the file holds; name it " + fileNames)
	case len(head) == 0:
		return errEmpty
	case compression != "":
		return fmt.Errorf("the name says that the file is %s, and it is not: if it is plain, name it %s; otherwise it is damaged", said,
			uncompressedName(filepath.Base(path)))
	}
	return errors.New("the name says Parquet, and the file does not begin with PAR1: it is damaged, or something else")
}

// misnamedInside says what is wrong with a file's name, given the first bytes of what is compressed in it.
func misnamedInside(path, compression string, head []byte) error {
	found := sniff(head)
	if found == nil {
		return nil
	}
	return fmt.Errorf("within the compression the file is %s; decompress it (%s -d %s), then %s", // the tools are called as the compressions are
		found.name, compression, quoted(path), found.after(uncompressedName(path)))
}

// uncompressedName is a name without the extension of its compression.
func uncompressedName(path string) string {
	if ext := filepath.Ext(path); compressions[strings.ToLower(ext)] != "" {
		return strings.TrimSuffix(path, ext)
	}
	return path
}

// renamed is a file's name with another extension before that of its compression.
func renamed(path, extension string) string {
	base := filepath.Base(path)
	plain := uncompressedName(base)
	return strings.TrimSuffix(plain, filepath.Ext(plain)) + extension + base[len(plain):]
}

// beside is a path for what is made from a file.
func beside(path, suffix, extension string) string {
	plain := uncompressedName(path)
	return strings.TrimSuffix(plain, filepath.Ext(plain)) + suffix + extension
}

// quoted is a path as a shell wants it.
func quoted(path string) string {
	for _, r := range path {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-/+@%=:,", r)) {
			return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
		}
	}
	return path
}
