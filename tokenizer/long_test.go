package tokenizer

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestLongConversations: a conversation whose renderings would take very long is refused, and one that is being rendered can be
// stopped. What is accepted gives the same parts as before.
func TestLongConversations(t *testing.T) {
	template := strings.NewReplacer("{% generation %}", "", "{% endgeneration %}", "").Replace(marked)
	var words []string
	for range 100 {
		words = append(words, "user", "Q", "assistant", "A")
	}
	talk := say(words...)
	tok := withChat(t, template)
	docs, err := tok.Turns(talk)
	if want := strings.Repeat("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n{A<|im_end|>\n}", 100); err != nil || !slices.Equal(learnt(docs), []string{want}) {
		t.Errorf("%.200q %v, want %.200q", learnt(docs), err, want)
	}
	defer func(old int) { maxTurnSteps = old }(maxTurnSteps)
	maxTurnSteps = 50_000
	if _, err := tok.Turns(talk); err == nil || !strings.Contains(err.Error(), "its 200 messages take the chat template more than 50000 steps") {
		t.Errorf("too many steps: %v", err)
	}
	if _, err := tok.Turns(say("user", "Q", "assistant", "A")); err != nil {
		t.Errorf("a short one: %v", err)
	}
	done := make(chan struct{})
	close(done)
	talk.Done = done
	if _, err := tok.Turns(talk); !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
}
