package tokenizer_test

import (
	"fmt"
	"log"
	"slices"

	"reprise/tokenizer"
)

// A vocabulary is trained on two sentences and used. That of a model is read with [tokenizer.Load].
func Example() {
	texts := []string{"the lamp in the window", "the window in the wall"}
	file, err := tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 300}) // the bytes of a tokenizer.json
	if err != nil {
		log.Fatal(err)
	}
	tok, err := tokenizer.Parse(file, nil)
	if err != nil {
		log.Fatal(err)
	}
	ids := tok.Encode("the wall in the lamp", false)
	for _, id := range ids {
		fmt.Printf("%d %q\n", id, tok.Decode([]int32{id}, false))
	}
	end, _ := tok.EOS()
	fmt.Printf("%q, %d ids in all, %d ends a text\n", tok.Decode(ids, false), tok.VocabSize(), end)
	// Output:
	// 259 "the"
	// 260 " w"
	// 65 "a"
	// 76 "l"
	// 76 "l"
	// 262 " in"
	// 263 " the"
	// 221 " "
	// 76 "l"
	// 65 "a"
	// 77 "m"
	// 80 "p"
	// "the wall in the lamp", 267 ids in all, 0 ends a text
}
