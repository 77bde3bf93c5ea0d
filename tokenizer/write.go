package tokenizer

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// writeTokenizer writes tokenizer.json: pieces in the order of their ids, the special tokens first.
func writeTokenizer(pieces []string, merges [][2]string, opt TrainOptions) []byte {
	var out bytes.Buffer
	out.WriteString("{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [")
	for i, s := range opt.Special {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    {\"id\": " + strconv.Itoa(i) + ", \"content\": " + quote(s) +
			", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}")
	}
	byteLevel := func(regex bool) string {
		return `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": ` + strconv.FormatBool(regex) + "}"
	}
	pre := byteLevel(true)
	if opt.Pattern != "" && opt.Pattern != GPT2Pattern {
		pre = `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ` + quote(opt.Pattern) +
			`}, "behavior": "Isolated", "invert": false}, ` + byteLevel(false) + "]}"
	}
	out.WriteString("\n  ],\n  \"normalizer\": null,\n  \"pre_tokenizer\": " + pre +
		",\n  \"post_processor\": " + byteLevel(true) + ",\n  \"decoder\": " + byteLevel(true) +
		",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null," +
		"\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false," +
		"\n    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {")
	for id, p := range pieces {
		if id > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n      " + quote(p) + ": " + strconv.Itoa(id))
	}
	out.WriteString("\n    },\n    \"merges\": [")
	for i, m := range merges {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n      " + quote(m[0]+" "+m[1]))
	}
	out.WriteString("\n    ]\n  }\n}\n")
	return out.Bytes()
}

// quote returns a JSON string in which <, > and & are not escaped.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
