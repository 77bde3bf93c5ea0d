package data

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/internal/testfiles"
)

// tree writes files below a new directory; a text that begins with -> is a link.
func tree(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for path, text := range files {
		full := writeIn(t, dir, path, text)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			if err := os.Remove(full); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, full); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// TestLayouts: the directories in which data sets lie.
func TestLayouts(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct {
		name, dir   string
		files       []string
		links       map[string]string
		train, eval []string
		fails       string // of training
	}{
		{name: "files", files: []string{"train.csv", "validation.csv", "README.md"}, train: []string{"train.csv"}, eval: []string{"validation.csv"}},
		{name: "shards in data", files: []string{"README.md", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"},
			train: []string{"data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"}, eval: []string{"data/test-00000-of-00001.parquet"}},
		{name: "shards with hashes", files: []string{"data/train-00000-of-00001-0123abcd.parquet"}, train: []string{"data/train-00000-of-00001-0123abcd.parquet"}},
		{name: "folders", files: []string{"train/b.jsonl", "train/a.jsonl", "train/readme.md", "train/.hidden.jsonl", "validation/0000.jsonl", "train/notes.docx"},
			train: []string{"train/a.jsonl", "train/b.jsonl"}, eval: []string{"validation/0000.jsonl"}},
		{name: "folders in data", files: []string{"data/train/a.tsv", "data/dev/a.tsv"}, train: []string{"data/train/a.tsv"}, eval: []string{"data/dev/a.tsv"}},
		{name: "one configuration", files: []string{"README.md", "default/train/0000.parquet", "default/test/0000.parquet", "figures/a.png"},
			train: []string{"default/train/0000.parquet"}, eval: []string{"default/test/0000.parquet"}},
		{name: "two configurations", files: []string{"en/train.jsonl", "de/train.jsonl"}, fails: "the directory holds 2 data sets; give one of them: "},
		{name: "a configuration beside files", files: []string{"train.jsonl", "extra/train.jsonl"}, train: []string{"train.jsonl"}},
		{name: "two places", files: []string{"train.jsonl", "data/train.jsonl"}, fails: "the part train is in two places"},
		{name: "two formats", files: []string{"train.jsonl", "train.parquet"}, fails: "exists in two formats, train.jsonl and train.parquet"},
		{name: "a missing shard", files: []string{"data/train-00000-of-00003.parquet", "data/train-00002-of-00003.parquet"}, fails: "of the 3 files of the part train the one with 00001-of-00003 in its name is missing"},
		{name: "two sets of shards", files: []string{"train_gen-00000-of-00001.parquet", "train_sft-00000-of-00001.parquet"},
			fails: "the part train has files of 2 sets, train_gen-of-00001, train_sft-of-00001; put the files of one of them into a directory of their own"},
		{name: "a file beside its shards", files: []string{"train-00000-of-00001.jsonl", "train.jsonl"}, fails: "train-00000-of-00001.jsonl is one of the numbered files of the part train, and train.jsonl is not and may hold the same"},
		{name: "a file beside its shards in a folder", files: []string{"train/all.parquet", "train/x-00000-of-00002.parquet", "train/x-00001-of-00002.parquet"}, fails: "x-00001-of-00002.parquet is one of the numbered files of the part train, and all.parquet is not"},
		{name: "two words for a part", files: []string{"train.jsonl", "training.jsonl", "val.csv", "valid.csv"}, fails: "train.jsonl and training.jsonl are both named as the part train"},
		{name: "two words in a folder", files: []string{"train/train.jsonl", "train/training-a.jsonl"}, fails: "train.jsonl and training-a.jsonl are both named as the part train"},
		{name: "two folders for a part", files: []string{"train/a.jsonl", "training/a.jsonl"}, fails: "the part train is in two places"},
		{name: "other words in a folder", files: []string{"train/b-valid.jsonl", "train/test.jsonl", "train/train.jsonl"}, train: []string{"train/b-valid.jsonl", "train/test.jsonl", "train/train.jsonl"}},
		{name: "a folder in a part", files: []string{"train/a.jsonl", "train/more/deep/b.csv.gz", "test.jsonl"}, fails: "more/deep/b.csv.gz lies in a folder within that of the part train, where files are not read", eval: []string{"test.jsonl"}},
		{name: "only a folder in a part", files: []string{"train.jsonl", "data/train/more/b.jsonl"}, fails: "b.jsonl lies in a folder within that of the part train"},
		{name: "other folders in a part", files: []string{"train/a.jsonl", "train/images/b.png", "train/.cache/c.jsonl", "train/notes/README.md"}, train: []string{"train/a.jsonl"}},
		{name: "nothing", files: []string{"notes.md", "texts/a.jsonl"}, fails: "begins with train and that ends in .txt, .jsonl"},
		{name: "a folder of the cache", dir: "datasets--someone--birds", files: []string{"refs/main=" + commit, "blobs/aa"},
			links: map[string]string{"snapshots/" + commit + "/data/train-00000-of-00001.parquet": "->../../../blobs/aa"},
			train: []string{"snapshots/" + commit + "/data/train-00000-of-00001.parquet"}},
		{name: "a folder of the cache without its blobs", dir: "datasets--someone--birds", files: []string{"refs/main=" + commit},
			links: map[string]string{"snapshots/" + commit + "/train.jsonl": "->../../blobs/aa"}, fails: "train.jsonl is a link to ../../blobs/aa, which is not there; download the data again"},
	} {
		files := map[string]string{}
		for _, f := range c.files {
			name, text, _ := strings.Cut(f, "=")
			files[name] = text
		}
		for name, target := range c.links {
			files[name] = target
		}
		dir := tree(t, cmp.Or(c.dir, "birds"), files)
		for evaluation, want := range map[bool][]string{false: c.train, true: c.eval} {
			got, err := Files(dir, evaluation)
			for i := range got {
				rel, err := filepath.Rel(dir, got[i])
				if err != nil {
					t.Fatal(err)
				}
				got[i] = filepath.ToSlash(rel)
			}
			switch {
			case !evaluation && c.fails != "":
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%s: %v, %v; want %q", c.name, got, err, c.fails)
				}
			case want == nil && err == nil:
				t.Errorf("%s: %v, want an error", c.name, got)
			case want != nil && (err != nil || !slices.Equal(got, want)):
				t.Errorf("%s: %v, %v; want %v", c.name, got, err, want)
			}
		}
	}
}

// TestFolderBehindALink: a folder in a part is found through a link, too.
func TestFolderBehindALink(t *testing.T) {
	elsewhere := tree(t, "elsewhere", map[string]string{"b.jsonl": ""})
	dir := tree(t, "birds", map[string]string{"train/a.jsonl": "", "train/more": "->" + elsewhere})
	if files, err := Files(dir, false); err == nil || !strings.Contains(err.Error(), "b.jsonl lies in a folder within that of the part train") {
		t.Errorf("%v, %v", files, err)
	}
}

// TestOneWord: of two words for the evaluation part one must go.
func TestOneWord(t *testing.T) {
	for _, other := range []string{"valid", "validation", "dev-a"} {
		dir := tree(t, "birds", map[string]string{"val.jsonl": "", other + ".jsonl": "", "train.jsonl": ""})
		if files, err := Files(dir, true); err == nil || !strings.Contains(err.Error(), "both named as the part valid") {
			t.Errorf("%v, %v", files, err)
		}
		if _, err := Files(dir, false); err != nil {
			t.Error(err)
		}
	}
}

// TestCacheIsRead: Parquet shards through the links of the cache, in order.
func TestCacheIsRead(t *testing.T) {
	const snapshot = "snapshots/0123456789abcdef0123456789abcdef01234567/"
	dir := tree(t, "datasets--someone--pairs", map[string]string{
		"refs/main": "0123456789abcdef0123456789abcdef01234567",
		"blobs/aa":  string(testfiles.ReadBox(t, "parquet", "pairs-arrow-plain.parquet")), "blobs/bb": string(testfiles.ReadBox(t, "parquet", "pairs-hyparquet.parquet")),
		snapshot + "data/train-00000-of-00002.parquet": "->../../../blobs/aa", snapshot + "data/train-00001-of-00002.parquet": "->../../../blobs/bb",
	})
	docs, stats, err := LoadDocuments(dir, byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: "text=prompt,title=completion"}})
	if err != nil || stats.Documents != 300 || !strings.HasSuffix(docs[0].Origin(), "00000-of-00002.parquet, row 1") || !strings.HasSuffix(docs[299].Origin(), "00001-of-00002.parquet, row 150") {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

// TestJSONFiles: what a .json file may hold beside one list.
func TestJSONFiles(t *testing.T) {
	for _, c := range []struct {
		content string
		want    []string
		lines   []int
		fails   string
	}{
		{content: "{\"text\":\"ab\"}\n{\"text\":\"cd\"}\n", want: []string{"[a]b$", "[c]d$"}, lines: []int{1, 2}},
		{content: "\xef\xbb\xbf{\"text\":\"ab\"}\r\n\r\n{\"text\":\"cd\"}", want: []string{"[a]b$", "[c]d$"}, lines: []int{1, 3}},
		{content: "{\n \"data\":\n [\n  {\"text\":\"ab\"},\n  {\"text\":\"cd\"}]}", want: []string{"[a]b$", "[c]d$"}, lines: []int{4, 5}},
		{content: "{\"[x\": [{\"text\":\"ab\"}]}", want: []string{"[a]b$"}, lines: []int{1}},
		{content: "{\"text\":\"ab\"}\n{\"text\":3}\n", fails: `line 2: field "text": want a string`},
		{content: "{\"text\":\"ab\"} {\"text\":\"cd\"}\n", fails: "line 1: bad JSON"},
		{content: "{\"data\":[{\"text\":\"ab\"},\n{\"text\":3}]}", fails: `line 2: field "text": want a string`},
		{content: "{\"version\":\"1\",\"data\":[{\"text\":\"ab\"}]}", fails: `the file is one object with the members "data", "version"; take the list of rows out of it, for example with: jq '."data"' `},
		{content: "{\"features\":[],\"rows\":[{\"row_idx\":0,\"row\":{\"text\":\"ab\"}}]}", fails: `jq '[."rows"[].row]' `},
		{content: "{\"text\":\"ab\"}", fails: "the file is one object, want a list of objects; put [ before it and ] after it"},
		{content: "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", fails: "put [ before it"},
		{content: "{\"conversation\":[{\"role\":\"user\",\"content\":\"a\"}]}", fails: "put [ before it"},
		{content: "{\"functions\":[{}],\"prompt\":[{}],\"rejected\":[{}]}", fails: "put [ before it"},
		{content: "{\"text\":\"ab\"", fails: "line 1: bad JSON"},
		{content: "3", fails: "want one list of objects"},
	} {
		docs, _, err := LoadDocuments(write(t, "a.json", c.content), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%q: %v, want %q", c.content, err, c.fails)
			}
			continue
		}
		var lines []int
		for _, d := range docs {
			lines = append(lines, d.Line)
		}
		if err != nil || !slices.Equal(shown(docs), c.want) || !slices.Equal(lines, c.lines) {
			t.Errorf("%q: %q in lines %v, %v", c.content, shown(docs), lines, err)
		}
	}
	// The remedies.
	for _, content := range []string{"[{\"text\":\"ab\"}]", "[\n{\"text\":\"ab\"}\n]"} {
		_, _, err := LoadDocuments(write(t, "a.jsonl", content), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		m := ""
		if err != nil {
			m = strings.Join(newName.FindStringSubmatch(err.Error())[1:], "")
		}
		if m != "a.json" {
			t.Errorf("%q: %v", content, err)
		}
		if _, _, err := LoadDocuments(write(t, "a.json", content), byteTokenizer(t, false), Options{MaxSeqLen: 64}); err != nil {
			t.Errorf("%q as .json: %v", content, err)
		}
	}
	if docs, _, err := LoadDocuments(write(t, "a.json", "[{\"text\":\"ab\"}]"), byteTokenizer(t, false), Options{MaxSeqLen: 64}); err != nil || len(docs) != 1 {
		t.Errorf("one object in brackets: %v", err)
	}
}
