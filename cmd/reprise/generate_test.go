package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/internal/tiny"
	"reprise/tokenizer"
)

// chatTemplate writes a conversation with marks that no text has; it refuses a role that it does not know.
const chatTemplate = `{% if tools %}[tools {{ tools | tojson }}]{% endif %}{% for m in messages %}` +
	`{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}[{{ m.role }}]{{ m.content | trim }}` +
	`{% if m.role == 'assistant' %}<|endoftext|>{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}`

// generateModel is a directory with package tiny's model, a chat template, and a generation_config.json if it is not "".
func generateModel(t *testing.T, generation string) string {
	t.Helper()
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "base")
	write(t, filepath.Join(dir, "chat_template.jinja"), chatTemplate)
	if generation != "" {
		write(t, filepath.Join(dir, "generation_config.json"), generation)
	}
	return dir
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// runGenerate runs the command and returns what it printed.
func runGenerate(t *testing.T, dir string, args ...string) (out, notes string, code int) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = execute(t.Context(), append([]string{"generate", "--model", dir}, args...), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

// generates runs the command with --json.
func generates(t *testing.T, dir string, args ...string) (r generated) {
	t.Helper()
	out, notes, code := runGenerate(t, dir, append(args, "--json")...)
	if code != exitDone {
		t.Fatalf("%v: %s", args, notes)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return r
}

// TestGeneratePrintsWhatItReturns: what is printed piece by piece is the text of --json with its control characters escaped, after
// the prompt or without it, and the text of its ids.
func TestGeneratePrintsWhatItReturns(t *testing.T) {
	dir := generateModel(t, "")
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--max-tokens", "20"}, {"--max-tokens", "30", "--temperature", "1.5", "--seed", "4"}, {"--max-tokens", "30", "--temperature", "3", "--top-k", "100"},
		{"--max-tokens", "30", "--repetition-penalty", "1.3", "--presence-penalty=-0.5", "--frequency-penalty", "0.5"},
	} {
		args = append(args, "--prompt", "the red lamp")
		r := generates(t, dir, args...)
		var out pieces
		execute(t.Context(), append([]string{"generate", "--model", dir}, args...), &out, io.Discard)
		if strings.Join(out, "") != "the red lamp"+safe(r.Text)+"\n" || len(out) < r.Tokens/3 {
			t.Errorf("%v: printed %q, the text is %q", args, out, r.Text)
		}
		if out, _, _ := runGenerate(t, dir, append(args, "--only-new", "--threads", "3")...); out != safe(r.Text)+"\n" {
			t.Errorf("%v, --only-new: printed %q, the text is %q", args, out, r.Text)
		}
		all := tok.Decode(append(slices.Clone(r.PromptIDs), r.IDs...), true)
		if all != "the red lamp"+r.Text || r.Tokens != len(r.IDs) || r.Stopped != stoppedLength || r.EndID != nil || r.StopString != "" {
			t.Errorf("%v: %+v, with %q as the text of the ids", args, r, all)
		}
	}
}

// pieces are what was written, write by write.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

// TestWhyAContinuationEnds: by its length, at the model's last position, at an end id, and before a stop string.
func TestWhyAContinuationEnds(t *testing.T) {
	dir := generateModel(t, "")
	prompt, whole := []string(nil), generated{}
	for seed := 260; len(whole.Text) < 12 || strings.ContainsFunc(whole.Text, func(r rune) bool { return r > '~' }); seed++ { // the next seed whose text is ASCII
		prompt = []string{"--prompt", "the red lamp", "--max-tokens", "8", "--temperature", "1", "--top-k", "40", "--seed", fmt.Sprint(seed)}
		whole = generates(t, dir, prompt...)
	}
	if r := generates(t, dir, "--prompt", "the red lamp", "--max-tokens", "500"); r.Stopped != stoppedPositions || len(r.PromptIDs)+r.Tokens != 65 {
		t.Errorf("500 tokens: %q after %d of 64 positions", r.Stopped, len(r.PromptIDs)+r.Tokens)
	}

	stop := whole.Text[3:6]
	at := strings.Index(whole.Text, stop)
	r := generates(t, dir, append(prompt, "--stop", "nowhere, never", "--stop", stop)...)
	if r.Stopped != stoppedText || r.StopString != stop || r.Text != whole.Text[:at] || r.Tokens >= whole.Tokens || !slices.Equal(r.IDs, whole.IDs[:r.Tokens]) {
		t.Errorf("stop string %q in %q: %+v", stop, whole.Text, r)
	}
	if out, _, _ := runGenerate(t, dir, append(prompt, "--stop", stop)...); out != "the red lamp"+safe(whole.Text[:at])+"\n" {
		t.Errorf("stop string %q: printed %q", stop, out)
	}

	end := whole.IDs[len(whole.IDs)-1]
	first := slices.Index(whole.IDs, end)
	write(t, filepath.Join(dir, "generation_config.json"), fmt.Sprintf(`{"eos_token_id": [299, %d]}`, end))
	r = generates(t, dir, prompt...)
	if r.Stopped != stoppedEnd || r.EndID == nil || *r.EndID != end || !slices.Equal(r.IDs, whole.IDs[:first+1]) || !strings.HasPrefix(whole.Text, r.Text) {
		t.Errorf("end id %d in %v: %+v", end, whole.IDs, r)
	}
	if r.Text == whole.Text {
		t.Errorf("%q has the text of the end id", r.Text)
	}
}

// TestGenerationConfig: its settings are those of the flags of the same names, are said, and give way to flags.
func TestGenerationConfig(t *testing.T) {
	plain := generateModel(t, "")
	prompt := []string{"--prompt", "the red lamp"}
	for _, c := range []struct {
		file  string
		given []string // flags beside the file
		flags []string // flags that say the same without a file
		said  string
	}{
		{`{"eos_token_id": 299, "transformers_version": "4.51.0"}`, nil, nil, ""},
		{`{"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.05, "max_new_tokens": 30}`, nil,
			[]string{"--temperature", "0.7", "--top-k", "20", "--top-p", "0.8", "--repetition-penalty", "1.05", "--max-tokens", "30"},
			"temperature 0.7, top-k 20, top-p 0.8, repetition penalty 1.05, at most 30 new tokens (flags override it)"},
		{`{"do_sample": true}`, nil, []string{"--temperature", "1", "--top-k", "50"}, "temperature 1, top-k 50 (what transformers takes where the file has none)"},
		{`{"do_sample": true, "min_p": 0.1, "top_k": 0}`, nil, []string{"--temperature", "1", "--min-p", "0.1"}, "temperature 1, top-k 0, min-p 0.1"},
		{`{"do_sample": true, "temperature": 0.7, "top_p": 0.8}`, []string{"--temperature", "0"}, nil, ""},
		{`{"do_sample": true, "temperature": 0.7, "top_p": 0.8}`, []string{"--top-k", "0", "--top-p", "1", "--temperature", "2"}, []string{"--temperature", "2"}, ""},
		{`{"do_sample": false, "temperature": 0.7, "top_k": 5}`, nil, nil, ""},
		{`{"temperature": 0.7, "top_p": 0.5}`, []string{"--temperature", "1.5"}, []string{"--temperature", "1.5", "--top-p", "0.5"}, "has it: top-p 0.5 ("},
		{`{"max_length": 20}`, nil, []string{"--max-tokens", "14"}, "at most 20 tokens with the prompt's 6"},
		{`{"max_length": 20, "max_new_tokens": 5}`, nil, []string{"--max-tokens", "5"}, "at most 5 new tokens"},
		{`{"max_new_tokens": 5}`, []string{"--max-tokens", "9"}, []string{"--max-tokens", "9"}, ""},
		{`{"repetition_penalty": 1.4}`, nil, []string{"--repetition-penalty", "1.4"}, "repetition penalty 1.4"},
		{`{"stop_strings": ["a"]}`, nil, []string{"--stop", "a"}, `stop strings ["a"]`},
		{`{"stop_strings": ["a"]}`, []string{"--stop", "e"}, []string{"--stop", "e"}, ""},
		{`{"num_beams": 4, "no_repeat_ngram_size": 3}`, nil, nil, "without effect here, so that other programs may write something else: no_repeat_ngram_size 3, num_beams 4"},
	} {
		dir := generateModel(t, c.file)
		args := append(slices.Clone(prompt), c.given...)
		got, want := generates(t, dir, args...), generates(t, plain, append(slices.Clone(prompt), c.flags...)...)
		if len(got.PromptIDs) != 6 {
			t.Fatalf("the test wants a prompt of 6 tokens, not %d", len(got.PromptIDs))
		}
		if !slices.Equal(got.IDs, want.IDs) || got.Text != want.Text {
			t.Errorf("%s with %v: %q, want %q", c.file, c.given, got.Text, want.Text)
		}
		_, notes, _ := runGenerate(t, dir, args...)
		if lines := strings.Count(strings.TrimSuffix(notes, "\n"), "\n"); c.said == "" && strings.Contains(notes, "generation_config") || !strings.Contains(notes, c.said) || lines > 1 {
			t.Errorf("%s with %v says %q, want %q", c.file, c.given, notes, c.said)
		}
	}
	for file, want := range map[string]string{
		`{"do_sample": true, "temperature": -1}`: "generation_config.json: temperature -1: want 0 to 100; or give --temperature",
		`{"do_sample": true, "top_p": 0}`:        "generation_config.json: top_p 0: want more than 0 and at most 1; or give --top-p",
		`{"repetition_penalty": 0}`:              "generation_config.json: repetition_penalty 0: want 0.01 to 100; or give --repetition-penalty",
		`{"max_length": 6}`:                      "leaves no new token after a prompt of 6; give --max-tokens",
		`{"top_k": "many"}`:                      `generation_config.json: top_k: "many", want a whole number`,
	} {
		if out, notes, code := runGenerate(t, generateModel(t, file), prompt...); code != exitFailed || out != "" || !strings.Contains(notes, want) {
			t.Errorf("%s: exit code %d, %q, want %q", file, code, notes, want)
		}
	}
}

// TestGenerateConversations: the flags for a conversation give the prompt that the chat template writes.
func TestGenerateConversations(t *testing.T) {
	dir := generateModel(t, "")
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	talk := filepath.Join(t.TempDir(), "talk.json")
	for _, c := range []struct {
		file string
		args []string
		want string
	}{
		{"", []string{"--chat", "--prompt", "hi"}, "[user]hi[assistant]"},
		{"", []string{"--chat", "--prompt", "hi", "--system", "be brief"}, "[system]be brief[user]hi[assistant]"},
		{"", []string{"--chat", "--prompt", "hi", "--system", ""}, "[system][user]hi[assistant]"},
		{`[{"role": "user", "content": "hi"}]`, nil, "[user]hi[assistant]"},
		{"\n " + `{"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}], "tools": null}`, nil, "[system]be brief[user]hi[assistant]"},
		{`{"messages": [{"role": "user", "content": "hi"}], "tools": [{"name": "add", "x": 1.0}]}`, []string{"--chat"}, `[tools [{"name": "add", "x": 1.0}]][user]hi[assistant]`},
		{`[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]`, nil, "[user]a[assistant]b<|endoftext|>[user]c[assistant]"},
		{`[{"role": "user", "content": "a"}, {"role": "assistant", "content": "It is a"}]`, []string{"--continue"}, "[user]a[assistant]It is a"},
		{`[{"role": "user", "content": "a a"}, {"role": "assistant", "content": " a \n"}]`, []string{"--continue"}, "[user]a a[assistant]a"},
		{`[{"role": "user", "content": "a"}, {"role": "assistant", "x": {"content": "y"}, "content": "e", "z": 1}]`, []string{"--continue"}, "[user]a[assistant]e"},
		{`[{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]`, []string{"--continue"}, "[user]a[assistant]"},
		{`[{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "text", "text": "<b> "}]}]`, []string{"--continue"}, "[user]a[assistant]<b>"},
	} {
		args := append([]string{"--max-tokens", "4"}, c.args...)
		if c.file != "" {
			args = append(args, "--messages", write(t, talk, c.file))
		}
		r := generates(t, dir, args...)
		if got := tok.Decode(r.PromptIDs, false); got != c.want {
			t.Errorf("%v %s: prompt %q, want %q", c.args, c.file, got, c.want)
		}
		if out, notes, _ := runGenerate(t, dir, args...); c.file != "" && out != safe(r.Text)+"\n" || !strings.HasSuffix(out, safe(r.Text)+"\n") {
			t.Errorf("%v %s: printed %q %q, want the answer %q", c.args, c.file, out, notes, r.Text)
		}
	}
	for file, want := range map[string]string{
		`[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]`: "the last message is the assistant's, so that there is nothing to answer; leave it out, or go on with it: --continue",
		`{"messages": [{"role": "user", "content": "a"}], "temperature": 1}`:        `talk.json: field "temperature" is not known; take it out`,
		`[{"role": "tool", "content": "a"}]`:                                        "no tools here",
		`{"tools": []}`:                                                             "talk.json: no known field",
		`[{"content": "a"}]`:                                                        `talk.json: field "messages": [0]: field "role" is missing`,
		`hi`:                                                                        "talk.json: want a list of",
		`{"messages": `:                                                             "unexpected end of JSON input",
		"[{\"role\": \"user\", \"c\": \"\xff\"":                                     "talk.json is not UTF-8",
	} {
		if out, notes, code := runGenerate(t, dir, "--messages", write(t, talk, file)); code != exitFailed || out != "" || !strings.Contains(notes, want) {
			t.Errorf("%s: exit code %d, %q %q, want %q", file, code, out, notes, want)
		}
	}
	asks := write(t, talk, `[{"role": "user", "content": "a"}]`)
	if _, notes, _ := runGenerate(t, dir, "--messages", asks, "--continue"); !strings.Contains(notes, `has the role "user", not assistant`) {
		t.Errorf("--continue after a user's message: %q", notes)
	}
	nothing := write(t, talk, `[{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": []}]`)
	if _, notes, _ := runGenerate(t, dir, "--messages", nothing, "--continue"); !strings.Contains(notes, "the last message has no content") {
		t.Errorf("--continue of nothing: %q", notes)
	}
	write(t, filepath.Join(dir, "chat_template.jinja"), `{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`)
	asks = write(t, talk, `[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b "}]`)
	if r := generates(t, dir, "--messages", asks, "--continue", "--max-tokens", "1"); tok.Decode(r.PromptIDs, false) != "user: aassistant: b " {
		t.Errorf("a template without trim: prompt %q", tok.Decode(r.PromptIDs, false))
	}
}

// TestGenerateRefuses: values and combinations that mean nothing are refused before anything is printed, with the flag's name.
func TestGenerateRefuses(t *testing.T) {
	dir := generateModel(t, "")
	for want, args := range map[string][]string{
		"--temperature -1: want 0 to 100":           {"--temperature=-1"},
		"--temperature NaN: want 0 to 100":          {"--temperature", "nan"},
		"--top-k -1: want a whole number":           {"--top-k=-1"},
		"--top-p 0: want more than 0 and at most 1": {"--top-p", "0"},
		"--top-p 1.1: want more than 0":             {"--top-p", "1.1"},
		"--min-p 2: want 0 to 1":                    {"--min-p", "2"},
		"--repetition-penalty 0: want 0.01":         {"--repetition-penalty", "0"},
		"--repetition-penalty 1000: want 0.01":      {"--repetition-penalty", "1000"},
		"--presence-penalty 3: want -2 to 2":        {"--presence-penalty", "3"},
		"--frequency-penalty -3: want -2 to 2":      {"--frequency-penalty=-3"},
		"--max-tokens -1: want 1 or more":           {"--max-tokens=-1"},
		"--stop is empty":                           {"--stop", "x", "--stop", ""},
		"--system needs --chat":                     {"--system", "x"},
		"--continue needs --messages":               {"--continue"},
		"--prompt and --messages are both given":    {"--messages", "x.json"},
	} {
		if out, notes, code := runGenerate(t, dir, append([]string{"--prompt", "x"}, args...)...); code != exitFailed || out != "" || !strings.Contains(notes, want) {
			t.Errorf("%v: exit code %d, %q %q, want %q", args, code, out, notes, want)
		}
	}
	if _, notes, _ := runGenerate(t, dir, "--prompt", strings.Repeat("\x01", 70)); !strings.Contains(notes, "the prompt has 70 tokens, and the model has 64 positions; give a shorter one") {
		t.Errorf("a long prompt: %q", notes)
	}
	if _, notes, _ := runGenerate(t, dir, "--messages", "x.json", "--system", "y"); !strings.Contains(notes, "--system and --messages are both given") {
		t.Errorf("--system with --messages: %q", notes)
	}
	_, notes, code := runGenerate(t, dir, "--prompt", "x", "--max-tokens", "2", "--top-k", "3", "--min-p", "0.5")
	if code != exitDone || strings.Count(notes, "has no effect at temperature 0") != 2 {
		t.Errorf("exit code %d, %q, want two notices", code, notes)
	}
}

// TestPromptFromStandardInput: one line end at the end belongs to the tool that wrote it; everything else is the prompt.
func TestPromptFromStandardInput(t *testing.T) {
	dash := "-"
	c := generatePrompt{Prompt: &dash}
	for in, want := range map[string]string{
		"": "", "a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", " a \n": " a ", "def f():\n    \n": "def f():\n    ", "a\r": "a\r",
	} {
		if got, err := c.text(strings.NewReader(in)); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
	if _, err := c.text(strings.NewReader("a\xff")); err == nil || err.Error() != "generate: --prompt -: standard input is not UTF-8" {
		t.Errorf("not UTF-8: %v", err)
	}
	if _, err := c.text(endless{}); err == nil || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Errorf("without an end: %v", err)
	}
}

// endless is an input that never ends.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestGenerateFromDamagedWeights: no text is made of logits that are not numbers.
func TestGenerateFromDamagedWeights(t *testing.T) {
	b, err := base.Open(generateModel(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	w := b.Model.Head().W
	for i := range w.Cols { // two rows of opposite signs: one of the logits overflows upwards
		w.Row(2)[i], w.Row(3)[i] = 3e38, -3e38
	}
	dir := filepath.Join(t.TempDir(), "damaged")
	if err := b.Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--prompt", "the"}, {"--prompt", "the", "--temperature", "1", "--top-k", "3"}} {
		out, notes, code := runGenerate(t, dir, args...)
		if code != exitFailed || out != "the\n" || !strings.Contains(notes, "logits of the next token are not finite numbers") {
			t.Errorf("%v: exit code %d, %q %q", args, code, out, notes)
		}
	}
}

// TestFirstSampleIsThatOfOne: sample 0 of many is what generate --json gives, with a stop string and an end id among the reasons.
func TestFirstSampleIsThatOfOne(t *testing.T) {
	dir := generateModel(t, "")
	for seed := range 6 {
		args := []string{"--prompt", "the red", "--max-tokens", "25", "--temperature", "2", "--seed", fmt.Sprint(seed), "--stop", "e"}
		want := generates(t, dir, args...)
		out, notes, code := runGenerate(t, dir, append(args, "--jsonl", "--samples", "20")...)
		if code != exitDone {
			t.Fatal(notes)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 20 {
			t.Fatalf("seed %d: %d samples, want 20", seed, len(lines))
		}
		different := false
		for i, line := range lines {
			var got generated
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			if got.Sample == nil || *got.Sample != i {
				t.Errorf("seed %d: line %d is %s", seed, i, line)
			}
			same := got.Text == want.Text && slices.Equal(got.IDs, want.IDs) && got.Stopped == want.Stopped && got.StopString == want.StopString
			if i == 0 && !same {
				t.Errorf("seed %d: sample 0 is %+v, want %+v", seed, got, want)
			}
			different = different || !same
		}
		if !different {
			t.Errorf("seed %d: all samples are the same", seed)
		}
	}
}

// TestGenerateReadsAsTraining: variables, nulls and the date reach the template as they do when the conversation is learnt.
func TestGenerateReadsAsTraining(t *testing.T) {
	dir := generateModel(t, "")
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "chat_template.jinja"), `{% if date is defined %}{{ strftime_now('%d.%m.%Y') }}{% endif %}{% if enable_thinking %}[think]{% endif %}`+
		`{% for m in messages %}{% if 'tool_calls' in m %}[calls]{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}`)
	talk := write(t, filepath.Join(t.TempDir(), "talk.json"), `{"messages": [{"role": "user", "content": "a", "tool_calls": null}], "chat_template_kwargs": {"enable_thinking": true, "date": 1}}`)
	r := generates(t, dir, "--messages", talk, "--max-tokens", "1", "--chat-date", "2025-01-31")
	if got, want := tok.Decode(r.PromptIDs, false), "31.01.2025[think][user]a[assistant]"; got != want {
		t.Errorf("prompt %q, want %q", got, want)
	}
	// What a row of data may be, a conversation may be.
	row := write(t, filepath.Join(t.TempDir(), "row.json"), `{"conversations": [{"from": "human", "value": "a", "mood": "x"}], "system": "b", "id": 1}`)
	r = generates(t, dir, "--messages", row, "--max-tokens", "1")
	if got, want := tok.Decode(r.PromptIDs, false), "[system]b[user]a[assistant]"; got != want {
		t.Errorf("prompt %q, want %q", got, want)
	}
	if _, notes, code := runGenerate(t, dir, "--messages", row, "--max-tokens", "1"); code != exitDone ||
		!strings.Contains(notes, `row.json: the field "messages[].mood", in 1 sample, is not read by the chat template and changes nothing`) {
		t.Errorf("a field that is not written: exit code %d, %q", code, notes)
	}
	// What training refuses because the template does not write it is refused here.
	for _, more := range []string{`{"role": "user", "content": "a"}`, `{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}`} {
		tools := write(t, filepath.Join(t.TempDir(), "tools.json"), `{"messages": [`+more+`], "tools": [{"name": "f"}]}`)
		args := []string{"--messages", tools}
		if strings.Contains(more, "assistant") {
			args = append(args, "--continue")
		}
		if _, notes, code := runGenerate(t, dir, args...); code != exitFailed || !strings.Contains(notes, `tools.json: field "tools": the tokenizer's chat template does not write it`) {
			t.Errorf("tools that are not written: exit code %d, %q", code, notes)
		}
	}
	for want, args := range map[string][]string{
		"hint: give the day with --chat-date YYYY-MM-DD": {"--messages", talk},
		`chat_date: "1.2.2025", want a day`:              {"--messages", talk, "--chat-date", "1.2.2025"},
		"--chat-date needs --chat or --messages":         {"--prompt", "a", "--chat-date", "2025-01-31"},
	} {
		if _, notes, code := runGenerate(t, dir, args...); code != exitFailed || !strings.Contains(notes, want) {
			t.Errorf("%v: exit code %d, %q, want %q", args, code, notes, want)
		}
	}
}
