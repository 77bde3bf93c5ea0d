package data_test

import (
	"fmt"
	"log"
	"os"
	"slices"

	"reprise/data"
	"reprise/tokenizer"
)

// Read prompts and completions and pack them into sequences of at most 12 tokens. Tokens in brackets carry loss.
func Example() {
	dir, err := os.MkdirTemp("", "data-example-")
	check(err)
	defer os.RemoveAll(dir)
	lines := `{"prompt": "hot", "completion": "cold"}
{"prompt": "high", "completion": "low"}
{"prompt": "loud", "completion": "quiet"}
{"prompt": "early", "completion": "late"}
`
	check(os.WriteFile(dir+"/opposites.jsonl", []byte(lines), 0o666))
	texts := slices.Values([]string{lines, lines}) // twice, because only pairs that repeat become pieces
	vocabulary, err := tokenizer.Train(texts, tokenizer.TrainOptions{VocabSize: 400})
	check(err)
	tok, err := tokenizer.Parse(vocabulary, nil)
	check(err)

	docs, stats, err := data.LoadDocuments(dir+"/opposites.jsonl", tok, data.Options{MaxSeqLen: 12})
	check(err)
	fmt.Printf("%d documents, %d tokens, %d of them carry loss\n", stats.Documents, stats.Tokens, stats.Targets)
	for i, s := range data.Pack(docs, 12, 1) { // seed 1 decides the order
		fmt.Printf("sequence %d, %d documents:", i, len(s.DocStarts))
		for t, id := range s.IDs {
			piece := tok.Decode([]int32{id}, false)
			if s.Target[t] {
				piece = "[" + piece + "]"
			}
			fmt.Print(" ", piece)
		}
		fmt.Println()
	}
	// Output:
	// 4 documents, 16 tokens, 12 of them carry loss
	// sequence 0, 3 documents: early [ ] [late] [<|endoftext|>] hot [ ] [cold] [<|endoftext|>] loud [ ] [quiet] [<|endoftext|>]
	// sequence 1, 1 documents: high [ ] [low] [<|endoftext|>]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
